package strategy

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestPodUpdates(t *testing.T) {
	runUpdates(t, basePod, []ruleCase{
		{"nothing", `{}`, nil},
		{"labels", `metadata: {labels: {a: b}}`, nil},
		{"name", `metadata: {name: other}`, []string{"metadata.name Invalid"}},
		{"image", container(`{image: "web:2", imagePullPolicy: IfNotPresent}`), nil},
		{"image to none", container(`{image: "", imagePullPolicy: IfNotPresent}`), []string{"spec.containers[0].image Required"}},
		{"command", container(`{command: [sh]}`), []string{"spec.containers Forbidden"}},
		{"one more container", spec(`{containers: [{name: web, image: "registry.local/web:1"}, {name: b, image: c}]}`), []string{"spec.containers Forbidden"}},
		{"node", spec(`{nodeName: n1}`), []string{"spec.nodeName Forbidden"}},
		{"restart policy and dns", spec(`{restartPolicy: Never, dnsPolicy: Default}`), []string{"spec.dnsPolicy Forbidden", "spec.restartPolicy Forbidden"}},
		{"deadline set", spec(`{activeDeadlineSeconds: 10}`), nil},
		{"toleration added", spec(`{tolerations: [{key: a, operator: Exists}]}`), nil},
		{"priority", spec(`{priority: 5}`), []string{"spec.priority Forbidden"}},
		{"gate added", spec(`{schedulingGates: [{name: a}]}`), []string{"spec.schedulingGates[0] Forbidden"}},
		{"grace", spec(`{terminationGracePeriodSeconds: 5}`), []string{"spec.terminationGracePeriodSeconds Forbidden"}},
	})
	tolerant := basePod + "  activeDeadlineSeconds: 10\n  tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 5}, {key: b, operator: Exists, effect: NoSchedule}]\n"
	runUpdates(t, tolerant, []ruleCase{
		{"toleration removed", spec(`{tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 5}]}`), []string{"spec.tolerations Forbidden"}},
		{"toleration lasts longer", spec(`{tolerations: [{key: a, operator: Exists, effect: NoExecute, tolerationSeconds: 6}, {key: b, operator: Exists, effect: NoSchedule}]}`), nil},
		{"deadline earlier", spec(`{activeDeadlineSeconds: 5}`), nil},
		{"deadline later", spec(`{activeDeadlineSeconds: 15}`), []string{"spec.activeDeadlineSeconds Invalid"}},
		{"deadline gone", spec(`{activeDeadlineSeconds: null}`), []string{"spec.activeDeadlineSeconds Invalid"}},
	})
	gated := basePod + "  schedulingGates: [{name: a}, {name: b}]\n  nodeSelector: {disk: ssd}\n"
	runUpdates(t, gated, []ruleCase{
		{"gates removed", spec(`{schedulingGates: []}`), nil},
		{"one gate removed", spec(`{schedulingGates: [{name: b}]}`), nil},
		{"gate exchanged", spec(`{schedulingGates: [{name: c}]}`), []string{"spec.schedulingGates[0] Forbidden"}},
		{"selector narrowed while gated", spec(`{nodeSelector: {disk: ssd, zone: a}}`), nil},
		{"selector widened while gated", spec(`{nodeSelector: {disk: null}}`), []string{"spec.nodeSelector Invalid"}},
		{"affinity added while gated", spec(`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}}`), nil},
	})
}

// TestPodStatus checks statuses as the node agent writes them.
func TestPodStatus(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*corev1.PodStatus)
		want   int
	}{
		{"as it was", func(*corev1.PodStatus) {}, 0},
		{"running with an address", func(s *corev1.PodStatus) {
			s.Phase, s.PodIps = "Running", []*corev1.PodIP{{Ip: "10.0.0.1"}}
		}, 0},
		{"unknown phase", func(s *corev1.PodStatus) { s.Phase = "Sleeping" }, 1},
		{"another qos class", func(s *corev1.PodStatus) { s.QosClass = "Guaranteed" }, 1},
		{"address that is none", func(s *corev1.PodStatus) { s.PodIps = []*corev1.PodIP{{Ip: "x"}} }, 1},
		{"address twice", func(s *corev1.PodStatus) { s.PodIps = []*corev1.PodIP{{Ip: "10.0.0.1"}, {Ip: "10.0.0.1"}} }, 1},
		{"condition of an unknown status", func(s *corev1.PodStatus) { s.Conditions = []*corev1.PodCondition{{Type: "Ready", Status: "Maybe"}} }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, s := build(t, basePod, "{}")
			new, _ := build(t, basePod, "{}")
			c.change(new.(*corev1.Pod).Status)
			if got := s.ValidateStatusUpdate(new, old); len(got) != c.want {
				t.Errorf("got %v, want %d violations", got, c.want)
			}
		})
	}
}
