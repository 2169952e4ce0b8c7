package probes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kaji.dev/kaji/node/env"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// exec runs the command in the container: exit code 0 is success.
func (p prober) exec(ctx context.Context, a *corev1.ExecAction, w *watched, timeout time.Duration) (bool, string, error) {
	stdout, stderr, code, err := p.cfg.Exec.ExecSync(ctx, w.containerID, execCommand(a, w.container), timeout)
	switch {
	case err != nil && (errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded):
		return false, fmt.Sprintf("command timed out after %s", timeout), nil
	case err != nil:
		return false, "", err
	case code == 0:
		return true, "", nil
	}
	message := fmt.Sprintf("command exited with %d", code)
	if out := strings.TrimSpace(string(stdout) + string(stderr)); out != "" {
		message += ": " + cut(out)
	}
	return false, message, nil
}

// execCommand expands $(VAR) by the variables whose values stand in the spec; those that
// come from elsewhere stay as written, as in Kubernetes.
func execCommand(a *corev1.ExecAction, c *corev1.Container) []string {
	var vars []env.KeyValue
	for _, v := range c.GetEnv() {
		if v.GetValueFrom() == nil {
			vars = append(vars, env.KeyValue{Name: v.GetName(), Value: v.GetValue()})
		}
	}
	command, _ := env.Expand(a.GetCommand(), nil, vars)
	return command
}
