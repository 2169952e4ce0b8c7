package strategy

import (
	"slices"
	"testing"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func TestOldWaysAreWarnedOf(t *testing.T) {
	annotations := &metav1.ObjectMeta{Annotations: map[string]string{
		"container.apparmor.security.beta.kubernetes.io/main": "x", "scheduler.alpha.kubernetes.io/critical-pod": "", "mine": "y",
	}}
	spec := &corev1.PodSpec{
		NodeSelector: map[string]string{"beta.kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"},
		Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []*corev1.PreferredSchedulingTerm{
			{Preference: &corev1.NodeSelectorTerm{MatchExpressions: []*corev1.NodeSelectorRequirement{{Key: "failure-domain.beta.kubernetes.io/zone"}}}},
		}}},
	}
	want := []string{
		"metadata.annotations[container.apparmor.security.beta.kubernetes.io/main]: nothing acts on it; use securityContext.appArmorProfile of the container",
		"metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: nothing acts on it; use spec.priorityClassName",
		"spec.nodeSelector[beta.kubernetes.io/os]: deprecated; use kubernetes.io/os",
		"spec.affinity.nodeAffinity: the label failure-domain.beta.kubernetes.io/zone is deprecated; use topology.kubernetes.io/zone",
	}
	pod := &corev1.Pod{Metadata: annotations, Spec: spec}
	if got := For(kind.Of(pod)).Warnings(pod); !slices.Equal(got, want) {
		t.Errorf("a pod is warned of %q", got)
	}
	for i := range want {
		want[i] = "spec.template." + want[i]
	}
	d := &appsv1.Deployment{Spec: &appsv1.DeploymentSpec{Template: &corev1.PodTemplateSpec{Metadata: annotations, Spec: spec}}}
	if got := For(kind.Of(d)).Warnings(d); !slices.Equal(got, want) {
		t.Errorf("a deployment is warned of %q", got)
	}
	for _, o := range []kind.Object{&corev1.Pod{}, &appsv1.Deployment{}, &corev1.ConfigMap{}} {
		if got := For(kind.Of(o)).Warnings(o); len(got) > 0 {
			t.Errorf("an empty %T is warned of %q", o, got)
		}
	}
}
