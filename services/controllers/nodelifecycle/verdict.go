package nodelifecycle

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Taints that this controller puts on nodes, and takes off.
const (
	taintNotReady       = "node.kubernetes.io/not-ready"
	taintUnreachable    = "node.kubernetes.io/unreachable"
	taintUnschedulable  = "node.kubernetes.io/unschedulable"
	taintMemoryPressure = "node.kubernetes.io/memory-pressure"
	taintDiskPressure   = "node.kubernetes.io/disk-pressure"
	taintPIDPressure    = "node.kubernetes.io/pid-pressure"
	taintNoNetwork      = "node.kubernetes.io/network-unavailable"

	noSchedule = "NoSchedule"
	noExecute  = "NoExecute"

	ready         = "Ready"
	statusTrue    = "True"
	statusFalse   = "False"
	statusUnknown = "Unknown"
)

// reported are the conditions that an agent keeps up to date; when it is silent, all of them are unknown.
var reported = []string{ready, "MemoryPressure", "DiskPressure", "PIDPressure"}

// pressure says which condition, when true, calls for which taint.
var pressure = map[string]string{
	"MemoryPressure":     taintMemoryPressure,
	"DiskPressure":       taintDiskPressure,
	"PIDPressure":        taintPIDPressure,
	"NetworkUnavailable": taintNoNetwork,
}

func condition(n *corev1.Node, t string) *corev1.NodeCondition {
	for _, c := range n.GetStatus().GetConditions() {
		if c.GetType() == t {
			return c
		}
	}
	return nil
}

// readiness is the status of the Ready condition; Unknown when there is none.
func readiness(n *corev1.Node) string {
	if c := condition(n, ready); c != nil {
		return c.GetStatus()
	}
	return statusUnknown
}

// silence returns the node's status after its agent has been silent for too long: every condition that the
// agent reports is Unknown. nil when the status says so already.
func silence(n *corev1.Node, now time.Time) *corev1.NodeStatus {
	status := proto.CloneOf(n.GetStatus())
	if status == nil {
		status = &corev1.NodeStatus{}
	}
	changed := false
	for _, t := range reported {
		i := slices.IndexFunc(status.Conditions, func(c *corev1.NodeCondition) bool { return c.GetType() == t })
		if i < 0 {
			status.Conditions = append(status.Conditions, &corev1.NodeCondition{
				Type: t, Status: statusUnknown, Reason: "NodeStatusNeverUpdated", Message: "Kubelet never posted node status.",
				LastHeartbeatTime: n.GetMetadata().GetCreationTimestamp(), LastTransitionTime: timestamppb.New(now),
			})
			changed = true
			continue
		}
		if c := status.Conditions[i]; c.GetStatus() != statusUnknown {
			c.Status, c.Reason, c.Message = statusUnknown, "NodeStatusUnknown", "Kubelet stopped posting node status."
			c.LastTransitionTime = timestamppb.New(now)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return status
}

// taints returns the taints a node should have, given its conditions. Taints of others stay as they are. evict says
// whether pods may be driven off the node now (see zone); when not, a NoExecute taint that is there stays, and none is
// added. The second result is false when nothing changes.
func taints(n *corev1.Node, evict bool, now time.Time) ([]*corev1.Taint, bool) {
	want := map[[2]string]bool{}
	if n.GetSpec().GetUnschedulable() {
		want[[2]string{taintUnschedulable, noSchedule}] = true
	}
	for t, key := range pressure {
		if c := condition(n, t); c.GetStatus() == statusTrue {
			want[[2]string{key, noSchedule}] = true
		}
	}
	bad := ""
	switch readiness(n) {
	case statusFalse:
		bad = taintNotReady
	case statusUnknown:
		bad = taintUnreachable
	}
	if bad != "" {
		want[[2]string{bad, noSchedule}] = true
		want[[2]string{bad, noExecute}] = true
	}
	var out []*corev1.Taint
	changed := false
	for _, t := range n.GetSpec().GetTaints() {
		key := [2]string{t.GetKey(), t.GetEffect()}
		if ours(t) && !want[key] {
			changed = true
			continue
		}
		delete(want, key)
		out = append(out, t)
	}
	for _, key := range sorted(want) {
		if key[1] == noExecute && !evict && !hasNoExecute(n) {
			continue
		}
		t := &corev1.Taint{Key: key[0], Effect: key[1]}
		if key[1] == noExecute {
			t.TimeAdded = timestamppb.New(now)
		}
		out = append(out, t)
		changed = true
	}
	return out, changed
}

// hasNoExecute reports whether pods are being driven off the node for not being ready.
func hasNoExecute(n *corev1.Node) bool {
	return slices.ContainsFunc(n.GetSpec().GetTaints(), func(t *corev1.Taint) bool {
		return t.GetEffect() == noExecute && (t.GetKey() == taintNotReady || t.GetKey() == taintUnreachable)
	})
}

func ours(t *corev1.Taint) bool {
	switch t.GetKey() {
	case taintNotReady, taintUnreachable:
		return t.GetEffect() == noSchedule || t.GetEffect() == noExecute
	case taintUnschedulable, taintMemoryPressure, taintDiskPressure, taintPIDPressure, taintNoNetwork:
		return t.GetEffect() == noSchedule
	}
	return false
}

func sorted(want map[[2]string]bool) [][2]string {
	keys := make([][2]string, 0, len(want))
	for k := range want {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return keys
}
