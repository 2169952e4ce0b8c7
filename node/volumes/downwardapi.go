package volumes

import (
	"fmt"

	"kaji.dev/kaji/node/downward"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func downwardContents(pod *corev1.Pod, info PodInfo, s *corev1.DownwardAPIVolumeSource) (*payload, error) {
	p := newPayload(s.DefaultMode, s.DefaultUser)
	return p, addDownward(p, pod, info, s.GetItems())
}

// addDownward puts the pod's own fields and resources in.
func addDownward(p *payload, pod *corev1.Pod, info PodInfo, items []*corev1.DownwardAPIVolumeFile) error {
	for _, item := range items {
		value, err := "", error(nil)
		switch {
		case item.GetFieldRef() != nil:
			value, err = downward.Field(pod, info, item.GetFieldRef().GetFieldPath())
		case item.GetResourceFieldRef() != nil:
			value, err = downward.Resource(pod, nil, item.GetResourceFieldRef(), info)
		default:
			err = fmt.Errorf("neither fieldRef nor resourceFieldRef is set")
		}
		if err == nil {
			err = p.add(item.GetPath(), []byte(value), item.Mode, item.User)
		}
		if err != nil {
			return fmt.Errorf("downwardAPI %q: %w", item.GetPath(), err)
		}
	}
	return nil
}
