package framework

import (
	"slices"
	"strconv"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// NodeTerm is a compiled NodeSelectorTerm: all of its requirements must hold.
type NodeTerm struct {
	labels []nodeRequirement
	fields []nodeRequirement
}

type nodeRequirement struct {
	key    string
	op     string
	values []string
	bound  int64 // of Gt and Lt
	valid  bool
}

// NewNodeTerm compiles a term.
func NewNodeTerm(t *corev1.NodeSelectorTerm) NodeTerm {
	return NodeTerm{labels: nodeRequirements(t.GetMatchExpressions()), fields: nodeRequirements(t.GetMatchFields())}
}

func nodeRequirements(list []*corev1.NodeSelectorRequirement) []nodeRequirement {
	var out []nodeRequirement
	for _, r := range list {
		n := nodeRequirement{key: r.GetKey(), op: r.GetOperator(), values: r.GetValues(), valid: true}
		if n.op == "Gt" || n.op == "Lt" {
			n.valid = false
			if len(n.values) == 1 {
				bound, err := strconv.ParseInt(n.values[0], 10, 64)
				n.bound, n.valid = bound, err == nil
			}
		}
		out = append(out, n)
	}
	return out
}

// Matches tells whether the node meets the term. A term with no requirements meets no node, as in Kubernetes.
func (t *NodeTerm) Matches(node *corev1.Node) bool {
	if len(t.labels)+len(t.fields) == 0 {
		return false
	}
	meta := node.GetMetadata()
	for i := range t.labels {
		r := &t.labels[i]
		value, ok := meta.GetLabels()[r.key]
		if !r.holds(value, ok) {
			return false
		}
	}
	for i := range t.fields {
		r := &t.fields[i]
		if r.key != "metadata.name" || !r.holds(meta.GetName(), true) {
			return false
		}
	}
	return true
}

func (r *nodeRequirement) holds(value string, present bool) bool {
	switch r.op {
	case "In":
		return present && slices.Contains(r.values, value)
	case "NotIn":
		return !present || !slices.Contains(r.values, value)
	case "Exists":
		return present
	case "DoesNotExist":
		return !present
	case "Gt", "Lt":
		if !present || !r.valid {
			return false
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return false
		}
		if r.op == "Gt" {
			return n > r.bound
		}
		return n < r.bound
	}
	return false
}

// names returns the node names that the term's fields leave, and false when they leave all.
func (t *NodeTerm) names() ([]string, bool) {
	var out []string
	limited := false
	for _, r := range t.fields {
		if r.key != "metadata.name" || r.op != "In" {
			continue
		}
		if !limited {
			out, limited = slices.Clone(r.values), true
			continue
		}
		out = slices.DeleteFunc(out, func(n string) bool { return !slices.Contains(r.values, n) })
	}
	return out, limited
}

// RequiredNodeAffinity is where nodeSelector and required node affinity let a pod go: all labels of the selector, and any of the terms.
type RequiredNodeAffinity struct {
	selector map[string]string
	terms    []NodeTerm
	hasTerms bool
}

// NewRequiredNodeAffinity compiles what a pod requires of nodes; nil when it requires nothing.
func NewRequiredNodeAffinity(spec *corev1.PodSpec) *RequiredNodeAffinity {
	required := spec.GetAffinity().GetNodeAffinity().GetRequiredDuringSchedulingIgnoredDuringExecution()
	if len(spec.GetNodeSelector()) == 0 && required == nil {
		return nil
	}
	a := &RequiredNodeAffinity{selector: spec.GetNodeSelector(), hasTerms: required != nil}
	for _, t := range required.GetNodeSelectorTerms() {
		a.terms = append(a.terms, NewNodeTerm(t))
	}
	return a
}

// Matches tells whether the node will do. A nil receiver lets every node do.
func (a *RequiredNodeAffinity) Matches(node *corev1.Node) bool {
	if a == nil {
		return true
	}
	labels := node.GetMetadata().GetLabels()
	for key, want := range a.selector {
		if got, ok := labels[key]; !ok || got != want {
			return false
		}
	}
	if !a.hasTerms {
		return true
	}
	for i := range a.terms {
		if a.terms[i].Matches(node) {
			return true
		}
	}
	return false
}

// NodeNames returns the nodes that matchFields alone leave, and false when some term leaves all. It spares pods
// that belong to one node each (of DaemonSets) a walk over the whole cluster.
func (a *RequiredNodeAffinity) NodeNames() ([]string, bool) {
	if a == nil || len(a.terms) == 0 {
		return nil, false
	}
	var out []string
	for i := range a.terms {
		names, limited := a.terms[i].names()
		if !limited {
			return nil, false
		}
		for _, n := range names {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out, true
}
