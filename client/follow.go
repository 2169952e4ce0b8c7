package client

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"

	"google.golang.org/protobuf/proto"
)

// Waits between attempts. A watch that has run for a while starts over at the shortest.
const (
	followBase = 50 * time.Millisecond
	followMost = 10 * time.Second
	steady     = 5 * time.Second
	// unreachedMost is how often in a row a revision may be unknown to the servers before it is given up.
	unreachedMost = 5
)

// Watches end after 5 to 10 minutes, so that a server that was restarted gets its share of them again.
const (
	watchLeast = 5 * time.Minute
	watchMore  = 5 * time.Minute
	watchGrace = 30 * time.Second
)

// follow lists and watches until ctx ends.
func (i *Informer[T]) follow(ctx context.Context) {
	backoff := retry{base: followBase, most: followMost}
	failures, unreached := 0, 0
	for ctx.Err() == nil {
		began := time.Now()
		err := i.listAndWatch(ctx)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > steady {
			failures, unreached = 0, 0
		}
		failures++
		// Servers that do not know the revision yet answer with Timeout. When it stays so, it is of another history: the
		// store was begun anew from a backup.
		if apierror.ReasonOf(err) == apierror.ReasonTimeout {
			unreached++
		} else {
			unreached = 0
		}
		switch {
		case err == nil || errors.Is(err, io.EOF):
			i.log.Trace("watch ended", "revision", i.revision)
		case apierror.IsExpired(err):
			i.log.Info("revision expired, listing again", "revision", i.revision)
			i.revision = ""
		case unreached >= unreachedMost:
			i.log.Warn("no server reaches the revision, listing again", "error", err, "revision", i.revision)
			i.revision, unreached = "", 0
		default:
			i.log.Warn("watch failed", "error", err, "revision", i.revision, "attempt", failures)
		}
		pause(ctx, backoff.wait(failures, err))
	}
}

func (i *Informer[T]) listAndWatch(ctx context.Context) error {
	if i.revision == "" {
		if err := i.list(ctx); err != nil {
			return err
		}
	}
	return i.watch(ctx)
}

// list reads every page at one revision. The cache changes only when all pages are there.
func (i *Informer[T]) list(ctx context.Context) error {
	var objects []T
	options := &metav1.ListOptions{
		LabelSelector: i.options.LabelSelector,
		FieldSelector: i.options.FieldSelector,
		Limit:         i.options.PageSize,
	}
	for {
		page, meta, err := i.resource.List(ctx, i.options.Namespace, options)
		if err != nil {
			return err
		}
		for _, o := range page {
			i.transform(o)
		}
		objects = append(objects, page...)
		if meta.GetContinue() == "" {
			i.replace(objects, meta.GetResourceVersion())
			return nil
		}
		options = proto.CloneOf(options)
		options.Continue = meta.GetContinue()
	}
}

func (i *Informer[T]) watch(ctx context.Context) error {
	timeout := watchLeast + rand.N(watchMore)
	// Should the server not keep to the timeout, the client does.
	ctx, cancel := context.WithTimeout(ctx, timeout+watchGrace)
	defer cancel()
	w, err := i.resource.Watch(ctx, i.options.Namespace, &metav1.ListOptions{
		LabelSelector:       i.options.LabelSelector,
		FieldSelector:       i.options.FieldSelector,
		ResourceVersion:     i.revision,
		AllowWatchBookmarks: true,
		TimeoutSeconds:      proto.Int64(int64(timeout / time.Second)),
	})
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		event, err := w.Recv()
		if err != nil {
			return err
		}
		i.apply(event)
	}
}

func (i *Informer[T]) apply(event Event[T]) {
	if event.Type != metav1.EventType_EVENT_TYPE_BOOKMARK {
		i.transform(event.Object)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	switch event.Type {
	case metav1.EventType_EVENT_TYPE_ADDED, metav1.EventType_EVENT_TYPE_MODIFIED:
		i.put(event.Object)
	case metav1.EventType_EVENT_TYPE_DELETED:
		i.remove(keyOf(event.Object), &event.Object)
	}
	if revision := event.Object.GetMetadata().GetResourceVersion(); revision != "" {
		i.reached(revision)
	}
}

func (i *Informer[T]) transform(o T) {
	if i.options.Transform != nil {
		i.options.Transform(o)
	}
}
