// Package probes asks containers how they are: one worker per probe (startup,
// liveness, readiness), and the lifecycle hooks, which ask in the same ways.
//
// It owns the schedule of probes, thresholds, and the gate that startup puts before the other two. It
// does not act on what it learns: crossing a threshold is reported once on Results,
// and whoever reads it restarts the container or changes its readiness. It keeps no
// state on disk.
//
// A Manager may be used concurrently. Ensure, Adopt and Stop return at once.
package probes

import (
	"context"
	"errors"
	"time"

	"k8s.io/utils/clock"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Kind is which of a container's probes.
type Kind string

// The kinds of probe.
const (
	Startup   Kind = "startup"
	Liveness  Kind = "liveness"
	Readiness Kind = "readiness"
)

// PodRef names a pod, for results, messages and headers.
type PodRef struct {
	UID, Namespace, Name string
}

// Result is a threshold that was crossed. A container is not ready until a result says so, and alive
// until one says otherwise. A readiness probe that fails from the beginning is reported too, once:
// somebody should be told why the container does not become ready. After a failed liveness or
// startup nothing more is reported for that container ID: it is to be killed.
type Result struct {
	PodUID, Container, ContainerID string
	Kind                           Kind
	OK                             bool
	// Message says what the last attempt saw; empty when OK.
	Message string
}

// State is what the probes of a container say by now. A probe that is not there
// counts as passed.
type State struct {
	// Started is false until the startup probe passed.
	Started bool
	// Ready is false until started and the readiness probe passed.
	Ready bool
	// Alive is false once liveness or startup failed for good.
	Alive bool
}

// ExecSync runs a command in a container and waits for it. A command that ran is
// no error, whatever its exit code; one that outlives the timeout is an error for
// which errors.Is(err, context.DeadlineExceeded) holds, or a gRPC DeadlineExceeded.
type ExecSync interface {
	ExecSync(ctx context.Context, containerID string, command []string, timeout time.Duration) (stdout, stderr []byte, exitCode int32, err error)
}

// Config is what a Manager needs.
type Config struct {
	// Exec runs exec probes and hooks. Required.
	Exec ExecSync
	// Clock is the time; the real one by default.
	Clock clock.WithTicker
	// Failed, if set, is told of every attempt that failed, whether it crosses a threshold or not:
	// for events, so that somebody can see trouble coming. It must not block.
	Failed func(Result)
	// UserAgent is what HTTP and gRPC probes call themselves. Default
	// kaji-probe/1.
	UserAgent string
	// Buffer is how many unread results are kept before workers wait. Default 256.
	Buffer int
}

// Validate fills the defaults and says what is missing.
func (c *Config) Validate() error {
	if c.Exec == nil {
		return errors.New("probes: Exec is required")
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.UserAgent == "" {
		c.UserAgent = "kaji-probe/1"
	}
	if c.Buffer <= 0 {
		c.Buffer = 256
	}
	return nil
}

// probesOf lists the container's probes.
func probesOf(c *corev1.Container) map[Kind]*corev1.Probe {
	out := map[Kind]*corev1.Probe{}
	for kind, p := range map[Kind]*corev1.Probe{Startup: c.GetStartupProbe(), Liveness: c.GetLivenessProbe(), Readiness: c.GetReadinessProbe()} {
		if p != nil {
			out[kind] = p
		}
	}
	return out
}
