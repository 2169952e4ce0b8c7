package fake

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"time"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// initialEventsEnd marks the bookmark that ends the existing objects of a watch.
const initialEventsEnd = "k8s.io/initial-events-end"

// NewStream serves a watch; other streams need a node.
func (s *Server) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	k, verb, _, err := find(method)
	if err != nil {
		return nil, apierror.ToStatus(err)
	}
	if verb != metav1.Verb_VERB_WATCH {
		return nil, apierror.ToStatus(apierror.Unimplemented("the API in memory does not serve " + method))
	}
	return &stream{server: s, ctx: ctx, kind: k}, nil
}

// stream is one watch. It pulls from the server's history, so it has no queue.
type stream struct {
	server *Server
	ctx    context.Context
	kind   *kind.Kind

	options  *metav1.ListOptions
	matches  func(kind.Object) bool
	err      error
	initial  []event
	after    int64 // revision that was seen last
	bookmark int64 // revision of the last bookmark
	broken   chan struct{}
	deadline <-chan time.Time
}

type event struct {
	kind   metav1.EventType
	object kind.Object
}

func (w *stream) Header() (metadata.MD, error) { return metadata.MD{}, nil }
func (w *stream) Trailer() metadata.MD         { return metadata.MD{} }
func (w *stream) CloseSend() error             { return nil }
func (w *stream) Context() context.Context     { return w.ctx }

// SendMsg takes the request.
func (w *stream) SendMsg(m any) error {
	request := m.(*metav1.WatchRequest)
	if err := w.server.intercepted(w.ctx, w.kind, metav1.Verb_VERB_WATCH, "", request); err != nil {
		w.err = err
		return nil
	}
	w.options = request.GetOptions()
	if w.matches, w.err = matcher(w.kind, request.GetNamespace(), w.options); w.err != nil {
		return nil
	}
	if n := w.options.GetTimeoutSeconds(); n > 0 {
		w.deadline = time.After(time.Duration(n) * time.Second)
	}
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	w.broken = w.server.broken
	w.bookmark = w.server.bookmarks
	version := w.options.GetResourceVersion()
	if version == "" || version == "0" || w.options.GetSendInitialEvents() {
		w.begin()
		return nil
	}
	w.after, w.err = strconv.ParseInt(version, 10, 64)
	if w.err != nil {
		w.err = apierror.BadRequest("resourceVersion " + strconv.Quote(version) + " is no number")
	} else if w.after < w.server.compacted || w.after > w.server.revision {
		w.err = apierror.Expired("resource version " + version + " is too old, or of another history")
	}
	return nil
}

// begin sends what there is first. Callers hold mu.
func (w *stream) begin() {
	for _, o := range w.server.matching(w.kind, w.matches) {
		w.initial = append(w.initial, event{metav1.EventType_EVENT_TYPE_ADDED, o})
	}
	w.after = w.server.revision
	if w.options.GetSendInitialEvents() && w.options.GetAllowWatchBookmarks() {
		end := w.mark(w.after)
		kind.Metadata(end).Annotations = map[string]string{initialEventsEnd: "true"}
		w.initial = append(w.initial, event{metav1.EventType_EVENT_TYPE_BOOKMARK, end})
	}
}

func (w *stream) mark(revision int64) kind.Object {
	o := w.kind.New()
	kind.Metadata(o).ResourceVersion = strconv.FormatInt(revision, 10)
	return o
}

// RecvMsg waits for the next event.
func (w *stream) RecvMsg(m any) error {
	for {
		if w.err != nil {
			return apierror.ToStatus(w.err)
		}
		if err := w.ctx.Err(); err != nil {
			return apierror.ToStatus(apierror.FromStatus(err))
		}
		e, wait := w.next()
		if e != nil {
			r := m.(proto.Message).ProtoReflect()
			fields := r.Descriptor().Fields()
			r.Set(fields.ByName("type"), protoreflect.ValueOfEnum(e.kind.Number()))
			r.Set(fields.ByName("object"), protoreflect.ValueOfMessage(proto.CloneOf(e.object).ProtoReflect()))
			return nil
		}
		if w.err != nil {
			continue
		}
		select {
		case <-w.ctx.Done():
		case <-wait:
		case <-w.broken:
			w.err = apierror.Unavailable("the watch was broken")
		case <-w.deadline:
			return io.EOF
		}
	}
}

// next returns an event that is due, or the channel that tells of a change.
func (w *stream) next() (*event, <-chan struct{}) {
	if len(w.initial) > 0 {
		e := w.initial[0]
		w.initial = w.initial[1:]
		return &e, nil
	}
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	select {
	case <-w.broken:
		w.err = apierror.Unavailable("the watch was broken")
		return nil, nil
	default:
	}
	if w.after < w.server.compacted {
		w.err = apierror.Expired("the watch fell behind what is remembered")
		return nil, nil
	}
	history := w.server.history
	first, _ := slices.BinarySearchFunc(history, w.after+1, func(c change, revision int64) int { return cmp.Compare(c.revision, revision) })
	for _, c := range history[first:] {
		w.after = c.revision
		if e := w.seen(c); e != nil {
			return e, nil
		}
	}
	if mark := w.server.bookmarks; mark > w.bookmark && w.options.GetAllowWatchBookmarks() {
		w.bookmark, w.after = mark, max(w.after, mark)
		return &event{metav1.EventType_EVENT_TYPE_BOOKMARK, w.mark(w.after)}, nil
	}
	return nil, w.server.changed
}

// seen is what a change is to this watch: an object that comes to match is added, one that ceases to is deleted.
func (w *stream) seen(c change) *event {
	if c.kind != w.kind {
		return nil
	}
	was, is := c.before != nil && w.matches(c.before), c.after != nil && w.matches(c.after)
	switch {
	case was && is:
		return &event{metav1.EventType_EVENT_TYPE_MODIFIED, c.after}
	case is:
		return &event{metav1.EventType_EVENT_TYPE_ADDED, c.after}
	case was:
		return &event{metav1.EventType_EVENT_TYPE_DELETED, c.lastBefore}
	}
	return nil
}
