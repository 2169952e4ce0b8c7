package garbagecollector

import (
	"context"
	"slices"

	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// orphanDependents takes the owner's uid out of all dependents, then lets the owner go. The dependents are those that the store has: one
// that the caches do not show yet would be deleted for want of its owner later, against what the user asked for.
func (c *collector) orphanDependents(ctx context.Context, o kind.Object) error {
	uid := o.GetMetadata().GetUid()
	dependents, err := c.stored(ctx, o)
	if err != nil {
		return err
	}
	for _, d := range dependents {
		if err := c.edit(ctx, d, func(m *metav1.ObjectMeta) { dropOwners(m, []string{uid}) }); err != nil {
			return err
		}
	}
	return c.dropFinalizer(ctx, o, orphan)
}

// stored reads the dependents of an object from the API. It costs a list of every kind; orphaning is rare.
func (c *collector) stored(ctx context.Context, o kind.Object) ([]kind.Object, error) {
	m := o.GetMetadata()
	var dependents []kind.Object
	for k := range c.informers {
		if m.GetNamespace() != "" && !k.Namespaced() {
			continue // an owner in a namespace owns nothing outside of it
		}
		options := &metav1.ListOptions{Limit: page}
		for {
			objects, meta, err := client.ForKind(c.api, k).List(ctx, m.GetNamespace(), options)
			if err != nil {
				return nil, err
			}
			for _, d := range objects {
				if slices.Contains(owners(d), m.GetUid()) {
					dependents = append(dependents, d)
				}
			}
			if meta.GetContinue() == "" {
				break
			}
			options = &metav1.ListOptions{Limit: page, Continue: meta.GetContinue()}
		}
	}
	return dependents, nil
}

// deleteDependents deletes the dependents and lets the owner go when none that blocks it is left. Events of their end wake it.
func (c *collector) deleteDependents(ctx context.Context, o kind.Object) error {
	uid := o.GetMetadata().GetUid()
	blocked := false
	for _, d := range c.dependents(uid) {
		blocked = blocked || blocks(d, uid)
		if d.GetMetadata().GetDeletionTimestamp() == nil {
			c.queue.Enqueue(keyOf(d))
		}
	}
	if blocked {
		return nil
	}
	return c.dropFinalizer(ctx, o, foreground)
}

func (c *collector) dropFinalizer(ctx context.Context, o kind.Object, finalizer string) error {
	return c.edit(ctx, o, func(m *metav1.ObjectMeta) {
		m.Finalizers = slices.DeleteFunc(m.Finalizers, func(f string) bool { return f == finalizer })
	})
}
