package admission

import (
	"context"
	"fmt"
	"slices"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// SystemNamespaces are made when a server starts and cannot be deleted.
var SystemNamespaces = []string{"default", "kube-system", "kaji-system", "kube-node-lease"}

var namespaces = kind.Of(&corev1.Namespace{})

// NamespaceLifecycle keeps objects out of namespaces that are not there or are going, and the system's own
// namespaces from being deleted. It guards the namespace, so that none begins to go while an object comes.
type NamespaceLifecycle struct {
	Reader Reader
}

// Mutate implements Mutator: a write into nowhere is refused before anything else looks at it.
func (n NamespaceLifecycle) Mutate(ctx context.Context, r *Request) error {
	if r.Verb != metav1.Verb_VERB_CREATE || r.Namespace == "" || !r.Kind.Namespaced() {
		return nil
	}
	object, revision := n.Reader.Cached(namespaces, "", r.Namespace)
	if object == nil || going(object) {
		// The cache may be late: the namespace may have come, or be another of the same name.
		var err error
		if object, revision, err = n.Reader.Fresh(ctx, namespaces, "", r.Namespace); err != nil {
			return err
		}
	}
	if object == nil && slices.Contains(SystemNamespaces, r.Namespace) {
		return apierror.Unavailable(fmt.Sprintf("the namespace %q is about to be made; try again", r.Namespace))
	}
	if object == nil {
		return apierror.NotFound(namespaces.String(), "", r.Namespace)
	}
	if going(object) {
		return apierror.Forbidden(fmt.Sprintf(
			"%s %q cannot be created: the namespace %q is being terminated", r.Kind, r.Name, r.Namespace))
	}
	r.Guard(namespaces.Key("", r.Namespace), revision)
	return nil
}

func going(o kind.Object) bool { return o.GetMetadata().GetDeletionTimestamp() != nil }

// Validate implements Validator.
func (n NamespaceLifecycle) Validate(_ context.Context, r *Request) error {
	if r.Verb == metav1.Verb_VERB_DELETE && r.Kind == namespaces && slices.Contains(SystemNamespaces, r.Name) {
		return apierror.Forbidden(fmt.Sprintf("the namespace %q is the system's own and cannot be deleted", r.Name))
	}
	return nil
}
