package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const (
	// maxPayload bounds the contents of one volume, in bytes: some objects of the
	// largest size that the API takes.
	maxPayload = 8 << 20
	// payloadTmpfs is the size of the tmpfs of a secret volume: old and new contents
	// side by side, and pages that are not full.
	payloadTmpfs = 4 * maxPayload
	// defaultMode of files whose volume sets none.
	defaultMode = 0o644
)

// file is one file of a payload volume.
type file struct {
	data []byte
	mode os.FileMode
	user *int64 // owner; root when nil
}

// payload is the contents of a volume by path, while it is put together.
type payload struct {
	files map[string]file
	size  int
	mode  int32  // for files that set none
	user  *int64 // likewise
}

func newPayload(mode *int32, user *int64) *payload {
	p := &payload{files: map[string]file{}, mode: defaultMode, user: user}
	if mode != nil {
		p.mode = *mode
	}
	return p
}

// add puts a file in, or says why it cannot be there.
func (p *payload) add(path string, data []byte, mode *int32, user *int64) error {
	if err := validRelative(path); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	elements := strings.Split(path, "/")
	if strings.HasPrefix(elements[0], "..") {
		return fmt.Errorf("path %q: names that begin with .. are the agent's own", path)
	}
	if slices.Contains(elements, "") || slices.Contains(elements, ".") {
		return fmt.Errorf("path %q is not clean", path)
	}
	if _, again := p.files[path]; !again {
		for i := 1; i < len(elements); i++ {
			if parent := strings.Join(elements[:i], "/"); p.has(parent) {
				return fmt.Errorf("path %q: %q is a file", path, parent)
			}
		}
		for other := range p.files {
			if strings.HasPrefix(other, path+"/") {
				return fmt.Errorf("path %q is a directory: it holds %q", path, other)
			}
		}
	}
	f := file{data: data, mode: os.FileMode(p.mode) & 0o777, user: p.user}
	if mode != nil {
		f.mode = os.FileMode(*mode) & 0o777
	}
	if user != nil {
		f.user = user
	}
	p.size += len(data) - len(p.files[path].data)
	if p.size > maxPayload {
		return fmt.Errorf("the contents are larger than %d bytes", maxPayload)
	}
	p.files[path] = f
	return nil
}

func (p *payload) has(path string) bool { _, ok := p.files[path]; return ok }

// addKeys puts in the keys of an object: all of them under their own names, or the
// items. what names the object in errors.
func (p *payload) addKeys(what string, data map[string][]byte, items []*corev1.KeyToPath, optional bool) error {
	if len(items) == 0 {
		for key, value := range data {
			if err := p.add(key, value, nil, nil); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
		}
		return nil
	}
	for _, item := range items {
		value, ok := data[item.GetKey()]
		if !ok {
			if optional {
				continue
			}
			return fmt.Errorf("%s has no key %q", what, item.GetKey())
		}
		if err := p.add(item.GetPath(), value, item.Mode, item.User); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// contents collects what the volume holds.
func (m *Manager) contents(ctx context.Context, pod *corev1.Pod, info PodInfo, s *corev1.VolumeSource) (*payload, error) {
	switch {
	case s.GetConfigMap() != nil:
		return m.configMapContents(ctx, pod, s.GetConfigMap())
	case s.GetSecret() != nil:
		return m.secretContents(ctx, pod, s.GetSecret())
	case s.GetDownwardApi() != nil:
		return downwardContents(pod, info, s.GetDownwardApi())
	case s.GetProjected() != nil:
		return m.projectedContents(ctx, pod, info, s.GetProjected())
	}
	return nil, errors.New("no source")
}

// mountPayload makes the volume's directory (a tmpfs for what must not reach a disk)
// and brings its contents up to date.
func (m *Manager) mountPayload(ctx context.Context, pod *corev1.Pod, info PodInfo, v *corev1.Volume) (Volume, error) {
	contents, err := m.contents(ctx, pod, info, v.GetVolumeSource())
	if err != nil {
		return Volume{}, err
	}
	dir := m.volumeDir(pod.GetMetadata().GetUid(), v.GetName())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Volume{}, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // past the umask
		return Volume{}, err
	}
	if confidential(v.GetVolumeSource()) {
		if err := m.mountConfidential(dir); err != nil {
			return Volume{}, err
		}
	}
	if err := writeAtomically(dir, contents.files, fsGroup(pod)); err != nil {
		return Volume{}, err
	}
	return Volume{Name: v.GetName(), HostPath: dir, ReadOnly: true, SELinuxRelabel: true}, nil
}

// confidential says whether the contents must stay in memory.
func confidential(s *corev1.VolumeSource) bool {
	if s.GetSecret() != nil {
		return true
	}
	return slices.ContainsFunc(s.GetProjected().GetSources(), func(p *corev1.VolumeProjection) bool {
		return p.GetSecret() != nil || p.GetServiceAccountToken() != nil
	})
}

// fsGroup is the group that owns the pod's volumes; nil when it sets none.
func fsGroup(pod *corev1.Pod) *int64 {
	if sc := pod.GetSpec().GetSecurityContext(); sc != nil {
		return sc.FsGroup
	}
	return nil
}
