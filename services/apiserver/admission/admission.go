package admission

import (
	"context"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
)

// Request is one write.
type Request struct {
	Identity    identity.Identity
	Verb        metav1.Verb // create, update (patches too), delete
	Kind        *kind.Kind
	Subresource string
	Namespace   string
	Name        string // empty when it is yet to be generated
	// Object is what will be written; nil for deletes. Mutators may change it, validators not.
	Object kind.Object
	// Old is what it replaces; nil for creates. It is shared and must not be changed.
	Old    kind.Object
	DryRun bool

	guards []Guard
}

// Guard is a condition on another object: that its key was last written at this revision.
type Guard struct {
	Key      string
	Revision int64
}

// Guard makes the write depend on an object being as the plugin saw it.
func (r *Request) Guard(key string, revision int64) {
	r.guards = append(r.guards, Guard{key, revision})
}

// Guards are the conditions that the plugins named.
func (r *Request) Guards() []Guard { return r.guards }

// Reader is how plugins see the cluster.
type Reader interface {
	// Cached finds an object as the server's cache has it, with its revision; nil when it is not there.
	Cached(k *kind.Kind, namespace, name string) (kind.Object, int64)
	// Fresh is Cached, after the cache has caught up with the store.
	Fresh(ctx context.Context, k *kind.Kind, namespace, name string) (kind.Object, int64, error)
	// All are the objects of a cluster-wide kind as the cache has them; for kinds with few.
	All(k *kind.Kind) []kind.Object
}

// Mutator changes objects on their way in. It may see an object that it changed before, when a write is tried
// again, and must then leave it as it is.
type Mutator interface {
	Mutate(ctx context.Context, r *Request) error
}

// Validator refuses writes by an error of the API.
type Validator interface {
	Validate(ctx context.Context, r *Request) error
}

// Chain is plugins in order; each is a Mutator, a Validator or both.
type Chain []any

// Mutate lets all mutators change the object.
func (c Chain) Mutate(ctx context.Context, r *Request) error {
	for _, p := range c {
		if m, ok := p.(Mutator); ok {
			if err := m.Mutate(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Validate lets all validators look at the write; the first refusal ends it.
func (c Chain) Validate(ctx context.Context, r *Request) error {
	for _, p := range c {
		if v, ok := p.(Validator); ok {
			if err := v.Validate(ctx, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Default are the plugins that every API server has.
func Default(reader Reader) Chain {
	return Chain{
		NamespaceLifecycle{reader},
		ServiceAccount{},
		Priority{reader},
		RuntimeClass{reader},
		NodeRestriction{},
	}
}
