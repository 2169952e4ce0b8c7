package downward

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// FuzzField reads any path. A key in a subscript is that of the map, whatever it is.
func FuzzField(f *testing.F) {
	for _, seed := range []string{"metadata.name", "metadata.labels['a']", `metadata.annotations["a/b"]`, "metadata.labels[']", "metadata.labels[''']", "[", "metadata.name['a']", "spec.x"} {
		f.Add(seed, "a")
	}
	f.Fuzz(func(t *testing.T, path, key string) {
		pod := &corev1.Pod{Metadata: &metav1.ObjectMeta{Name: "n", Labels: map[string]string{key: "yes"}}}
		if text, err := Field(pod, PodInfo{}, path); err != nil && text != "" {
			t.Fatalf("%q is %q beside %v", path, text, err)
		}
		for _, quoted := range []string{"'" + key + "'", `"` + key + `"`} {
			if text, err := Field(pod, PodInfo{}, "metadata.labels["+quoted+"]"); err != nil || text != "yes" {
				t.Fatalf("%s is %q, %v", quoted, text, err)
			}
		}
	})
}
