package raftstore_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"

	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/test/faults/network"
)

// daemon is a member as it is in production: the program's own process, with a disk and an address of its own, through its lives.
type daemon struct {
	*testing.T
	id, address, dir string
	host             *network.Host
	args             []string
	// pinned asks this member alone, whoever leads.
	pinned *raftstore.Client

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{}
	frozen bool
	// wanted: its end is no surprise.
	wanted bool
}

// start begins a life of the member on its host. It dies with the host, however that ends.
func (d *daemon) start() {
	d.Helper()
	log, err := os.OpenFile(d.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		d.Fatal(err)
	}
	defer log.Close()
	cmd, ended := exec.Command(*processesBinary, d.args...), make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	d.mu.Lock()
	d.cmd, d.ended, d.frozen, d.wanted = cmd, ended, false, false
	d.mu.Unlock()
	if err := d.host.Run(cmd.Start); err != nil {
		d.Fatal(err)
	}
	go func() {
		defer close(ended)
		err := cmd.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.wanted {
			d.Errorf("%s ended by itself: %v", d.id, err)
		}
	}()
}

// running tells whether the process is there, be it frozen.
func (d *daemon) running() bool {
	select {
	case <-d.ended:
		return false
	default:
		return true
	}
}

// kill ends the process on the spot, frozen or not.
func (d *daemon) kill() {
	d.Helper()
	d.mu.Lock()
	d.wanted = true
	d.mu.Unlock()
	d.signal(syscall.SIGKILL)
	<-d.ended
}

func (d *daemon) freeze() {
	d.Helper()
	d.signal(syscall.SIGSTOP)
	d.frozen = true
}

func (d *daemon) thaw() {
	d.Helper()
	if d.frozen {
		d.signal(syscall.SIGCONT)
		d.frozen = false
	}
}

func (d *daemon) signal(s syscall.Signal) {
	d.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.Errorf("%s: %s: %v", d.id, s, err)
	}
}

// lastWords are the end of what the member logged.
func (d *daemon) lastWords() string {
	const lines = 40
	raw, err := os.ReadFile(d.dir + ".log")
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(raw)), "\n")
	return fmt.Sprintf("%s:\n%s", d.id, strings.Join(all[max(0, len(all)-lines):], "\n"))
}
