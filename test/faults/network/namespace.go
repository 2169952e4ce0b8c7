package network

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrForbidden: this process may make no network namespaces. It needs root, or a kernel that lets users make namespaces of their own.
var ErrForbidden = errors.New("no network namespace may be made here: run as root")

// Isolate has a command begin in a network namespace of its own, with nothing in it; without root in a user namespace as well, in which
// it is root. It dies with the thread that starts it.
func Isolate(cmd *exec.Cmd) {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	cmd.SysProcAttr = attr
}

// Forbidden tells whether err, from starting what Isolate prepared, says that namespaces may not be made.
func Forbidden(err error) bool {
	return errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL)
}

// namespace is a network namespace and the thread that is in it. Processes started from that thread are in it too.
type namespace struct {
	// file stands for the namespace in netlink requests.
	file  *os.File
	calls chan func()
	ended chan struct{}
}

func newNamespace() (*namespace, error) {
	n := &namespace{calls: make(chan func()), ended: make(chan struct{})}
	ready := make(chan error)
	go func() {
		defer close(n.ended)
		// Never unlocked: the thread ends with the goroutine and takes nobody else into the namespace.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			ready <- fmt.Errorf("%w (%s)", ErrForbidden, err)
			return
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		n.file = file
		ready <- err
		if err != nil {
			return
		}
		for call := range n.calls {
			call()
		}
	}()
	return n, <-ready
}

// run has f run on the thread in the namespace, and waits for it.
func (n *namespace) run(f func() error) error {
	done := make(chan error, 1)
	n.calls <- func() { done <- f() }
	return <-done
}

// close ends the thread, and with it whatever was started from it and asked to die with its parent.
func (n *namespace) close() {
	close(n.calls)
	<-n.ended
	n.file.Close()
}
