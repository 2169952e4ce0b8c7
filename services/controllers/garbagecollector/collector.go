// Package garbagecollector deletes objects whose owners are gone, and carries out how an owner's deletion treats its
// dependents: Background (the owner goes first), Foreground (the dependents go first), Orphan (they stay).
//
// It owns the finalizers foregroundDeletion and orphan, and the removal of ownerReferences that lead nowhere. It keeps the
// metadata of all objects of all kinds but Events, nothing else of them. Whatever it deletes for want of an owner, it has
// asked the API server about that owner first: a cache that lags must not cost anyone an object.
package garbagecollector

import (
	"context"
	"slices"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/controllers/runtime"
)

const (
	foreground = "foregroundDeletion"
	orphan     = "orphan"

	indexOwner = "owner"
	indexUID   = "uid"
	workers    = 8
	// page bounds how many objects of a kind are read at once.
	page = 500
)

// key names one object for good: another object of the same name is another key.
type key struct {
	kind            *kind.Kind
	namespace, name string
	uid             string
}

type collector struct {
	api       *client.Client
	informers map[*kind.Kind]*client.Informer[kind.Object]
	queue     *runtime.Controller[key]
	log       hclog.Logger
}

// Add adds the controller to a scope.
func Add(s *runtime.Scope) {
	c := &collector{api: s.Client, informers: map[*kind.Kind]*client.Informer[kind.Object]{}, log: s.Log.Named("garbagecollector")}
	event := kind.Of((*corev1.Event)(nil))
	var inputs []runtime.Synced
	for _, k := range kind.All() {
		if k == event {
			continue
		}
		i := client.NewInformer(client.ForKind(s.Client, k), client.InformerOptions{Transform: metadataOnly, Log: c.log})
		i.AddIndex(indexOwner, owners)
		i.AddIndex(indexUID, func(o kind.Object) []string { return []string{o.GetMetadata().GetUid()} })
		i.AddHandler(client.Handler[kind.Object]{OnAdd: c.changed, OnUpdate: func(_, o kind.Object) { c.changed(o) }, OnDelete: c.gone})
		c.informers[k] = i
		inputs = append(inputs, i)
		s.Add(i.Run)
	}
	c.queue = runtime.NewController(runtime.Config[key]{
		Name: "garbagecollector", Workers: workers, Reconcile: c.reconcile, Inputs: inputs, Keys: c.all,
	}, s.Metrics, s.Log)
	s.Add(c.queue.Run)
}

// metadataOnly drops everything but the metadata that decides about an object's life.
func metadataOnly(o kind.Object) {
	r := o.ProtoReflect()
	r.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if f.Name() != "metadata" {
			r.Clear(f)
		}
		return true
	})
	r.SetUnknown(nil)
	if m := o.GetMetadata(); m != nil {
		m.Labels, m.Annotations, m.ManagedFields = nil, nil, nil
	}
}

func owners(o kind.Object) []string {
	var uids []string
	for _, r := range o.GetMetadata().GetOwnerReferences() {
		uids = append(uids, r.GetUid())
	}
	return uids
}

func keyOf(o kind.Object) key {
	m := o.GetMetadata()
	return key{kind.Of(o), m.GetNamespace(), m.GetName(), m.GetUid()}
}

// all lists what the full pass looks at: everything that has an owner or is on its way out.
func (c *collector) all() []key {
	var keys []key
	for _, i := range c.informers {
		for _, o := range i.List("", nil) {
			if concerns(o) {
				keys = append(keys, keyOf(o))
			}
		}
	}
	return keys
}

func concerns(o kind.Object) bool {
	m := o.GetMetadata()
	return len(m.GetOwnerReferences()) > 0 || (m.GetDeletionTimestamp() != nil && len(m.GetFinalizers()) > 0)
}

func (c *collector) changed(o kind.Object) {
	if concerns(o) {
		c.queue.Enqueue(keyOf(o))
	}
}

// gone has the dependents looked at, and the owners that may have waited for this one.
func (c *collector) gone(o kind.Object) {
	for _, d := range c.dependents(o.GetMetadata().GetUid()) {
		c.queue.Enqueue(keyOf(d))
	}
	for _, r := range o.GetMetadata().GetOwnerReferences() {
		if owner := c.byUID(r.GetUid()); owner != nil && owner.GetMetadata().GetDeletionTimestamp() != nil {
			c.queue.Enqueue(keyOf(owner))
		}
	}
}

// dependents are the objects that name the uid as an owner.
func (c *collector) dependents(uid string) []kind.Object {
	var out []kind.Object
	for _, i := range c.informers {
		out = append(out, i.ByIndex(indexOwner, uid)...)
	}
	return out
}

func (c *collector) byUID(uid string) kind.Object {
	for _, i := range c.informers {
		if found := i.ByIndex(indexUID, uid); len(found) > 0 {
			return found[0]
		}
	}
	return nil
}

func (c *collector) reconcile(ctx context.Context, k key) (runtime.Result, error) {
	o, ok := c.informers[k.kind].Get(k.namespace, k.name)
	if !ok || o.GetMetadata().GetUid() != k.uid {
		return runtime.Result{}, nil
	}
	m := o.GetMetadata()
	if m.GetDeletionTimestamp() != nil {
		return runtime.Result{}, c.ending(ctx, o)
	}
	if len(m.GetOwnerReferences()) == 0 {
		return runtime.Result{}, nil
	}
	return runtime.Result{}, c.owned(ctx, o)
}

// ending carries out what an object on its way out asks for its dependents.
func (c *collector) ending(ctx context.Context, o kind.Object) error {
	switch m := o.GetMetadata(); {
	case slices.Contains(m.GetFinalizers(), orphan):
		return c.orphanDependents(ctx, o)
	case slices.Contains(m.GetFinalizers(), foreground):
		return c.deleteDependents(ctx, o)
	}
	return nil
}

func blocks(o kind.Object, uid string) bool {
	return slices.ContainsFunc(o.GetMetadata().GetOwnerReferences(), func(r *metav1.OwnerReference) bool {
		return r.GetUid() == uid && r.GetBlockOwnerDeletion()
	})
}
