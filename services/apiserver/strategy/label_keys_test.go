package strategy

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/selector"
)

const podWithLabelKeys = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, labels: {app: web, version: v2}}
spec:
  containers: [{name: web, image: web}]
  affinity:
    podAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
      - {topologyKey: zone, labelSelector: {matchLabels: {app: web}}, matchLabelKeys: [version, absent]}
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - {weight: 1, podAffinityTerm: {topologyKey: zone, labelSelector: {}, mismatchLabelKeys: [version]}}
  topologySpreadConstraints:
  - {maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}, matchLabelKeys: [version]}
`

func TestLabelKeysBecomePartOfSelectors(t *testing.T) {
	o, s := build(t, podWithLabelKeys, "{}")
	if v := s.Validate(o); len(v) > 0 {
		t.Fatal(v)
	}
	spec := o.(*corev1.Pod).GetSpec()
	for _, c := range []struct {
		where string
		got   interface{ GetLabelSelector() *metav1.LabelSelector }
		want  string
	}{
		{"affinity", spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution[0], "app=web,version in (v2)"},
		{"anti-affinity", spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution[0].PodAffinityTerm, "version notin (v2)"},
		{"spread", spec.TopologySpreadConstraints[0], "app=web,version in (v2)"},
	} {
		got, err := selector.FromMessage(c.got.GetLabelSelector())
		if err != nil || got.String() != c.want {
			t.Errorf("%s: %v %v, want %s", c.where, got, err, c.want)
		}
	}
}

func TestLabelKeysTwice(t *testing.T) {
	runCases(t, podWithLabelKeys, []ruleCase{
		{"in the selector too", `{spec: {topologySpreadConstraints: {"[0]": {labelSelector: {matchLabels: {version: v2}}}}}}`,
			[]string{"spec.topologySpreadConstraints[0].matchLabelKeys[0] Invalid"}},
		{"in both lists", `{spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {"[0]": {mismatchLabelKeys: [absent]}}}}}}`,
			[]string{"spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].matchLabelKeys[1] Invalid"}},
		{"no selector", `{spec: {topologySpreadConstraints: {"[0]": {labelSelector: null}}}}`,
			[]string{"spec.topologySpreadConstraints[0].matchLabelKeys Forbidden"}},
	})
}

// A manifest that is applied again has not what was written into its selectors on create.
func TestLabelKeysOfUpdates(t *testing.T) {
	old, s := build(t, podWithLabelKeys, "{}")
	declared := parse(t, podWithLabelKeys)
	b, err := json.Marshal(declared)
	if err != nil {
		t.Fatal(err)
	}
	next, err := manifest.FromJSON(kind.Lookup("pods"), b, true)
	if err != nil {
		t.Fatal(err)
	}
	s.Default(next)
	s.PrepareUpdate(next, old)
	if v := append(s.Validate(next), s.ValidateUpdate(next, old)...); len(v) > 0 {
		t.Error(v)
	}
	if !proto.Equal(next.(*corev1.Pod).GetSpec(), old.(*corev1.Pod).GetSpec()) {
		t.Errorf("got  %v\nwant %v", next, old)
	}
}
