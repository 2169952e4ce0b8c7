package volumes

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestEmptyDir(t *testing.T) {
	w := newWorld(t)
	restricted := volume("restricted", &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Mode: ptr(int32(0o750))}})
	pod := newPod("u1", emptyDirVolume("work"), volume("unset", &corev1.VolumeSource{}), volume("nil", nil), restricted)
	v := w.mountOK(pod)
	wantMode(t, v["work"].HostPath, 0o777)
	wantMode(t, v["unset"].HostPath, 0o777)
	wantMode(t, v["nil"].HostPath, 0o777)
	wantMode(t, v["restricted"].HostPath, 0o750)
	if v["work"].ReadOnly {
		t.Error("an emptyDir is there to be written to")
	}

	// Another Manager, after a restart of the agent: nothing of what containers did changes.
	if err := os.WriteFile(filepath.Join(v["work"].HostPath, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(v["work"].HostPath, 0o700); err != nil {
		t.Fatal(err)
	}
	again, err := New(Config{Root: w.root}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if uids, err := again.PodUIDs(); err != nil || len(uids) != 1 || uids[0] != "u1" {
		t.Errorf("PodUIDs = %v, %v; want u1", uids, err)
	}
	v2, err := again.Mount(t.Context(), pod, PodInfo{})
	if err != nil || v2["work"].HostPath != v["work"].HostPath {
		t.Fatalf("second mount: %v, %v", v2, err)
	}
	wantMode(t, v["work"].HostPath, 0o700)
	wantFiles(t, v["work"].HostPath, map[string]string{"f": "x"})
	w.unmountOK("u1")
	w.unmountOK("u1") // nothing there: no error
}

// A draft that a kill left behind is not taken for the volume.
func TestEmptyDirAfterKill(t *testing.T) {
	w := newWorld(t)
	pod := newPod("u1", emptyDirVolume("work"))
	draft := filepath.Join(w.podDir("u1"), "volumes", ".new.work")
	if err := os.MkdirAll(draft, 0o700); err != nil {
		t.Fatal(err)
	}
	v := w.mountOK(pod)
	wantMode(t, v["work"].HostPath, 0o777)
	if _, err := os.Lstat(draft); !os.IsNotExist(err) {
		t.Errorf("the draft is still there: %v", err)
	}
}

func TestEmptyDirInMemory(t *testing.T) {
	needMounts(t)
	w := newWorld(t)
	memory := volume("mem", &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: "Memory", SizeLimit: &metav1.Quantity{String_: "1Mi"}}})
	pod := newPod("u1", memory)
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{FsGroup: ptr(int64(2000))}
	dir := w.mountOK(pod)["mem"].HostPath
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type != unix.TMPFS_MAGIC || st.Blocks*uint64(st.Bsize) != 1<<20 {
		t.Errorf("file system %x of %d bytes, want a tmpfs of 1 MiB", st.Type, st.Blocks*uint64(st.Bsize))
	}
	wantMode(t, dir, 0o777|os.ModeSetgid)
	wantOwner(t, dir, 0, 2000)
	if err := os.WriteFile(filepath.Join(dir, "big"), make([]byte, 2<<20), 0o600); err == nil {
		t.Error("2 MiB went into a volume of 1 MiB")
	}
	w.mountOK(pod)
	if points, err := mountsBelow(w.podDir("u1")); err != nil || len(points) != 1 {
		t.Errorf("mounts after two calls: %v, %v; want one", points, err)
	}

	// Still open somewhere: it goes from sight all the same.
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w.unmountOK("u1")
}

func TestMemorySize(t *testing.T) {
	limited := func(limits ...string) *corev1.Pod {
		pod := newPod("u1")
		pod.Spec.Containers = nil
		for _, l := range limits {
			c := &corev1.Container{Name: "c"}
			if l != "" {
				c.Resources = &corev1.ResourceRequirements{Limits: map[string]*metav1.Quantity{"memory": {String_: l}}}
			}
			pod.Spec.Containers = append(pod.Spec.Containers, c)
		}
		return pod
	}
	node := PodInfo{Allocatable: map[string]resource.Quantity{"memory": resource.MustParse("1Gi")}}
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		info PodInfo
		size string
		want int64
	}{
		"limit of the volume":       {limited(""), PodInfo{}, "10Mi", 10 << 20},
		"limit of the pod":          {limited("10Mi", "20Mi"), node, "", 30 << 20},
		"pod is smaller":            {limited("10Mi"), node, "1Gi", 10 << 20},
		"volume is smaller":         {limited("1Gi"), node, "10Mi", 10 << 20},
		"one container unlimited":   {limited("10Mi", ""), node, "", 1 << 30},
		"node is smaller":           {limited(""), node, "2Gi", 1 << 30},
		"nothing known is an error": {limited(""), PodInfo{}, "", -1},
	} {
		s := &corev1.EmptyDirVolumeSource{Medium: "Memory"}
		if c.size != "" {
			s.SizeLimit = &metav1.Quantity{String_: c.size}
		}
		got, err := memorySize(c.pod, c.info, s)
		if (c.want < 0) != (err != nil) || (err == nil && got != c.want) {
			t.Errorf("%s: %d, %v; want %d", name, got, err, c.want)
		}
	}
}

func TestHugepageSize(t *testing.T) {
	asking := func(sizes ...string) *corev1.Pod {
		pod := newPod("u1")
		pod.Spec.Containers[0].Resources = &corev1.ResourceRequirements{Limits: map[string]*metav1.Quantity{}}
		for _, s := range sizes {
			pod.Spec.Containers[0].Resources.Limits["hugepages-"+s] = &metav1.Quantity{String_: "1Gi"}
		}
		return pod
	}
	for _, c := range []struct {
		pod    *corev1.Pod
		medium string
		want   int64
	}{
		{asking("2Mi"), "HugePages", 2 << 20},
		{asking("2Mi", "1Gi"), "HugePages-1Gi", 1 << 30},
		{asking("2Mi", "1Gi"), "HugePages", 0},
		{asking(), "HugePages", 0},
		{asking("2Mi"), "HugePages-1Gi", 0},
	} {
		if got, err := hugepageSize(c.pod, c.medium); (c.want == 0) != (err != nil) || got != c.want {
			t.Errorf("%s: %d, %v; want %d", c.medium, got, err, c.want)
		}
	}
}

func TestUnknownMedium(t *testing.T) {
	w := newWorld(t)
	_, err := w.Mount(t.Context(), newPod("u1", volume("v", &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: "Tape"}})), PodInfo{})
	if err == nil || !strings.Contains(err.Error(), "Tape") {
		t.Errorf("medium Tape: %v; want an error that names it", err)
	}
}
