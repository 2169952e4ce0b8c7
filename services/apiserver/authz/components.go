package authz

import (
	"slices"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
)

const (
	get       = metav1.Verb_VERB_GET
	list      = metav1.Verb_VERB_LIST
	watch     = metav1.Verb_VERB_WATCH
	create    = metav1.Verb_VERB_CREATE
	update    = metav1.Verb_VERB_UPDATE
	patch     = metav1.Verb_VERB_PATCH
	apply     = metav1.Verb_VERB_APPLY
	remove    = metav1.Verb_VERB_DELETE
	removeAll = metav1.Verb_VERB_DELETE_COLLECTION
)

var (
	read  = []metav1.Verb{get, list, watch}
	write = []metav1.Verb{create, update, patch, apply, remove, removeAll}
)

// rule allows verbs on resources.
type rule struct {
	verbs     []metav1.Verb
	resources []string // plural.group, with /subresource; "*" for all kinds and their status and scale
	namespace string   // only there; empty for everywhere
}

func (r rule) allows(a Attributes) bool {
	return slices.Contains(r.verbs, a.Verb) && r.covers(a) && (r.namespace == "" || r.namespace == a.Namespace)
}

func (r rule) covers(a Attributes) bool {
	if slices.Contains(r.resources, a.Resource()) {
		return true
	}
	plain := a.Subresource == "" || a.Subresource == "status" || a.Subresource == "scale"
	return plain && slices.Contains(r.resources, "*")
}

// systemNamespace is where the components keep what is theirs.
const systemNamespace = "kaji-system"

// components is what each part of the system may do.
var components = map[string][]rule{
	identity.Scheduler: {
		{verbs: read, resources: []string{
			"pods.core", "nodes.core", "namespaces.core", "services.core", "replicasets.apps", "deployments.apps",
			"runtimeclasses.node.k8s.io",
		}},
		{verbs: []metav1.Verb{create}, resources: []string{"pods.core/binding"}},
		{verbs: []metav1.Verb{update, patch}, resources: []string{"pods.core/status"}},
		{verbs: []metav1.Verb{get, create, update, patch}, resources: []string{"events.core"}},
		{verbs: append(slices.Clone(read), create, update, patch), resources: []string{"leases.coordination.k8s.io"}, namespace: systemNamespace},
	},
	identity.Controllers: {
		// The garbage collector and the namespace controller act on every kind.
		{verbs: append(slices.Clone(read), write...), resources: []string{"*"}},
	},
}
