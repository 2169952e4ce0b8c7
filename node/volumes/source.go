package volumes

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// mount makes one volume, or finds it made.
func (m *Manager) mount(ctx context.Context, pod *corev1.Pod, info PodInfo, v *corev1.Volume) (Volume, error) {
	if err := validName(v.GetName()); err != nil {
		return Volume{}, err
	}
	source := v.GetVolumeSource()
	switch {
	case isPayload(source):
		return m.mountPayload(ctx, pod, info, v)
	case source.GetEmptyDir() != nil || isEmpty(source):
		return m.mountEmptyDir(pod, info, v)
	case source.GetHostPath() != nil:
		return mountHostPath(v)
	}
	return Volume{}, fmt.Errorf("%s: %w", sourceName(source), ErrUnsupported)
}

// refresh writes the contents of every payload volume anew.
func (m *Manager) refresh(ctx context.Context, pod *corev1.Pod, info PodInfo) error {
	var errs []error
	for _, v := range pod.GetSpec().GetVolumes() {
		if !isPayload(v.GetVolumeSource()) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return errors.Join(append(errs, err)...)
		}
		if _, err := m.mount(ctx, pod, info, v); err != nil {
			errs = append(errs, fmt.Errorf("volume %q: %w", v.GetName(), err))
		}
	}
	return errors.Join(errs...)
}

// NeedsRefresh says whether the pod has volumes that Refresh can change.
func NeedsRefresh(pod *corev1.Pod) bool {
	for _, v := range pod.GetSpec().GetVolumes() {
		if isPayload(v.GetVolumeSource()) {
			return true
		}
	}
	return false
}

// isPayload says whether the agent itself writes the volume's files.
func isPayload(s *corev1.VolumeSource) bool {
	return s.GetConfigMap() != nil || s.GetSecret() != nil || s.GetDownwardApi() != nil || s.GetProjected() != nil
}

// isEmpty says whether no source is named: as in Kubernetes that is an emptyDir.
func isEmpty(s *corev1.VolumeSource) bool { return sourceName(s) == "" }

// sourceName is the JSON name of the source that is set.
func sourceName(s *corev1.VolumeSource) string {
	name := ""
	s.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		name = f.JSONName()
		return false
	})
	return name
}
