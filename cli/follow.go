package cli

import (
	"context"
	"errors"
	"io"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// listThenWatch calls listed with what there is and changed with every change after that, until one of them is
// done or fails, or ctx ends, which is no error. A watch that the server ends is taken up where it stopped; when
// that is no longer known, everything is listed again.
func listThenWatch(ctx context.Context, conn *client.Client, k *kind.Kind, namespace string, o *metav1.ListOptions,
	listed func([]kind.Object) (done bool, err error), changed func(metav1.EventType, kind.Object) (done bool, err error)) error {
	for failures := 0; ; {
		items, revision, err := listAll(ctx, conn, k, namespace, o)
		if err == nil {
			var done bool
			if done, err = listed(items); err != nil || done {
				return err
			}
			done, err = watchFrom(ctx, conn, k, namespace, o, revision, changed)
			if done {
				return err
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case !apierror.IsExpired(err):
			return err
		}
		if failures++; failures > maxTries {
			return err
		}
		if pause(ctx, failures) != nil {
			return nil
		}
	}
}

// watchFrom follows a collection after a revision. done is true when f was done or failed; otherwise err says
// why the watch cannot go on.
func watchFrom(ctx context.Context, conn *client.Client, k *kind.Kind, namespace string, o *metav1.ListOptions, revision string,
	f func(metav1.EventType, kind.Object) (bool, error)) (done bool, err error) {
	r := client.ForKind(conn, k)
	options := proto.CloneOf(o)
	options.ResourceVersion = revision
	options.Limit = 0 // of the list
	options.AllowWatchBookmarks = true
	for failures := 0; ; {
		var w *client.Watch[kind.Object]
		if w, err = r.Watch(ctx, namespace, options); err == nil {
			for {
				var e client.Event[kind.Object]
				if e, err = w.Recv(); err != nil {
					break
				}
				failures = 0
				if v := e.Object.GetMetadata().GetResourceVersion(); v != "" {
					options.ResourceVersion = v
				}
				if e.Type == metav1.EventType_EVENT_TYPE_BOOKMARK {
					continue
				}
				if done, err = f(e.Type, e.Object); done || err != nil {
					w.Stop()
					return true, err
				}
			}
			w.Stop()
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if !errors.Is(err, io.EOF) && !apierror.IsRetriable(err) {
			return false, err
		}
		if failures++; failures > maxTries {
			return false, err
		}
		if err := pause(ctx, failures); err != nil {
			return false, err
		}
	}
}
