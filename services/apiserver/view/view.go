// Package view is how admission and the node authorizer see the cluster: through the watch caches.
//
// It owns the answers to "is this object there", "is this pod bound to that node", "does a pod of that node
// refer to this object". An answer that would refuse something is only given after the caches have caught up with
// the store. It refuses to write. Everything may be called concurrently; objects it returns are shared.
package view

import (
	"context"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

var pods = kind.Of(&corev1.Pod{})

// Cluster is the cluster as the caches have it.
type Cluster struct {
	Caches *watchcache.Caches
}

// Cached implements admission.Reader.
func (c Cluster) Cached(k *kind.Kind, namespace, name string) (kind.Object, int64) {
	e := c.Caches.Of(k).Get(k.Key(namespace, name))
	if e == nil {
		return nil, 0
	}
	return e.Object, e.Revision
}

// Fresh implements admission.Reader.
func (c Cluster) Fresh(ctx context.Context, k *kind.Kind, namespace, name string) (kind.Object, int64, error) {
	if err := c.Caches.Fresh(ctx); err != nil {
		return nil, 0, err
	}
	o, revision := c.Cached(k, namespace, name)
	return o, revision, nil
}

// All implements admission.Reader.
func (c Cluster) All(k *kind.Kind) []kind.Object {
	s, err := watchcache.NewSelection(k, "", "", "")
	if err != nil {
		return nil // it has no selectors that could be wrong
	}
	entries := c.Caches.Of(k).List(s, "", 0).Entries
	out := make([]kind.Object, len(entries))
	for i, e := range entries {
		out[i] = e.Object
	}
	return out
}

// twice asks the caches, and once more when they have caught up, before it says no.
func (c Cluster) twice(ctx context.Context, ask func() bool) (bool, error) {
	if ask() {
		return true, nil
	}
	if err := c.Caches.Fresh(ctx); err != nil {
		return false, err
	}
	return ask(), nil
}

// Bound implements authz.NodeState.
func (c Cluster) Bound(ctx context.Context, node, namespace, pod string) (bool, error) {
	return c.twice(ctx, func() bool {
		o, _ := c.Cached(pods, namespace, pod)
		p, ok := o.(*corev1.Pod)
		return ok && p.GetSpec().GetNodeName() == node
	})
}

// Needs implements authz.NodeState.
func (c Cluster) Needs(ctx context.Context, node, resource, namespace, name string) (bool, error) {
	s, err := watchcache.NewSelection(pods, namespace, "", "spec.nodeName="+node)
	if err != nil {
		return false, err
	}
	return c.twice(ctx, func() bool {
		for _, e := range c.Caches.Of(pods).List(s, "", 0).Entries {
			if refersTo(e.Object.(*corev1.Pod), resource, name) {
				return true
			}
		}
		return false
	})
}
