package volumes

import (
	"context"
	"errors"
	"fmt"

	"kaji.dev/kaji/apierror"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func (m *Manager) configMapContents(ctx context.Context, pod *corev1.Pod, s *corev1.ConfigMapVolumeSource) (*payload, error) {
	p := newPayload(s.DefaultMode, s.DefaultUser)
	return p, m.addConfigMap(ctx, p, pod, s.GetLocalObjectReference().GetName(), s.GetItems(), s.GetOptional())
}

// addConfigMap puts a ConfigMap's text and binary keys in.
func (m *Manager) addConfigMap(ctx context.Context, p *payload, pod *corev1.Pod, name string, items []*corev1.KeyToPath, optional bool) error {
	if m.cfg.ConfigMaps == nil {
		return errors.New("this agent cannot read ConfigMaps")
	}
	what := fmt.Sprintf("configmap %q", name)
	cm, err := m.cfg.ConfigMaps.Get(ctx, pod.GetMetadata().GetNamespace(), name)
	if err != nil {
		if optional && apierror.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("%s: %w", what, err)
	}
	data := make(map[string][]byte, len(cm.GetData())+len(cm.GetBinaryData()))
	for k, v := range cm.GetData() {
		data[k] = []byte(v)
	}
	for k, v := range cm.GetBinaryData() {
		data[k] = v
	}
	return p.addKeys(what, data, items, optional)
}
