package volumes

import (
	"context"
	"errors"
	"fmt"

	"kaji.dev/kaji/apierror"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func (m *Manager) secretContents(ctx context.Context, pod *corev1.Pod, s *corev1.SecretVolumeSource) (*payload, error) {
	p := newPayload(s.DefaultMode, s.DefaultUser)
	return p, m.addSecret(ctx, p, pod, s.GetSecretName(), s.GetItems(), s.GetOptional())
}

// addSecret puts a Secret's keys in.
func (m *Manager) addSecret(ctx context.Context, p *payload, pod *corev1.Pod, name string, items []*corev1.KeyToPath, optional bool) error {
	if m.cfg.Secrets == nil {
		return errors.New("this agent cannot read Secrets")
	}
	what := fmt.Sprintf("secret %q", name)
	secret, err := m.cfg.Secrets.Get(ctx, pod.GetMetadata().GetNamespace(), name)
	if err != nil {
		if optional && apierror.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	return p.addKeys(what, secret.GetData(), items, optional)
}
