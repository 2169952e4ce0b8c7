package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// console is a command on a terminal of its own, and what is seen there.
type console struct {
	r    *rig
	cmd  *exec.Cmd
	user *os.File

	mu   sync.Mutex
	seen bytes.Buffer
}

// console starts a command on a terminal of 101 by 41.
func (r *rig) console(args ...string) *console {
	r.t.Helper()
	user, program := r.terminal()
	c := &console{r: r, cmd: r.start(program, args...), user: user}
	if err := c.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	program.Close()
	go func() { // ends with the command, or with the test, which closes the terminal
		b := make([]byte, 4096)
		for {
			n, err := user.Read(b)
			c.mu.Lock()
			c.seen.Write(b[:n])
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return c
}

// has says what is missing.
func (c *console) has(text string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !strings.Contains(c.seen.String(), text) {
		return fmt.Errorf("it shows %q", c.seen.String())
	}
	return nil
}

// shows waits until a text is there.
func (c *console) shows(text string) {
	c.r.t.Helper()
	until(c.r.t, "the terminal shows "+text, func() error { return c.has(text) })
}

// types types.
func (c *console) types(s string) {
	c.r.t.Helper()
	if _, err := io.WriteString(c.user, s); err != nil {
		c.r.t.Fatal(err)
	}
}

// resizes changes the size of the terminal.
func (c *console) resizes(width, height uint16) {
	c.r.t.Helper()
	if err := unix.IoctlSetWinsize(int(c.user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}); err != nil {
		c.r.t.Fatal(err)
	}
}

// ends waits for the command's end with that exit status.
func (c *console) ends(code int) {
	c.r.t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.cmd.Wait() }()
	select {
	case err := <-done:
		if got := exitCode(err); got != code && (code != 0 || err != nil) {
			c.r.t.Errorf("%v: %v, want %d; %v", c.cmd.Args[1:], err, code, c.has("\x00"))
		}
	case <-time.After(patience):
		_ = c.cmd.Process.Kill()
		<-done
		c.r.t.Errorf("%v does not end; %v", c.cmd.Args[1:], c.has("\x00"))
	}
}
