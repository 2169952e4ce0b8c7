package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"
)

const (
	firstBackOff = 200 * time.Millisecond
	maxBackOff   = 10 * time.Second
	// steady is how long a process must have run for its back-off to begin anew.
	steady = 30 * time.Second
	// readyTimeout bounds the wait for a process to become ready before the next one is started anyway.
	readyTimeout = 30 * time.Second
	own          = "supervisor"
)

// Supervisor runs processes.
type Supervisor struct {
	// RunDir holds pid files, LogDir what processes print: NAME.log, and NAME.log.1 with what was before.
	RunDir, LogDir string
	Log            hclog.Logger
}

// ErrRunning says that another supervisor has the directory.
var ErrRunning = errors.New("a supervisor is running already")

// Run keeps the processes running until ctx ends, then stops them, the last one first, but for those to be kept.
func (s *Supervisor) Run(ctx context.Context, processes []Process) error {
	for _, d := range []string{s.RunDir, s.LogDir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	unlock, err := lock(filepath.Join(s.RunDir, own+".lock"))
	if err != nil {
		return err
	}
	defer unlock()
	me, err := identify(os.Getpid())
	if err != nil {
		return err
	}
	if err := writePID(s.RunDir, own, me); err != nil {
		return err
	}
	defer os.Remove(pidFile(s.RunDir, own))

	type running struct {
		cancel context.CancelFunc
		done   chan struct{}
	}
	var started []running
	for _, p := range processes {
		if ctx.Err() != nil {
			break
		}
		pctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := running{cancel, make(chan struct{})}
		go func() {
			defer close(r.done)
			s.keep(pctx, p)
		}()
		started = append(started, r)
		awaitPath(ctx, p.Ready)
	}
	s.boundLogs(ctx)
	for i := len(started) - 1; i >= 0; i-- {
		started[i].cancel()
		<-started[i].done
	}
	return nil
}

// awaitPath waits until a path is there. It is looked for, since the directory above may not be there either.
func awaitPath(ctx context.Context, path string) {
	if path == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(path); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// keep runs one process until ctx ends and stops it then.
func (s *Supervisor) keep(ctx context.Context, p Process) {
	log := s.Log.With("process", p.Name)
	backOff := firstBackOff
	for ctx.Err() == nil {
		i, adopted := readPID(s.RunDir, p.Name)
		ended := make(chan error, 1)
		began := time.Now()
		if adopted {
			log.Info("taken over", "pid", i.pid)
			go func() {
				for !i.wait(time.Hour) {
				}
				ended <- nil
			}()
		} else {
			var err error
			if i, err = s.start(p, ended); err != nil {
				log.Error("cannot start", "error", err)
				ended <- err
			} else {
				log.Info("started", "pid", i.pid)
			}
		}
		select {
		case <-ctx.Done():
			if !p.Keep {
				s.stop(p, i, ended, log)
			}
			return
		case err := <-ended:
			if time.Since(began) > steady {
				backOff = firstBackOff
			}
			log.Warn("ended; starting it again", "error", err, "after", time.Since(began).Round(time.Millisecond), "in", backOff)
		}
		t := time.NewTimer(backOff)
		select {
		case <-ctx.Done():
			t.Stop()
		case <-t.C:
		}
		backOff = min(2*backOff, maxBackOff)
	}
}

// start starts the process in a session of its own, so that what hits the supervisor does not hit it.
func (s *Supervisor) start(p Process, ended chan<- error) (instance, error) {
	out, err := os.OpenFile(filepath.Join(s.LogDir, p.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return instance{}, err
	}
	defer out.Close()
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return instance{}, err
	}
	i, err := identify(cmd.Process.Pid)
	if err == nil {
		err = writePID(s.RunDir, p.Name, i)
	}
	if err != nil {
		err = errors.Join(err, cmd.Process.Kill(), cmd.Wait())
		return instance{}, err
	}
	go func() { ended <- cmd.Wait() }()
	return i, nil
}

func (s *Supervisor) stop(p Process, i instance, ended <-chan error, log hclog.Logger) {
	defer os.Remove(pidFile(s.RunDir, p.Name))
	if i.pid == 0 {
		return
	}
	timeout := p.StopTimeout
	if timeout == 0 {
		timeout = 20 * time.Second
	}
	_ = i.signal(unix.SIGTERM)
	t := time.NewTimer(timeout)
	defer t.Stop()
	var how error
	select {
	case how = <-ended:
	case <-t.C:
		log.Warn("did not end in time; killing it", "after", timeout)
		_ = i.signal(unix.SIGKILL)
		how = <-ended
	}
	log.Info("stopped", "status", how)
}

func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrRunning
		}
		return nil, err
	}
	return func() { f.Close() }, nil
}

// Stop ends the supervisor of a directory, which stops its processes, and then any whose supervisor was gone,
// but for those named in keep. It returns when all have ended.
func Stop(runDir string, timeout time.Duration, keep ...string) error {
	i, ok := readPID(runDir, own)
	if !ok {
		return stopOrphans(runDir, timeout, keep)
	}
	if err := i.signal(unix.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if !i.wait(timeout) {
		return fmt.Errorf("the supervisor (pid %d) did not end within %v", i.pid, timeout)
	}
	return stopOrphans(runDir, timeout, keep)
}

// stopOrphans stops processes whose supervisor is gone.
func stopOrphans(runDir string, timeout time.Duration, keep []string) error {
	files, err := filepath.Glob(filepath.Join(runDir, "*.pid"))
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(files))
	for n, f := range files {
		name := filepath.Base(f[:len(f)-len(".pid")])
		i, ok := readPID(runDir, name)
		switch {
		case !ok:
			os.Remove(f)
			continue
		case slices.Contains(keep, name):
			continue
		}
		wg.Go(func() {
			_ = i.signal(unix.SIGTERM)
			if !i.wait(timeout) {
				_ = i.signal(unix.SIGKILL)
				if !i.wait(timeout) {
					errs[n] = fmt.Errorf("%s (pid %d) cannot be killed", name, i.pid)
					return
				}
			}
			os.Remove(f)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Running returns the pids of the processes of a directory that run, by name, the supervisor's as "supervisor".
func Running(runDir string) map[string]int {
	out := map[string]int{}
	files, _ := filepath.Glob(filepath.Join(runDir, "*.pid"))
	for _, f := range files {
		name := filepath.Base(f[:len(f)-len(".pid")])
		if i, ok := readPID(runDir, name); ok {
			out[name] = i.pid
		}
	}
	return out
}
