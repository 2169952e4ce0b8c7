package cli_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// openTerminal makes a pseudo-terminal: what is written to user arrives at the program's terminal as typed.
func openTerminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { user.Close() })
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Skip(err)
	}
	if err := unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Skip(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { program.Close() })
	return user, program
}

func resize(t *testing.T, f *os.File, width, height uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width}); err != nil {
		t.Fatal(err)
	}
}

func isRaw(t *testing.T, f *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag&(unix.ICANON|unix.ECHO) == 0
}

func TestExecOnATerminal(t *testing.T) {
	user, program := openTerminal(t)
	resize(t, program, 100, 30)
	s, n := newNode(t)
	s.stdin = program
	sizes, typed := make(chan string, 8), make(chan string, 8)
	n.exec = func(start *corev1.PodExecStart, stream grpc.BidiStreamingServer[corev1.PodExecRequest, corev1.PodExecResponse]) error {
		if !start.GetOptions().GetTty() || start.GetOptions().GetStderr() {
			return fmt.Errorf("options are %v", start.GetOptions())
		}
		for {
			m, err := stream.Recv()
			if err != nil {
				return err
			}
			if r := m.GetResize(); r != nil {
				sizes <- fmt.Sprintf("%dx%d", r.GetWidth(), r.GetHeight())
			}
			if b := m.GetStdin(); len(b) > 0 {
				typed <- string(b)
				if b[0] == 'q' {
					return stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Exit{Exit: &corev1.PodExecExit{Code: 3}}})
				}
			}
		}
	}
	out, errs := newBuffer(), newBuffer()
	code := s.start(t.Context(), out, errs, "exec", "-it", "web-1", "--", "sh")
	if got := <-sizes; got != "100x30" {
		t.Errorf("the size at first is %s", got)
	}
	// Ctrl-C goes to the command as a byte, not to this program as a signal.
	if _, err := user.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	if got := <-typed; got != "\x03" {
		t.Errorf("typed %q", got)
	}
	if !isRaw(t, program) {
		t.Error("the terminal is not raw while the command runs")
	}
	resize(t, program, 120, 40)
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	if got := <-sizes; got != "120x40" {
		t.Errorf("the size after a change is %s", got)
	}
	if _, err := user.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	if c := code(); c != 3 {
		t.Errorf("exit status %d: %s", c, errs)
	}
	if isRaw(t, program) {
		t.Error("the terminal stays raw")
	}
}
