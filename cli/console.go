package cli

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"golang.org/x/term"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// console is the user's end of a process in a container: standard input, and the terminal that it may be.
type console struct {
	s          *session
	stdin, tty bool
	// redraw makes a process that runs already draw its screen anew: the size changes once at the start.
	redraw bool
	// write, end and resize speak with the process. They may be called at the same time.
	write  func([]byte) error
	end    func() error
	resize func(*corev1.TerminalSize) error
}

// terminal is standard input if that is a terminal.
func (c *console) terminal() (*os.File, bool) {
	f, ok := c.s.In.(*os.File)
	return f, ok && term.IsTerminal(int(f.Fd()))
}

// check warns when there is no terminal where one is wanted.
func (c *console) check() {
	if _, ok := c.terminal(); c.tty && !ok {
		fmt.Fprintln(c.s.Err, "Standard input is no terminal; going on without raw mode")
	}
}

// open passes on what the user types and how large the terminal is, until the function returned is called. That calls
// cancel, which must end what resize waits for. Meanwhile the terminal is raw: Ctrl-C goes to the process.
func (c *console) open(cancel func()) (closed func(), err error) {
	closed = func() {}
	if f, ok := c.terminal(); c.tty && ok {
		restore := func() {}
		if c.stdin {
			state, err := term.MakeRaw(int(f.Fd()))
			if err != nil {
				return nil, err
			}
			restore = func() { _ = term.Restore(int(f.Fd()), state) }
		}
		stop := c.followSize(f)
		closed = func() {
			cancel()
			stop()
			restore()
		}
	}
	if c.stdin {
		// Not waited for: a read from a terminal cannot be interrupted, and ends with the program.
		go c.pump()
	}
	return closed, nil
}

// followSize sends the terminal's size, now and at every change, until stop is called.
func (c *console) followSize(f *os.File) (stop func()) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		redraw := c.redraw
		for {
			if width, height, err := term.GetSize(int(f.Fd())); err == nil {
				if redraw {
					_ = c.resize(&corev1.TerminalSize{Width: uint32(width) + 1, Height: uint32(height) + 1})
				}
				_ = c.resize(&corev1.TerminalSize{Width: uint32(width), Height: uint32(height)})
			}
			redraw = false
			select {
			case <-changed:
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(changed)
		close(done)
		wg.Wait()
	}
}

// pump passes standard input on until it ends.
func (c *console) pump() {
	buffer := make([]byte, 32<<10)
	for {
		n, err := c.s.In.Read(buffer)
		if n > 0 && c.write(buffer[:n]) != nil {
			return
		}
		if err != nil {
			_ = c.end()
			return
		}
	}
}
