package volumes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestUnsupported(t *testing.T) {
	w := newWorld(t)
	for name, s := range map[string]*corev1.VolumeSource{
		"persistentVolumeClaim": {PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}},
		"image":                 {Image: &corev1.ImageVolumeSource{Reference: "r"}},
		"csi":                   {Csi: &corev1.CSIVolumeSource{Driver: "d"}},
		"ephemeral":             {Ephemeral: &corev1.EphemeralVolumeSource{}},
		"nfs":                   {Nfs: &corev1.NFSVolumeSource{}},
	} {
		_, err := w.Mount(t.Context(), newPod("u1", volume("v", s)), PodInfo{})
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v; want ErrUnsupported that names the type", name, err)
		}
	}
}

func TestBadNames(t *testing.T) {
	w := newWorld(t)
	for _, uid := range []string{"", ".", "..", "a/b", "x\x00"} {
		if _, err := w.Mount(t.Context(), newPod(uid), PodInfo{}); err == nil {
			t.Errorf("a pod with uid %q was mounted", uid)
		}
		if err := w.Unmount(t.Context(), uid); err == nil {
			t.Errorf("a pod with uid %q was unmounted", uid)
		}
	}
	if _, err := w.Mount(t.Context(), newPod("u1", emptyDirVolume("../x")), PodInfo{}); err == nil {
		t.Error("a volume named ../x was mounted")
	}
	if _, err := New(Config{Root: "relative"}, nil); err == nil {
		t.Error("a relative root was taken")
	}
}

// Mounts that the agent does not know of, and whatever a kill left, go with the pod; data behind
// them stays.
func TestUnmountRemovesStrangers(t *testing.T) {
	needMounts(t)
	w := newWorld(t)
	w.mountOK(newPod("u1", emptyDirVolume("work")))
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	odd := filepath.Join(w.podDir("u1"), "odd name\twith blanks")
	if err := os.MkdirAll(odd, 0o700); err != nil {
		t.Fatal(err)
	}
	for range 2 { // one over the other
		if err := unix.Mount(data, odd, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
	w.unmountOK("u1")
	if _, err := os.Stat(filepath.Join(data, "f")); err != nil {
		t.Errorf("the data behind a bind mount was deleted: %v", err)
	}
}

func TestRemoveTreeStopsAtMounts(t *testing.T) {
	needMounts(t)
	parent, data := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	point := filepath.Join(parent, "pod", "a", "point")
	if err := os.MkdirAll(point, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(data, point, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	err := removeTree(parent, "pod")
	if err == nil || !strings.Contains(err.Error(), "mount point") {
		t.Errorf("removing across a mount: %v; want an error", err)
	}
	if _, err := os.Stat(filepath.Join(data, "f")); err != nil {
		t.Errorf("the data behind the mount was deleted: %v", err)
	}
	if err := unix.Unmount(point, 0); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if err := os.WriteFile(filepath.Join(point, fmt.Sprint(i)), nil, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(data, filepath.Join(point, "link")); err != nil {
		t.Fatal(err)
	}
	if err := removeTree(parent, "pod"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(filepath.Join(parent, "pod")); !os.IsNotExist(err) {
		t.Errorf("still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(data, "f")); err != nil {
		t.Errorf("a symlink was followed: %v", err)
	}
}

func TestHostsAndTerminationLog(t *testing.T) {
	w := newWorld(t)
	path, err := w.WriteHosts("u1", []byte("127.0.0.1 localhost\n"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteHosts("u1", []byte("::1 localhost\n")); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("the hosts file is a new file: containers would keep the old one")
	}
	if data, _ := os.ReadFile(path); string(data) != "::1 localhost\n" {
		t.Errorf("the hosts file holds %q", data)
	}
	wantMode(t, path, 0o644)

	log, err := w.TerminationLog("u1", "main", 3)
	if err != nil {
		t.Fatal(err)
	}
	wantMode(t, log, 0o666)
	if err := os.WriteFile(log, []byte(strings.Repeat("x", 5000)+"END"), 0o666); err != nil {
		t.Fatal(err)
	}
	if again, err := w.TerminationLog("u1", "main", 3); err != nil || again != log {
		t.Errorf("second time: %q, %v", again, err)
	}
	text, err := w.ReadTerminationLog("u1", "main", 3)
	if err != nil || len(text) != 4096 || !strings.HasSuffix(text, "xEND") {
		t.Errorf("the message has %d bytes, %v; want the last 4096", len(text), err)
	}
	if text, err := w.ReadTerminationLog("u1", "main", 4); err != nil || text != "" {
		t.Errorf("no run, no message: %q, %v", text, err)
	}
	w.unmountOK("u1")
}

// Calls for many pods at once, and several for one, do not get into each other's way.
func TestConcurrentCalls(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.DisableTmpfs = true })
	w.configMaps.set("cfg", &corev1.ConfigMap{Data: map[string]string{"a": "1"}})
	var calls sync.WaitGroup
	for i := range 8 {
		pod := newPod(fmt.Sprintf("u%d", i%4), configMapVolume("cfg", "cfg"), emptyDirVolume("work"))
		calls.Go(func() {
			for range 20 {
				if _, err := w.Mount(t.Context(), pod, PodInfo{}); err != nil {
					t.Error(err)
				}
				if err := w.Refresh(t.Context(), pod, PodInfo{}); err != nil {
					t.Error(err)
				}
				if err := w.Unmount(t.Context(), pod.GetMetadata().GetUid()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
	if uids, err := w.PodUIDs(); err != nil || len(uids) != 0 {
		t.Errorf("left: %v, %v", uids, err)
	}
	if len(w.locks) != 0 {
		t.Errorf("%d locks are left", len(w.locks))
	}
}
