package client

import (
	"context"
	"time"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
)

// conflicts is how long a lost race keeps a writer from the next try. Ten lost races in a row mean that somebody else writes all the time.
var conflicts = retry{attempts: 10, base: 10 * time.Millisecond, most: time.Second}

// RetryOnConflict calls try until it returns something other than a Conflict: nil, another error, or the tenth conflict in a row. try
// must read the object anew each time; what it changed before is lost. It waits a little longer each time, and no longer than ctx.
func RetryOnConflict(ctx context.Context, try func() error) error {
	for attempt := 1; ; attempt++ {
		err := try()
		if !apierror.IsConflict(err) || attempt >= conflicts.attempts || !pause(ctx, jitter(conflicts.delay(attempt))) {
			return err
		}
	}
}

// UpdateFunc reads an object, lets change edit it, and stores it, again from the beginning when another writer came between. An error
// of change ends it; an object that change leaves as it was is not written. It returns the object as stored.
func (r *Resource[T]) UpdateFunc(ctx context.Context, namespace, name string, change func(T) error) (T, error) {
	return r.change(ctx, namespace, name, change, r.Update)
}

// UpdateStatusFunc is UpdateFunc for the status of an object: what change does to the rest is not stored.
func (r *Resource[T]) UpdateStatusFunc(ctx context.Context, namespace, name string, change func(T) error) (T, error) {
	if r.kind.Method(metav1.Verb_VERB_UPDATE, "status") == nil {
		var none T
		return none, r.unsupported(metav1.Verb_VERB_UPDATE, "status")
	}
	return r.change(ctx, namespace, name, change, r.UpdateStatus)
}

func (r *Resource[T]) change(ctx context.Context, namespace, name string, change func(T) error, write func(context.Context, T) (T, error)) (stored T, err error) {
	err = RetryOnConflict(ctx, func() error {
		object, err := r.Get(ctx, namespace, name)
		if err != nil {
			return err
		}
		before := proto.Clone(object)
		if err := change(object); err != nil {
			return err
		}
		if proto.Equal(before, object) {
			stored = object
			return nil
		}
		// Whatever change did to them: the write is of the object that was read, or it is lost.
		m, was := kind.Metadata(object), before.(T).GetMetadata()
		m.Uid, m.ResourceVersion = was.GetUid(), was.GetResourceVersion()
		stored, err = write(ctx, object)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return stored, nil
}
