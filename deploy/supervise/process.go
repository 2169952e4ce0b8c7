// Package supervise keeps a set of processes running: it starts them in order, starts again what ends, with
// back-off, takes over those that an earlier supervisor started, and stops them in reverse order.
//
// It owns the pid files of its processes. One supervisor runs per directory at a time; a lock sees to that.
package supervise

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a program to keep running.
type Process struct {
	// Name is unique among its fellows; it names its pid and log files.
	Name string
	// Path and Args are what is run; Path is looked up in PATH when it has no slash.
	Path string
	Args []string
	// Env is added to the supervisor's own.
	Env []string
	// StopTimeout is how long it may take to end after SIGTERM before SIGKILL; 0 means 20 s.
	StopTimeout time.Duration
	// Keep leaves it running when the supervisor ends; see Stop.
	Keep bool
	// Ready, when set, is waited for before the next process is started for the first time: a path that appears.
	Ready string
}

// instance identifies a running process beyond doubt: pids are used again, pid and start time are not.
type instance struct {
	pid   int
	start string
}

func (i instance) String() string { return fmt.Sprintf("%d %s\n", i.pid, i.start) }

// startTime reads when a process started, in clock ticks since boot (proc(5), field 22 of stat).
func startTime(pid int) (string, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", err
	}
	// The command name in parentheses may hold spaces; fields are counted after it.
	_, rest, ok := strings.Cut(string(b[bytes.LastIndexByte(b, ')'):]), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return "", fmt.Errorf("cannot read /proc/%d/stat", pid)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return "", os.ErrProcessDone
	}
	return fields[19], nil
}

func identify(pid int) (instance, error) {
	s, err := startTime(pid)
	return instance{pid, s}, err
}

// alive reports whether the very same process still runs.
func (i instance) alive() bool {
	s, err := startTime(i.pid)
	return err == nil && s == i.start
}

// open returns a pidfd of the process, which becomes readable when it ends.
func (i instance) open() (int, error) {
	fd, err := unix.PidfdOpen(i.pid, 0)
	if err != nil {
		return -1, err
	}
	if !i.alive() {
		unix.Close(fd)
		return -1, os.ErrProcessDone
	}
	return fd, nil
}

// signal sends a signal to the very same process.
func (i instance) signal(s unix.Signal) error {
	fd, err := i.open()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.PidfdSendSignal(fd, s, nil, 0)
}

// wait blocks until the process has ended or the time is over; it reports whether it has ended.
func (i instance) wait(timeout time.Duration) bool {
	fd, err := i.open()
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	deadline := time.Now().Add(timeout)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return !i.alive()
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if n > 0 || (err != nil && !errors.Is(err, unix.EINTR)) {
			return true
		}
	}
}

func pidFile(dir, name string) string { return filepath.Join(dir, name+".pid") }

func writePID(dir, name string, i instance) error {
	tmp := pidFile(dir, name) + ".new"
	if err := os.WriteFile(tmp, []byte(i.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, pidFile(dir, name))
}

// readPID returns the running process that a pid file names; false when there is none.
func readPID(dir, name string) (instance, bool) {
	b, err := os.ReadFile(pidFile(dir, name))
	if err != nil {
		return instance{}, false
	}
	f := strings.Fields(string(b))
	if len(f) != 2 {
		return instance{}, false
	}
	pid, err := strconv.Atoi(f[0])
	i := instance{pid, f[1]}
	return i, err == nil && i.alive()
}
