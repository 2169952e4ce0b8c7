package view

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func ref(name string) *corev1.LocalObjectReference { return &corev1.LocalObjectReference{Name: name} }

func TestRefersTo(t *testing.T) {
	pod := &corev1.Pod{Spec: &corev1.PodSpec{
		ServiceAccountName: "robot",
		ImagePullSecrets:   []*corev1.LocalObjectReference{ref("pull")},
		InitContainers: []*corev1.Container{{Env: []*corev1.EnvVar{{ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: ref("env-secret")},
		}}}}},
		Containers: []*corev1.Container{{
			Env: []*corev1.EnvVar{{ValueFrom: &corev1.EnvVarSource{
				ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: ref("env-map")},
			}}},
			EnvFrom: []*corev1.EnvFromSource{
				{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: ref("from-map")}},
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: ref("from-secret")}},
			},
		}},
		Volumes: []*corev1.Volume{
			{VolumeSource: &corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "volume-secret"}}},
			{VolumeSource: &corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: ref("volume-map")}}},
			{VolumeSource: &corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []*corev1.VolumeProjection{
				{Secret: &corev1.SecretProjection{LocalObjectReference: ref("projected-secret")}},
				{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: ref("projected-map")}},
			}}}},
		},
	}}
	named := map[string][]string{
		"secrets.core":         {"pull", "env-secret", "from-secret", "volume-secret", "projected-secret"},
		"configmaps.core":      {"env-map", "from-map", "volume-map", "projected-map"},
		"serviceaccounts.core": {"robot"},
	}
	for resource, names := range named {
		for _, name := range names {
			if !refersTo(pod, resource, name) {
				t.Errorf("%s %s is not found", resource, name)
			}
			for other := range named {
				if other != resource && refersTo(pod, other, name) {
					t.Errorf("%s is taken for one of %s", name, other)
				}
			}
		}
		if refersTo(pod, resource, "unnamed") || refersTo(pod, resource, "") || refersTo(&corev1.Pod{}, resource, "robot") {
			t.Errorf("%s: found what is not named", resource)
		}
	}
}
