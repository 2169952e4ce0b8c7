package supervise

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// until waits for a condition that another process brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 20 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

type fixture struct {
	s    *Supervisor
	stop func() error
}

func run(t *testing.T, dir string, ps ...Process) fixture {
	t.Helper()
	s := &Supervisor{RunDir: filepath.Join(dir, "run"), LogDir: filepath.Join(dir, "log"), Log: hclog.NewNullLogger()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, ps) }()
	stopped := false
	stop := func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-done
	}
	t.Cleanup(func() { stop() })
	return fixture{s, stop}
}

func sleeper(name string) Process {
	return Process{Name: name, Path: "sleep", Args: []string{"1000"}}
}

func TestKilledProcessIsStartedAgain(t *testing.T) {
	f := run(t, t.TempDir(), sleeper("a"))
	until(t, "a runs", func() bool { return Running(f.s.RunDir)["a"] != 0 })
	first := Running(f.s.RunDir)["a"]
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	until(t, "a runs again", func() bool { p := Running(f.s.RunDir)["a"]; return p != 0 && p != first })
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	if left := Running(f.s.RunDir); len(left) != 0 {
		t.Errorf("left running: %v", left)
	}
}

func TestProcessesStartInOrderAndStopInReverse(t *testing.T) {
	dir := t.TempDir()
	note := filepath.Join(dir, "note")
	script := func(name string) Process {
		return Process{Name: name, Path: "sh", Ready: filepath.Join(dir, name), Args: []string{"-c",
			`trap 'echo -` + name + ` >> ` + note + `; exit' TERM; echo +` + name + ` >> ` + note + `; touch ` + filepath.Join(dir, name) + `; while :; do sleep 0.01; done`}}
	}
	f := run(t, dir, script("a"), script("b"))
	until(t, "b is ready", func() bool { _, err := os.Stat(filepath.Join(dir, "b")); return err == nil })
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(note)
	if got := strings.Fields(string(b)); strings.Join(got, " ") != "+a +b -b -a" {
		t.Errorf("order: %v", got)
	}
}

func TestOnlyOneSupervisor(t *testing.T) {
	dir := t.TempDir()
	f := run(t, dir, sleeper("a"))
	until(t, "a runs", func() bool { return Running(f.s.RunDir)["a"] != 0 })
	if err := f.s.Run(t.Context(), nil); !errors.Is(err, ErrRunning) {
		t.Errorf("second supervisor: %v", err)
	}
}

func TestStubbornProcessIsKilled(t *testing.T) {
	p := Process{Name: "a", Path: "sh", Args: []string{"-c", `trap '' TERM; while :; do sleep 0.01; done`}, StopTimeout: 50 * time.Millisecond}
	f := run(t, t.TempDir(), p)
	until(t, "a runs", func() bool { return Running(f.s.RunDir)["a"] != 0 })
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	if left := Running(f.s.RunDir); len(left) != 0 {
		t.Errorf("left running: %v", left)
	}
}

// A supervisor that was killed leaves its processes running; the next one takes them over.
func TestTakesOverWhatRuns(t *testing.T) {
	dir := t.TempDir()
	s := &Supervisor{RunDir: filepath.Join(dir, "run"), LogDir: filepath.Join(dir, "log"), Log: hclog.NewNullLogger()}
	for _, d := range []string{s.RunDir, s.LogDir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 1)
	i, err := s.start(sleeper("a"), ended)
	if err != nil {
		t.Fatal(err)
	}
	f := run(t, dir, sleeper("a"), Process{Name: "b", Path: "sleep", Args: []string{"1000"}})
	until(t, "b runs", func() bool { return Running(f.s.RunDir)["b"] != 0 })
	if got := Running(f.s.RunDir)["a"]; got != i.pid {
		t.Errorf("a has pid %d, was %d", got, i.pid)
	}
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	<-ended
	if i.alive() {
		t.Error("a was not stopped")
	}
}

func TestPidOfAnotherProcessIsNotTrusted(t *testing.T) {
	dir := t.TempDir()
	me, err := identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	me.start = "1"
	if err := writePID(dir, "a", me); err != nil {
		t.Fatal(err)
	}
	if _, ok := readPID(dir, "a"); ok {
		t.Error("a pid with another start time was taken for the process")
	}
}

func TestKeptProcessOutlivesTheSupervisorUntilStop(t *testing.T) {
	dir := t.TempDir()
	a, b := sleeper("a"), sleeper("b")
	a.Keep = true
	f := run(t, dir, a, b)
	until(t, "b runs", func() bool { return Running(f.s.RunDir)["b"] != 0 })
	if err := f.stop(); err != nil {
		t.Fatal(err)
	}
	if left := Running(f.s.RunDir); left["a"] == 0 || len(left) != 1 {
		t.Fatalf("running: %v, want a alone", left)
	}
	if err := Stop(f.s.RunDir, 10*time.Second, "a"); err != nil || Running(f.s.RunDir)["a"] == 0 {
		t.Errorf("a was not kept (%v)", err)
	}
	if err := Stop(f.s.RunDir, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if left := Running(f.s.RunDir); len(left) != 0 {
		t.Errorf("left running: %v", left)
	}
}
