package volumes

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// mounts resolves the volumeMounts of a container of the pod.
func (w *world) mounts(pod *corev1.Pod, vars []KeyValue, mounts ...*corev1.VolumeMount) ([]Mount, error) {
	w.t.Helper()
	return w.ContainerMounts(w.t.Context(), pod, &corev1.Container{Name: "main", VolumeMounts: mounts}, w.mountOK(pod), vars)
}

func TestContainerMounts(t *testing.T) {
	w := newWorld(t)
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"a": "1"}})
	pod := newPod("u1", configMapVolume("cfg", "cfg"), emptyDirVolume("work"))
	got, err := w.mounts(pod, nil,
		&corev1.VolumeMount{Name: "work", MountPath: "/w"},
		&corev1.VolumeMount{Name: "work", MountPath: "/r", ReadOnly: true},
		&corev1.VolumeMount{Name: "cfg", MountPath: "/c"},
		&corev1.VolumeMount{Name: "work", MountPath: "/d", SubPath: "./"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Mount{
		{HostPath: w.volumeDir("u1", "work"), SELinuxRelabel: true},
		{HostPath: w.volumeDir("u1", "work"), SELinuxRelabel: true, ReadOnly: true},
		{HostPath: w.volumeDir("u1", "cfg"), SELinuxRelabel: true, ReadOnly: true},
		{HostPath: w.volumeDir("u1", "work"), SELinuxRelabel: true},
	} {
		if got[i] != want {
			t.Errorf("mount %d is %+v, want %+v", i, got[i], want)
		}
	}
	if _, err := w.mounts(pod, nil, &corev1.VolumeMount{Name: "none", MountPath: "/x"}); err == nil {
		t.Error("a volume that the pod does not have must be an error")
	}
}

func TestSubPath(t *testing.T) {
	needMounts(t)
	w := newWorld(t)
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"app.conf": "v1"}})
	host := t.TempDir()
	if err := os.WriteFile(filepath.Join(host, "precious"), []byte("p"), 0o600); err != nil {
		t.Fatal(err)
	}
	pod := newPod("u1", configMapVolume("cfg", "cfg"), emptyDirVolume("work"), hostPathVolume("host", host, "Directory"))
	vars := []KeyValue{{Name: "POD", Value: "web-1"}}
	wanted := []*corev1.VolumeMount{
		{Name: "cfg", MountPath: "/etc/app.conf", SubPath: "app.conf"},
		{Name: "work", MountPath: "/log", SubPathExpr: "log/$(POD)"},
		{Name: "host", MountPath: "/h", SubPath: "data"},
		{Name: "host", MountPath: "/p", SubPath: "precious"},
	}
	got, err := w.mounts(pod, vars, wanted...)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(got[0].HostPath); err != nil || string(data) != "v1" {
		t.Errorf("the key by its sub-path is %q, %v", data, err)
	}
	if err := os.WriteFile(filepath.Join(got[1].HostPath, "x"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(w.volumeDir("u1", "work"), "log/web-1")
	if _, err := os.Stat(filepath.Join(made, "x")); err != nil {
		t.Errorf("what is written below the sub-path is not in the volume: %v", err)
	}
	wantMode(t, made, 0o777) // the volume's own mode, whatever the umask
	if st, err := os.Stat(filepath.Join(host, "data")); err != nil || !st.IsDir() {
		t.Errorf("a missing sub-path of a writable volume must be made: %v", err)
	}

	// Again, for the container's next run: the same binds, not one more.
	count := func() int {
		points, err := mountsBelow(w.podDir("u1"))
		if err != nil {
			t.Fatal(err)
		}
		return len(points)
	}
	if n := count(); n != 4 {
		t.Errorf("%d mounts, want 4", n)
	}
	if again, err := w.mounts(pod, vars, wanted...); err != nil || again[1] != got[1] || count() != 4 {
		t.Errorf("second time: %v, %v, %d mounts", again, err, count())
	}

	// The content changed meanwhile: the running container keeps the old, the next run gets
	// the new.
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"app.conf": "v2"}})
	if err := w.Refresh(t.Context(), pod, PodInfo{}); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(got[0].HostPath); string(data) != "v1" {
		t.Errorf("a sub-path changed under the running container: %q", data)
	}
	if _, err := w.mounts(pod, vars, wanted...); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(got[0].HostPath); string(data) != "v2" || count() != 4 {
		t.Errorf("the next run sees %q with %d mounts", data, count())
	}

	w.unmountOK("u1")
	if data, err := os.ReadFile(filepath.Join(host, "precious")); err != nil || string(data) != "p" {
		t.Errorf("data of the host went with the pod: %q, %v", data, err)
	}
}

func TestSubPathRefuses(t *testing.T) {
	w := newWorld(t)
	secret := t.TempDir()
	if err := os.WriteFile(filepath.Join(secret, "key"), []byte("k"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"a": "1"}})
	pod := newPod("u1", configMapVolume("cfg", "cfg"), emptyDirVolume("work"))
	dir := w.mountOK(pod)["work"].HostPath
	// What a container could have left in its volume.
	for link, to := range map[string]string{"abs": secret, "up": "../../../../../../../.." + secret, "file": filepath.Join(secret, "key")} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*corev1.VolumeMount{
		"leads up":           {Name: "work", SubPath: "a/../../b"},
		"absolute":           {Name: "work", SubPath: "/etc"},
		"symlink out":        {Name: "work", SubPath: "abs"},
		"symlink up":         {Name: "work", SubPath: "up"},
		"symlink to a file":  {Name: "work", SubPath: "file"},
		"through a symlink":  {Name: "work", SubPath: "abs/key"},
		"below a file":       {Name: "work", SubPath: "plain/x"},
		"missing, read-only": {Name: "cfg", SubPath: "none"},
		"no variable":        {Name: "work", SubPathExpr: "$(NOPE)"},
		"variable leads up":  {Name: "work", SubPathExpr: "$(UP)"},
		"expands to nothing": {Name: "work", SubPathExpr: "$(EMPTY)"},
		"both":               {Name: "work", SubPath: "a", SubPathExpr: "b"},
	} {
		m.MountPath = "/x"
		got, err := w.mounts(pod, []KeyValue{{Name: "UP", Value: "../x"}, {Name: "EMPTY"}}, m)
		if err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
	if entries, err := os.ReadDir(secret); err != nil || len(entries) != 1 {
		t.Errorf("something was made outside of the volume: %v, %v", entries, err)
	}
}

func TestReadVolumeFile(t *testing.T) {
	w := newWorld(t)
	pod := newPod("u1", emptyDirVolume("work"))
	dir := w.mountOK(pod)["work"].HostPath
	if err := os.WriteFile(filepath.Join(dir, "env"), []byte("A=1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if data, err := w.ReadVolumeFile(t.Context(), "u1", "work", "env", 10); err != nil || string(data) != "A=1" {
		t.Errorf("env is %q, %v", data, err)
	}
	if _, err := w.ReadVolumeFile(t.Context(), "u1", "work", "none", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: %v, want ErrNotExist", err)
	}
	for name, path := range map[string]string{"symlink out": "link", "up": "../etc-hosts", "directory": ".", "too large": "env"} {
		if data, err := w.ReadVolumeFile(t.Context(), "u1", "work", path, 2); err == nil {
			t.Errorf("%s: read %q", name, data)
		}
	}
	if _, err := w.ReadVolumeFile(t.Context(), "..", "work", "x", 2); err == nil || !strings.Contains(err.Error(), "..") {
		t.Errorf("uid ..: %v", err)
	}
}
