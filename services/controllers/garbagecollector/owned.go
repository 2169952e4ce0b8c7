package garbagecollector

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// standing is what an owner reference leads to.
type standing int

const (
	// solid: the owner is there.
	solid standing = iota
	// dangling: it is not, for certain.
	dangling
	// waiting: it is on its way out and waits for its dependents.
	waiting
)

// owned looks after an object that names owners: it goes when none of them is left. What the cache gives cause for is decided
// again on the object as it is now: one that was orphaned a moment ago names an owner in the cache that is gone, and no
// owner any more.
func (c *collector) owned(ctx context.Context, cached kind.Object) error {
	if _, count, err := c.judge(ctx, cached); err != nil || count[solid] == len(cached.GetMetadata().GetOwnerReferences()) {
		return err
	}
	was := cached.GetMetadata()
	o, err := client.ForKind(c.api, kind.Of(cached)).Get(ctx, was.GetNamespace(), was.GetName())
	if apierror.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	m := o.GetMetadata()
	if m.GetUid() != was.GetUid() || m.GetDeletionTimestamp() != nil {
		return nil
	}
	leads, count, err := c.judge(ctx, o)
	if err != nil || count[solid] == len(leads) {
		return err
	}
	if count[solid] > 0 {
		var lost []string
		for i, r := range m.GetOwnerReferences() {
			if leads[i] != solid {
				lost = append(lost, r.GetUid())
			}
		}
		return c.edit(ctx, o, func(m *metav1.ObjectMeta) { dropOwners(m, lost) })
	}
	policy := "Background"
	switch {
	case slices.Contains(m.GetFinalizers(), orphan):
		policy = "Orphan"
	case slices.Contains(m.GetFinalizers(), foreground):
		policy = "Foreground"
	case count[waiting] > 0 && len(c.dependents(m.GetUid())) > 0:
		// An owner that waits for its dependents waits for theirs too.
		policy = "Foreground"
	}
	return c.delete(ctx, o, policy)
}

// judge finds out what each of the object's references leads to.
func (c *collector) judge(ctx context.Context, o kind.Object) ([]standing, map[standing]int, error) {
	refs := o.GetMetadata().GetOwnerReferences()
	leads := make([]standing, len(refs))
	count := map[standing]int{}
	for i, r := range refs {
		s, err := c.follow(ctx, o, r)
		if err != nil {
			return nil, nil, err
		}
		leads[i] = s
		count[s]++
	}
	return leads, count, nil
}

// follow finds out what a reference leads to. An owner that the caches do not have is asked for.
func (c *collector) follow(ctx context.Context, o kind.Object, r *metav1.OwnerReference) (standing, error) {
	if owner := c.byUID(r.GetUid()); owner != nil {
		return stands(owner, o), nil
	}
	k := kind.ByAPIVersionKind(r.GetApiVersion(), r.GetKind())
	if k == nil {
		// A kind that this release does not know: it may be there for all we can tell.
		c.log.Warn("owner of unknown kind", "kind", r.GetKind(), "apiVersion", r.GetApiVersion(), "of", kind.FullName(o))
		return solid, nil
	}
	namespace := o.GetMetadata().GetNamespace()
	if !k.Namespaced() {
		namespace = ""
	} else if namespace == "" {
		c.log.Warn("a cluster-wide object names an owner in a namespace", "kind", kind.Of(o).String(), "name", o.GetMetadata().GetName())
		return solid, nil
	}
	owner, err := client.ForKind(c.api, k).Get(ctx, namespace, r.GetName())
	switch {
	case apierror.IsNotFound(err):
		return dangling, nil
	case err != nil:
		return solid, err
	case owner.GetMetadata().GetUid() != r.GetUid():
		return dangling, nil
	}
	return stands(owner, o), nil
}

func stands(owner, dependent kind.Object) standing {
	m := owner.GetMetadata()
	if m.GetDeletionTimestamp() != nil && slices.Contains(m.GetFinalizers(), foreground) && blocks(dependent, m.GetUid()) {
		return waiting
	}
	return solid
}

func dropOwners(m *metav1.ObjectMeta, uids []string) {
	m.OwnerReferences = slices.DeleteFunc(m.OwnerReferences, func(r *metav1.OwnerReference) bool { return slices.Contains(uids, r.GetUid()) })
}

// delete deletes the very object that was looked at, as it was: should it change owners meanwhile, it is looked at again.
func (c *collector) delete(ctx context.Context, o kind.Object, policy string) error {
	k, m := kind.Of(o), o.GetMetadata()
	err := client.ForKind(c.api, k).Delete(ctx, m.GetNamespace(), m.GetName(), &metav1.DeleteOptions{
		PropagationPolicy: proto.String(policy), Preconditions: &metav1.Preconditions{Uid: proto.String(m.GetUid()), ResourceVersion: proto.String(m.GetResourceVersion())},
	})
	switch {
	case err == nil:
		c.log.Info("deleted: its owners are gone or going", "kind", k.String(), "namespace", m.GetNamespace(), "name", m.GetName(), "policy", policy)
		return nil
	case apierror.IsNotFound(err):
		return nil
	}
	return err
}

// edit changes the metadata of the very object that was looked at, as it is now.
func (c *collector) edit(ctx context.Context, o kind.Object, change func(*metav1.ObjectMeta)) error {
	r, m := client.ForKind(c.api, kind.Of(o)), o.GetMetadata()
	now, err := r.Get(ctx, m.GetNamespace(), m.GetName())
	if apierror.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if now.GetMetadata().GetUid() != m.GetUid() {
		return nil
	}
	next := proto.Clone(now).(kind.Object)
	change(next.GetMetadata())
	if proto.Equal(next, now) {
		return nil
	}
	if _, err = r.Update(ctx, next); apierror.IsNotFound(err) {
		return nil
	}
	return err
}
