// Package ui is a live screen of a cluster: tables of any kind kept up by watches, descriptions, logs.
//
// Model is the screen as a value: it takes messages (keys, sizes, what the cluster tells) and answers with effects; it knows no
// terminal, clock or network, and is tested as such. The shell around it (Run) carries the effects out on a Cluster and draws with
// Bubble Tea. It refuses to know the API: what it needs of it is in Cluster. Models are for one goroutine.
package ui

import (
	"context"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// Cluster is what the screen needs of the API. Its methods may be called concurrently and end with their ctx.
type Cluster interface {
	// Kinds are those that are served.
	Kinds(ctx context.Context) ([]*kind.Kind, error)
	// Follow tells all objects of a kind, of one namespace or with "" of all, and then every change, until the watch ends: with nil
	// when it has to be begun again, with an error when the cluster cannot be reached or refuses.
	Follow(ctx context.Context, k *kind.Kind, namespace string, listed func([]kind.Object), changed func(metav1.EventType, kind.Object)) error
	// Describe and YAML write an object for people.
	Describe(ctx context.Context, o Ref) (string, error)
	YAML(ctx context.Context, o Ref) (string, error)
	// Logs follows the log of a container from its last lines on, until the container ends.
	Logs(ctx context.Context, o Ref, container string, write func(string)) error
	// Delete deletes an object, without waiting until it is gone.
	Delete(ctx context.Context, o Ref) error
}

// Ref names an object.
type Ref struct {
	Kind            *kind.Kind
	Namespace, Name string
	UID             string
}

func (r Ref) String() string {
	if r.Namespace == "" {
		return r.Kind.Options.GetSingular() + "/" + r.Name
	}
	return r.Kind.Options.GetSingular() + "/" + r.Name + " in " + r.Namespace
}

// RefTo names an object that there is.
func RefTo(o kind.Object) Ref {
	m := o.GetMetadata()
	return Ref{kind.Of(o), m.GetNamespace(), m.GetName(), m.GetUid()}
}
