package probes

import (
	"context"
	"math/rand/v2"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// What Kubernetes takes when a probe does not say.
const (
	defaultPeriod           = 10 * time.Second
	defaultTimeout          = time.Second
	defaultFailureThreshold = 3
	defaultSuccessThreshold = 1
)

// tries is how often an attempt that could not be made (no port of that name, a runtime
// that does not answer) is repeated before the period is let go by.
const tries = 3

// worker runs one probe of one container.
type worker struct {
	m     *Manager
	w     *watched
	kind  Kind
	probe *corev1.Probe
	ctx   context.Context
	began time.Time
	count counter
}

func newWorker(m *Manager, w *watched, kind Kind, probe *corev1.Probe) *worker {
	wk := &worker{m: m, w: w, kind: kind, probe: probe, ctx: w.living, began: m.cfg.Clock.Now()}
	if kind == Readiness {
		wk.ctx = w.ctx
	}
	wk.count = counter{
		success: orDefault(probe.GetSuccessThreshold(), defaultSuccessThreshold),
		failure: orDefault(probe.GetFailureThreshold(), defaultFailureThreshold),
	}
	return wk
}

// run lasts until the container goes, or is known to have to go.
func (wk *worker) run() {
	if wk.kind != Startup {
		select {
		case <-wk.w.started:
		case <-wk.ctx.Done():
			return
		}
	}
	period := seconds(wk.probe.GetPeriodSeconds(), defaultPeriod)
	if !wk.wait(wk.firstDelay(period)) {
		return
	}
	ticker := wk.m.cfg.Clock.NewTicker(period)
	defer ticker.Stop()
	for wk.attempt() {
		select {
		case <-ticker.C():
		case <-wk.ctx.Done():
			return
		}
	}
}

// firstDelay is what is left of initialDelaySeconds, which counts from the start of the
// container; for an adopted one any part of a period.
func (wk *worker) firstDelay(period time.Duration) time.Duration {
	if wk.w.adopted {
		return rand.N(period)
	}
	delay := time.Duration(wk.probe.GetInitialDelaySeconds()) * time.Second
	return delay - wk.m.cfg.Clock.Since(wk.began)
}

func (wk *worker) wait(d time.Duration) bool {
	if d <= 0 {
		return wk.ctx.Err() == nil
	}
	timer := wk.m.cfg.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-wk.ctx.Done():
		return false
	}
}

// attempt asks once and says whether to go on.
func (wk *worker) attempt() bool {
	var ok bool
	var message string
	var err error
	timeout := seconds(wk.probe.GetTimeoutSeconds(), defaultTimeout)
	for range tries {
		ok, message, err = wk.m.prober.probe(wk.ctx, wk.probe.GetHandler(), wk.w, timeout)
		if err == nil || wk.ctx.Err() != nil {
			break
		}
	}
	if wk.ctx.Err() != nil {
		return false // what was seen while the container was being ended says nothing
	}
	log := wk.m.log.With("namespace", wk.w.ref.Namespace, "pod", wk.w.ref.Name, "container", wk.w.container.GetName(), "probe", wk.kind)
	if err != nil {
		log.Warn("probe could not be made", "error", err)
		return true
	}
	result := Result{
		PodUID:      wk.w.ref.UID,
		Container:   wk.w.container.GetName(),
		ContainerID: wk.w.containerID,
		Kind:        wk.kind,
		OK:          ok,
	}
	if !ok {
		result.Message = message
		log.Debug("probe failed", "message", message)
		if wk.m.cfg.Failed != nil {
			wk.m.cfg.Failed(result)
		}
	}
	if !wk.count.crossed(ok) {
		return true
	}
	if wk.m.settle(wk.w, wk.kind, ok) {
		select {
		case wk.m.results <- result:
		case <-wk.ctx.Done():
			return false
		}
	}
	// A startup probe has its answer now; a container that is not alive is about to be killed.
	return wk.kind == Readiness || (wk.kind == Liveness && ok)
}

// counter counts equal outcomes in a row.
type counter struct {
	success, failure int32
	last             bool
	run              int32
}

// crossed counts an outcome and says whether it has now come as often in a row as its
// threshold asks.
func (c *counter) crossed(ok bool) bool {
	if ok != c.last || c.run == 0 {
		c.last, c.run = ok, 0
	}
	c.run++
	threshold := c.failure
	if ok {
		threshold = c.success
	}
	if c.run < threshold {
		return false
	}
	c.run = threshold // held here: it must not overflow in a container that lives for years
	return true
}

func orDefault(v, def int32) int32 {
	if v <= 0 {
		return def
	}
	return v
}

func seconds(v int32, def time.Duration) time.Duration {
	if v <= 0 {
		return def
	}
	return time.Duration(v) * time.Second
}
