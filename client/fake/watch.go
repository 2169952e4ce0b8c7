package fake

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"time"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// initialEventsEnd marks the bookmark that ends the existing objects of a watch.
const initialEventsEnd = "k8s.io/initial-events-end"

// NewStream serves a watch; other streams need a node.
func (s *Server) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	if method == apiv1.ResourceService_Watch_FullMethodName {
		return &stream{server: s, ctx: ctx, packed: true}, nil
	}
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
	packed bool // through ResourceService: the kind comes with the request, and objects go as Any

	options  *metav1.ListOptions
	matches  func(kind.Object) bool
	err      error
	initial  []event
	after    int64 // revision that was seen last
	bookmark int64 // revision of the last bookmark
	broken   chan struct{}
	deadline <-chan time.Time
	ending   bool // the deadline has passed
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
	request, ok := m.(*metav1.WatchRequest)
	if !ok {
		packed := m.(*apiv1.ResourceServiceWatchRequest)
		if w.kind, w.err = byType(packed.GetType()); w.err != nil {
			return nil
		}
		request = packed.GetRequest()
	}
	if err := w.server.intercepted(w.ctx, w.kind, metav1.Verb_VERB_WATCH, "", request); err != nil {
		w.err = err
		return nil
	}
	w.options = request.GetOptions()
	if w.err = unnamed(w.kind, request.GetNamespace()); w.err != nil {
		return nil
	}
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
	w.err = w.start()
	return nil
}

// start finds where the watch begins. Callers hold mu.
func (w *stream) start() error {
	version := w.options.GetResourceVersion()
	revision, err := parseVersion(version)
	if err == nil {
		err = w.server.reached(version)
	}
	initial := revision == 0
	if w.options != nil && w.options.SendInitialEvents != nil {
		initial = w.options.GetSendInitialEvents()
		if match := w.options.GetResourceVersionMatch(); initial && match != "" && match != "NotOlderThan" {
			err = apierror.BadRequest("sendInitialEvents needs resourceVersionMatch NotOlderThan")
		}
	}
	switch {
	case err != nil:
		return err
	case initial:
		w.begin()
	case revision == 0:
		w.after = w.server.revision
	case revision < w.server.compacted:
		return apierror.Expired("resource version " + version + " is too old")
	default:
		w.after = revision
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
		if w.ending && len(w.initial) == 0 {
			return io.EOF
		}
		e, wait := w.next()
		if e != nil {
			r := m.(proto.Message).ProtoReflect()
			fields := r.Descriptor().Fields()
			r.Set(fields.ByName("type"), protoreflect.ValueOfEnum(e.kind.Number()))
			object := proto.Message(proto.CloneOf(e.object))
			if w.packed {
				a, err := anypb.New(object)
				if err != nil {
					return apierror.ToStatus(apierror.Internal(err))
				}
				object = a
			}
			r.Set(fields.ByName("object"), protoreflect.ValueOfMessage(object.ProtoReflect()))
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
			w.last()
		}
	}
}

// last ends the watch in good order, with a bookmark that says how far it came where one is wanted.
func (w *stream) last() {
	w.deadline, w.ending = nil, true
	if w.options.GetAllowWatchBookmarks() {
		w.initial = append(w.initial, event{metav1.EventType_EVENT_TYPE_BOOKMARK, w.mark(w.after)})
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
