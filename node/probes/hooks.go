package probes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// hookTimeout bounds an HTTP hook whose caller sets no deadline.
const hookTimeout = time.Minute

// RunPostStart runs the container's postStart hook, if it has one, and waits for it. An error
// means that the container is to be killed.
func (m *Manager) RunPostStart(ctx context.Context, ref PodRef, container *corev1.Container, containerID, podIP string) error {
	w := &watched{ref: ref, container: container, containerID: containerID, podIP: podIP}
	if err := m.runHook(ctx, container.GetLifecycle().GetPostStart(), w); err != nil {
		return fmt.Errorf("postStart hook: %w", err)
	}
	return nil
}

// RunPreStop runs the container's preStop hook, if it has one, and waits for it, at
// most until ctx ends: give it the pod's grace period. Its error changes nothing
// about the end of the container.
func (m *Manager) RunPreStop(ctx context.Context, ref PodRef, container *corev1.Container, containerID, podIP string) error {
	w := &watched{ref: ref, container: container, containerID: containerID, podIP: podIP}
	if err := m.runHook(ctx, container.GetLifecycle().GetPreStop(), w); err != nil {
		return fmt.Errorf("preStop hook: %w", err)
	}
	return nil
}

func (m *Manager) runHook(ctx context.Context, h *corev1.LifecycleHandler, w *watched) error {
	switch {
	case h.GetExec() != nil:
		return m.execHook(ctx, h.GetExec(), w)
	case h.GetHttpGet() != nil:
		return m.httpHook(ctx, h.GetHttpGet(), w)
	case h.GetSleep() != nil:
		timer := m.cfg.Clock.NewTimer(time.Duration(h.GetSleep().GetSeconds()) * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C():
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil // no hook; or tcpSocket, which Kubernetes accepts and never acted on
}

func (m *Manager) execHook(ctx context.Context, a *corev1.ExecAction, w *watched) error {
	var timeout time.Duration // none
	if deadline, ok := ctx.Deadline(); ok {
		if timeout = time.Until(deadline); timeout <= 0 {
			return context.DeadlineExceeded
		}
	}
	stdout, stderr, code, err := m.cfg.Exec.ExecSync(ctx, w.containerID, execCommand(a, w.container), timeout)
	if err != nil {
		return err
	}
	if code != 0 {
		message := fmt.Sprintf("command exited with %d", code)
		if out := strings.TrimSpace(string(stdout) + string(stderr)); out != "" {
			message += ": " + cut(out)
		}
		return errors.New(message)
	}
	return nil
}

// httpHook sends the request. As in Kubernetes any answer will do, whatever its status.
func (m *Manager) httpHook(ctx context.Context, a *corev1.HTTPGetAction, w *watched) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, hookTimeout)
		defer cancel()
	}
	req, err := m.prober.request(ctx, a, w)
	if err != nil {
		return err
	}
	transport := m.prober.transport(a)
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, CheckRedirect: sameHost}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody))
	return err
}
