package authz

import (
	"context"
	"fmt"
	"strings"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
)

// Attributes are what a decision is about.
type Attributes struct {
	Identity identity.Identity
	// Verb is what is asked for.
	Verb metav1.Verb
	// Kind is what it is asked of.
	Kind *kind.Kind
	// Subresource is the part of the object, e.g. status; empty for the object itself.
	Subresource string
	// Namespace and Name say which object; Name is empty for collections, and for objects yet without a name.
	Namespace, Name string
	// FieldSelector is the one of a list or watch, as the client wrote it.
	FieldSelector string
}

// Word is the verb in Kubernetes' writing: get, list, watch, …
func (a Attributes) Word() string { return Word(a.Verb) }

// Word writes a verb as Kubernetes does: get, deletecollection.
func Word(v metav1.Verb) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(v.String(), "VERB_")), "_", "")
}

// Resource is the kind with its sub-resource: pods.core/status.
func (a Attributes) Resource() string {
	if a.Subresource == "" {
		return a.Kind.String()
	}
	return a.Kind.String() + "/" + a.Subresource
}

// Authorizer decides. It returns nil when the caller may, a Forbidden error when it may not, and any other error
// when that cannot be found out now.
type Authorizer interface {
	Authorize(ctx context.Context, a Attributes) error
}

// Forbid is the error for a caller who may not.
func Forbid(a Attributes, why string) error {
	var where string
	if a.Namespace != "" {
		where = fmt.Sprintf(" in the namespace %q", a.Namespace)
	}
	var what string
	if a.Name != "" {
		what = fmt.Sprintf(" %q", a.Name)
	}
	if why != "" {
		why = ": " + why
	}
	return apierror.Forbidden(fmt.Sprintf("%q may not %s %s%s%s%s", a.Identity, a.Word(), a.Resource(), what, where, why))
}

// System authorizes the system's own components, nodes and administrators.
type System struct {
	// Nodes decides for nodes.
	Nodes Authorizer
}

// Authorize implements Authorizer.
func (s System) Authorize(ctx context.Context, a Attributes) error {
	if a.Identity.InGroup(identity.GroupMasters) {
		return nil
	}
	if _, ok := a.Identity.Node(); ok {
		return s.Nodes.Authorize(ctx, a)
	}
	for _, r := range components[a.Identity.Name] {
		if r.allows(a) {
			return nil
		}
	}
	return Forbid(a, "")
}
