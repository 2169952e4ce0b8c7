package pods

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// TestNewLabelsAreMountedAtOnce: the world's volumes are refreshed by the hour, which is not to be waited for.
func TestNewLabelsAreMountedAtOnce(t *testing.T) {
	w := newWorld(t, 1)
	p := podOf("u", func(p *corev1.Pod) {
		p.Metadata.Labels = map[string]string{"l": "old"}
		p.Spec.Volumes = []*corev1.Volume{{Name: "v", VolumeSource: &corev1.VolumeSource{DownwardApi: &corev1.DownwardAPIVolumeSource{
			DefaultMode: proto.Int32(0o644),
			Items:       []*corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{ApiVersion: "v1", FieldPath: "metadata.labels"}}},
		}}}}
		p.Spec.Containers[0].VolumeMounts = []*corev1.VolumeMount{{Name: "v", MountPath: "/v"}}
	})
	w.Set(p)
	w.await("running", w.running("u"))
	mounted := func() string {
		files, err := filepath.Glob(filepath.Join(w.root, "pods", "u", "volumes", "v", "labels"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v %v", files, err)
		}
		b, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if got := mounted(); got != `l="old"` {
		t.Fatal(got)
	}
	changed := proto.CloneOf(p)
	changed.Metadata.Labels["l"] = "new"
	w.Set(changed)
	for deadline := time.Now().Add(20 * time.Second); mounted() != `l="new"`; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(mounted())
		}
	}
	w.finish(changed)
	w.empty()
}
