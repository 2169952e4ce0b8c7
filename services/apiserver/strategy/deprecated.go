package strategy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

// deprecatedLabels are labels of nodes that others have replaced; pods that ask for them find no node in clusters that do
// not set them any more.
var deprecatedLabels = map[string]string{
	"beta.kubernetes.io/arch":                  "kubernetes.io/arch",
	"beta.kubernetes.io/os":                    "kubernetes.io/os",
	"beta.kubernetes.io/instance-type":         "node.kubernetes.io/instance-type",
	"failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
	"failure-domain.beta.kubernetes.io/zone":   "topology.kubernetes.io/zone",
}

// deprecatedAnnotations are annotations of pods that fields have replaced, by what they begin with. Nothing acts on them.
var deprecatedAnnotations = map[string]string{
	"scheduler.alpha.kubernetes.io/critical-pod":      "spec.priorityClassName",
	"scheduler.alpha.kubernetes.io/tolerations":       "spec.tolerations",
	"scheduler.alpha.kubernetes.io/affinity":          "spec.affinity",
	"seccomp.security.alpha.kubernetes.io/pod":        "securityContext.seccompProfile",
	"container.seccomp.security.alpha.kubernetes.io/": "securityContext.seccompProfile of the container",
	"container.apparmor.security.beta.kubernetes.io/": "securityContext.appArmorProfile of the container",
	"security.alpha.kubernetes.io/sysctls":            "securityContext.sysctls",
	"security.alpha.kubernetes.io/unsafe-sysctls":     "securityContext.sysctls",
	"pod.alpha.kubernetes.io/init-containers":         "spec.initContainers",
	"pod.beta.kubernetes.io/init-containers":          "spec.initContainers",
	"pod.alpha.kubernetes.io/initialized":             "nothing",
}

// deprecated names the old ways in an object that newer ones have replaced, one sentence each.
func deprecated(o kind.Object) []string {
	if p, ok := o.(*corev1.Pod); ok {
		return deprecatedInPod("", p.GetMetadata().GetAnnotations(), p.GetSpec())
	}
	m := o.ProtoReflect()
	spec := m.Descriptor().Fields().ByName("spec")
	if spec == nil || spec.Message() == nil {
		return nil
	}
	template := spec.Message().Fields().ByName("template")
	if template == nil || template.Message() == nil || template.Message().FullName() != "kaji.core.v1.PodTemplateSpec" {
		return nil
	}
	t, ok := m.Get(spec).Message().Get(template).Message().Interface().(*corev1.PodTemplateSpec)
	if !ok {
		return nil
	}
	return deprecatedInPod("spec.template.", t.GetMetadata().GetAnnotations(), t.GetSpec())
}

func deprecatedInPod(at string, annotations map[string]string, spec *corev1.PodSpec) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		for old, now := range deprecatedAnnotations {
			if key == old || strings.HasSuffix(old, "/") && strings.HasPrefix(key, old) {
				out = append(out, fmt.Sprintf("%smetadata.annotations[%s]: nothing acts on it; use %s", at, key, now))
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(spec.GetNodeSelector())) {
		if now := deprecatedLabels[key]; now != "" {
			out = append(out, fmt.Sprintf("%sspec.nodeSelector[%s]: deprecated; use %s", at, key, now))
		}
	}
	terms := slices.Clone(spec.GetAffinity().GetNodeAffinity().GetRequiredDuringSchedulingIgnoredDuringExecution().GetNodeSelectorTerms())
	for _, p := range spec.GetAffinity().GetNodeAffinity().GetPreferredDuringSchedulingIgnoredDuringExecution() {
		terms = append(terms, p.GetPreference())
	}
	for _, term := range terms {
		for _, e := range term.GetMatchExpressions() {
			if now := deprecatedLabels[e.GetKey()]; now != "" {
				out = append(out, fmt.Sprintf("%sspec.affinity.nodeAffinity: the label %s is deprecated; use %s", at, e.GetKey(), now))
			}
		}
	}
	return out
}
