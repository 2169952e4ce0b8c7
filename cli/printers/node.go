package printers

import (
	"sort"
	"strings"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

const (
	rolePrefix = "node-role.kubernetes.io/"
	roleLabel  = "kubernetes.io/role"
)

func nodeStatus(o kind.Object, _ time.Time) string {
	n, ok := o.(*corev1.Node)
	if !ok {
		return none
	}
	status := "Unknown"
	for _, c := range n.GetStatus().GetConditions() {
		if c.GetType() == "Ready" {
			status = "NotReady"
			if c.GetStatus() == "True" {
				status = "Ready"
			}
		}
	}
	if n.GetSpec().GetUnschedulable() {
		status += ",SchedulingDisabled"
	}
	return status
}

// NodeRoles are the roles that a node's labels give it, or <none>.
func NodeRoles(n *corev1.Node) string { return nodeRoles(n, time.Time{}) }

func nodeRoles(o kind.Object, _ time.Time) string {
	var roles []string
	for label, value := range o.GetMetadata().GetLabels() {
		if role, ok := strings.CutPrefix(label, rolePrefix); ok && role != "" {
			roles = append(roles, role)
		} else if label == roleLabel && value != "" {
			roles = append(roles, value)
		}
	}
	if len(roles) == 0 {
		return none
	}
	sort.Strings(roles)
	return strings.Join(roles, ",")
}

func nodeInternalIP(o kind.Object, _ time.Time) string { return nodeAddress(o, "InternalIP") }

func nodeExternalIP(o kind.Object, _ time.Time) string { return nodeAddress(o, "ExternalIP") }

func nodeAddress(o kind.Object, of string) string {
	if n, ok := o.(*corev1.Node); ok {
		for _, a := range n.GetStatus().GetAddresses() {
			if a.GetType() == of {
				return a.GetAddress()
			}
		}
	}
	return none
}
