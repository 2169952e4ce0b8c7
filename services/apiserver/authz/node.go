package authz

import (
	"context"
	"slices"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/selector"
)

// leaseNamespace is where nodes show that they live.
const leaseNamespace = "kube-node-lease"

// NodeState is what the node authorizer knows of the cluster.
type NodeState interface {
	// Bound says whether the pod is bound to the node.
	Bound(ctx context.Context, node, namespace, pod string) (bool, error)
	// Needs says whether a pod bound to the node refers to the object of the kind (secrets.core,
	// configmaps.core, serviceaccounts.core).
	Needs(ctx context.Context, node, resource, namespace, name string) (bool, error)
}

// NodeAuthorizer lets a node do what its own pods need, and nothing that concerns another node's.
type NodeAuthorizer struct {
	State NodeState
}

// Authorize implements Authorizer.
func (n NodeAuthorizer) Authorize(ctx context.Context, a Attributes) error {
	node, _ := a.Identity.Node()
	switch a.Resource() {
	case "nodes.core":
		switch a.Verb {
		case get, list, watch:
			return nil
		case create, update, patch:
			return own(a, node, a.Name)
		}
	case "nodes.core/status":
		if a.Verb == update || a.Verb == patch {
			return own(a, node, a.Name)
		}
	case "leases.coordination.k8s.io":
		if a.Namespace == leaseNamespace && slices.Contains([]metav1.Verb{get, create, update, patch, remove}, a.Verb) {
			return own(a, node, a.Name)
		}
	case "pods.core":
		switch a.Verb {
		case list, watch:
			if v, ok := exact(a, "spec.nodeName"); !ok || v != node {
				return Forbid(a, "a node lists pods by the field selector spec.nodeName="+node)
			}
			return nil
		case get, remove:
			return n.bound(ctx, a, node)
		}
	case "pods.core/status":
		if a.Verb == update || a.Verb == patch {
			return n.bound(ctx, a, node)
		}
	case "secrets.core", "configmaps.core", "serviceaccounts.core":
		return n.needed(ctx, a, node)
	case "events.core":
		if a.Verb == create || a.Verb == update || a.Verb == patch || a.Verb == get {
			return nil
		}
	case "services.core", "namespaces.core", "runtimeclasses.node.k8s.io":
		if slices.Contains(read, a.Verb) {
			return nil
		}
	}
	return Forbid(a, "")
}

func own(a Attributes, node, name string) error {
	if name == node {
		return nil
	}
	return Forbid(a, "a node writes only what bears its own name")
}

func (n NodeAuthorizer) bound(ctx context.Context, a Attributes, node string) error {
	ok, err := n.State.Bound(ctx, node, a.Namespace, a.Name)
	if err != nil || ok {
		return err
	}
	return Forbid(a, "the pod is not bound to this node")
}

// needed lets a node read, by name, what its pods refer to.
func (n NodeAuthorizer) needed(ctx context.Context, a Attributes, node string) error {
	name := a.Name
	switch a.Verb {
	case get:
	case list, watch:
		v, ok := exact(a, "metadata.name")
		if !ok || a.Namespace == "" {
			return Forbid(a, "a node names the one it needs by the field selector metadata.name")
		}
		name = v
	default:
		return Forbid(a, "")
	}
	ok, err := n.State.Needs(ctx, node, a.Kind.String(), a.Namespace, name)
	if err != nil || ok {
		return err
	}
	return Forbid(a, "no pod bound to this node refers to it")
}

// exact is the value that the request's field selector demands of a field.
func exact(a Attributes, field string) (string, bool) {
	f, err := selector.ParseFields(a.FieldSelector, a.Kind.Options.GetSelectableFields())
	if err != nil {
		return "", false
	}
	return f.RequiresExact(field)
}
