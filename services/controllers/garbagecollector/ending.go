package garbagecollector

import (
	"context"
	"slices"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// orphanDependents takes the owner's uid out of all dependents, then lets the owner go.
func (c *collector) orphanDependents(ctx context.Context, o kind.Object) error {
	uid := o.GetMetadata().GetUid()
	for _, d := range c.dependents(uid) {
		if err := c.edit(ctx, d, func(m *metav1.ObjectMeta) { dropOwners(m, []string{uid}) }); err != nil {
			return err
		}
	}
	return c.dropFinalizer(ctx, o, orphan)
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
