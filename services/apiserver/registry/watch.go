package registry

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/frame"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// initialEventsEnd is the annotation of the bookmark that ends the initial events, as in Kubernetes.
const initialEventsEnd = "k8s.io/initial-events-end"

// errStopping tells watchers to go on elsewhere.
var errStopping = &apierror.Error{
	Reason: apierror.ReasonUnavailable, Message: "the server is going away; resume the watch at another", RetryAfter: 100 * time.Millisecond,
}

// sink is where a watch sends what it sees; a grpc.ServerStream is one.
type sink interface {
	SendHeader(metadata.MD) error
	SendMsg(m any) error
}

// watchStream is one watch under way.
type watchStream struct {
	r         *resource
	watcher   *watchcache.Watcher
	typeURL   string
	to        sink
	bookmarks bool
	sent      int64 // revision of the newest bookmark
}

// watch follows a collection until ctx ends, the client's timeout is over, or it cannot go on.
func (r *resource) watch(ctx context.Context, req *metav1.WatchRequest, typeURL string, to sink) error {
	o := req.GetOptions()
	if err := r.authorize(ctx, authz.Attributes{
		Verb: metav1.Verb_VERB_WATCH, Namespace: req.GetNamespace(), FieldSelector: o.GetFieldSelector(),
	}); err != nil {
		return err
	}
	if req.GetNamespace() != "" && !r.kind.Namespaced() {
		return apierror.BadRequest(r.kind.String() + " live in no namespace; the request names one")
	}
	s, err := watchcache.NewSelection(r.kind, req.GetNamespace(), o.GetLabelSelector(), o.GetFieldSelector())
	if err != nil {
		return err
	}
	watcher, initial, err := r.beginWatch(ctx, s, o)
	if err != nil {
		return err
	}
	defer watcher.Stop()
	w := &watchStream{r: r, watcher: watcher, typeURL: typeURL, to: to, bookmarks: o.GetAllowWatchBookmarks()}
	// The client learns at once that its watch stands.
	if err := to.SendHeader(nil); err != nil {
		return err
	}
	if initial != nil {
		for _, c := range watchcache.Initial(*initial) {
			if err := w.send(c); err != nil {
				return err
			}
		}
		if w.bookmarks && o.GetSendInitialEvents() {
			if err := w.bookmark(initial.Revision, map[string]string{initialEventsEnd: "true"}); err != nil {
				return err
			}
		}
	}
	return w.run(ctx, o.GetTimeoutSeconds())
}

// beginWatch sets up the watcher; the page is what it starts with, nil when it starts from a revision.
func (r *resource) beginWatch(ctx context.Context, s *watchcache.Selection, o *metav1.ListOptions) (*watchcache.Watcher, *watchcache.Page, error) {
	version := o.GetResourceVersion()
	revision, err := parseVersion(version)
	if err != nil {
		return nil, nil, err
	}
	if o.GetSendInitialEvents() && o.GetResourceVersionMatch() != "NotOlderThan" && o.GetResourceVersionMatch() != "" {
		return nil, nil, apierror.BadRequest("sendInitialEvents needs resourceVersionMatch NotOlderThan")
	}
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.await(wait, version); err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			if revision > 0 {
				return nil, nil, tooNew(version)
			}
			return nil, nil, apierror.Unavailable("the watch of the store is late; try again")
		}
		return nil, nil, err
	}
	wantsInitial := revision == 0
	if o != nil && o.SendInitialEvents != nil {
		wantsInitial = o.GetSendInitialEvents()
	}
	if wantsInitial {
		w, page := r.cache.WatchNow(s)
		return w, &page, nil
	}
	if revision == 0 {
		w, _ := r.cache.WatchNow(s)
		return w, nil, nil
	}
	w, err := r.cache.WatchFrom(s, revision)
	return w, nil, err
}

func (w *watchStream) run(ctx context.Context, timeoutSeconds int64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if timeoutSeconds > 0 {
		timer := time.AfterFunc(time.Duration(timeoutSeconds)*time.Second, func() { cancel(errTimeout) })
		defer timer.Stop()
	}
	if stopping := w.r.cfg.Stopping; stopping != nil {
		done := make(chan struct{})
		defer close(done)
		go func() {
			select {
			case <-stopping:
				cancel(errStopping)
			case <-done:
			}
		}()
	}
	var tick <-chan time.Time
	if w.bookmarks {
		ticker := time.NewTicker(w.r.cfg.Bookmarks)
		defer ticker.Stop()
		tick = ticker.C
	}
	for {
		changes, err := w.watcher.Next(ctx, tick)
		if err != nil {
			return w.ended(ctx, err)
		}
		for _, c := range changes {
			if err := w.send(c); err != nil {
				return err
			}
		}
		if len(changes) == 0 {
			if err := w.markProgress(); err != nil {
				return err
			}
		}
	}
}

// send tells the client of a change.
func (w *watchStream) send(c watchcache.Change) error {
	if w.r.hub == w.r {
		return w.to.SendMsg(c.Frame(w.typeURL))
	}
	raw, err := w.r.raw(c.Entry)
	if err != nil {
		return err
	}
	return w.to.SendMsg(frame.Event(c.Type, w.typeURL, raw))
}

// errTimeout is the cause of an end that the client asked for.
var errTimeout = errors.New("the watch's own timeout is over")

func (w *watchStream) ended(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return err
	case errors.Is(cause, errTimeout):
		return w.markProgress()
	case errors.Is(cause, errStopping):
		if err := w.markProgress(); err != nil {
			return err
		}
		return errStopping
	}
	return err
}

// markProgress sends a bookmark when it would tell the client something new.
func (w *watchStream) markProgress() error {
	if !w.bookmarks {
		return nil
	}
	revision, ok := w.watcher.Bookmark()
	if !ok || revision <= w.sent {
		return nil
	}
	return w.bookmark(revision, nil)
}

func (w *watchStream) bookmark(revision int64, annotations map[string]string) error {
	w.sent = revision
	o := w.r.kind.New()
	setMetadata(o, &metav1.ObjectMeta{ResourceVersion: formatVersion(revision), Annotations: annotations})
	raw, err := proto.Marshal(o)
	if err != nil {
		return err
	}
	return w.to.SendMsg(frame.Event(metav1.EventType_EVENT_TYPE_BOOKMARK, w.typeURL, raw))
}
