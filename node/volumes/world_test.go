package volumes

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/api/resource"

	"kaji.dev/kaji/apierror"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// objects is a getter whose contents a test changes.
type objects[T any] struct {
	mu   sync.Mutex
	kind string
	m    map[string]T
}

func (o *objects[T]) Get(_ context.Context, namespace, name string) (T, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	v, ok := o.m[namespace+"/"+name]
	if !ok {
		return v, apierror.NotFound(o.kind, namespace, name)
	}
	return v, nil
}

func (o *objects[T]) set(name string, v T) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.m["shop/"+name] = v
}

func (o *objects[T]) drop(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.m, "shop/"+name)
}

// world is a Manager on a fresh directory, with objects to mount. At the end nothing may
// be left mounted.
type world struct {
	*Manager
	t          *testing.T
	root       string
	configMaps *objects[*corev1.ConfigMap]
	secrets    *objects[*corev1.Secret]
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, root: root,
		configMaps: &objects[*corev1.ConfigMap]{kind: "configmaps", m: map[string]*corev1.ConfigMap{}},
		secrets:    &objects[*corev1.Secret]{kind: "secrets", m: map[string]*corev1.Secret{}},
	}
	cfg := Config{Root: root, ConfigMaps: w.configMaps, Secrets: w.secrets}
	for _, f := range change {
		f(&cfg)
	}
	if w.Manager, err = New(cfg, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, err := mountsBelow(root)
		if err != nil {
			t.Error(err)
		}
		for i := len(left) - 1; i >= 0; i-- {
			if err := unmount(left[i]); err != nil {
				t.Error(err)
			}
		}
	})
	return w
}

// needMounts skips where the test may not mount.
func needMounts(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("mounting takes root: %v", err)
	}
	if err := unix.Unmount(dir, 0); err != nil {
		t.Fatal(err)
	}
}

func newPod(uid string, volumes ...*corev1.Volume) *corev1.Pod {
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: "web", Namespace: "shop", Uid: uid, Labels: map[string]string{"app": "web"}},
		Spec:     &corev1.PodSpec{Volumes: volumes, Containers: []*corev1.Container{{Name: "main"}}},
	}
}

func volume(name string, s *corev1.VolumeSource) *corev1.Volume {
	return &corev1.Volume{Name: name, VolumeSource: s}
}

func configMapVolume(name, of string) *corev1.Volume {
	return volume(name, &corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref(of)}})
}

func secretVolume(name, of string) *corev1.Volume {
	return volume(name, &corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: of}})
}

func emptyDirVolume(name string) *corev1.Volume {
	return volume(name, &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}})
}

func hostPathVolume(name, path, kind string) *corev1.Volume {
	return volume(name, &corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: path, Type: &kind}})
}

func ref(name string) *corev1.LocalObjectReference { return &corev1.LocalObjectReference{Name: name} }

func ptr[T any](v T) *T { return &v }

// mountOK mounts and gives the volumes.
func (w *world) mountOK(pod *corev1.Pod) map[string]Volume {
	w.t.Helper()
	v, err := w.Mount(w.t.Context(), pod, PodInfo{NodeName: "n1"})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// unmountOK unmounts, and fails the test when anything stays.
func (w *world) unmountOK(uid string) {
	w.t.Helper()
	if err := w.Unmount(w.t.Context(), uid); err != nil {
		w.t.Fatal(err)
	}
	if _, err := os.Lstat(w.podDir(uid)); !os.IsNotExist(err) {
		w.t.Errorf("the pod's directory is still there: %v", err)
	}
	left, err := mountsBelow(w.podDir(uid))
	if err != nil || len(left) > 0 {
		w.t.Errorf("still mounted: %v, %v", left, err)
	}
}

// visible reads a payload volume as a container sees it: path → content.
func visible(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	var walk func(string)
	walk = func(sub string) {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if sub == "" && strings.HasPrefix(e.Name(), "..") {
				continue
			}
			path := filepath.Join(sub, e.Name())
			st, err := os.Stat(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			if st.IsDir() {
				walk(path)
				continue
			}
			data, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			out[path] = string(data)
		}
	}
	walk("")
	return out
}

func wantFiles(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	if got := visible(t, dir); !maps.Equal(got, want) {
		t.Errorf("the volume holds %q, want %q", got, want)
	}
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := st.Mode() &^ os.ModeDir; got != want {
		t.Errorf("%s has mode %v, want %v", filepath.Base(path), got, want)
	}
}

func wantOwner(t *testing.T, path string, uid, gid uint32) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if st.Uid != uid || st.Gid != gid {
		t.Errorf("%s belongs to %d:%d, want %d:%d", filepath.Base(path), st.Uid, st.Gid, uid, gid)
	}
}

func memoryInfo() PodInfo {
	return PodInfo{NodeName: "n1", Allocatable: map[string]resource.Quantity{"memory": resource.MustParse("64Mi")}}
}
