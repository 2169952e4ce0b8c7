package strategy

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestCanonicalQuantities(t *testing.T) {
	for in, want := range map[string]string{
		"0.5": "500m", "1000m": "1", "1024Mi": "1Gi", "1500m": "1500m", "2": "2", "100u": "1m", "1e3": "1e3", "0": "0", "-1": "-1", "much": "much",
	} {
		o := &corev1.Pod{Spec: &corev1.PodSpec{Containers: []*corev1.Container{{
			Resources: &corev1.ResourceRequirements{Limits: map[string]*metav1.Quantity{"cpu": {String_: in}}},
		}}}}
		canonicalQuantities(o)
		if got := o.Spec.Containers[0].Resources.Limits["cpu"].String_; got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	// An amount that is no resource's is not rounded.
	o := &corev1.Pod{Spec: &corev1.PodSpec{Volumes: []*corev1.Volume{{
		VolumeSource: &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: &metav1.Quantity{String_: "2048Ki"}}},
	}}}}
	canonicalQuantities(o)
	if got := o.Spec.Volumes[0].VolumeSource.EmptyDir.SizeLimit.String_; got != "2Mi" {
		t.Errorf("got %s", got)
	}
}
