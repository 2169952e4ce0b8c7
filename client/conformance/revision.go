package conformance

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"testing"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"

	"google.golang.org/protobuf/proto"
)

// initialEventsEnd marks the bookmark behind the objects that were there when a watch began.
const initialEventsEnd = "k8s.io/initial-events-end"

func testGetFresh(t *testing.T, s *suite) {
	created := s.createMap(t, "a", nil)
	for _, version := range []string{"", created.GetMetadata().GetResourceVersion()} {
		o, err := s.api.Get(s.ctx, s.maps.kind, &metav1.GetRequest{Namespace: s.namespace, Name: "a", Options: &metav1.GetOptions{ResourceVersion: version}})
		if err != nil || !proto.Equal(o, created) {
			t.Errorf("at least as new as %q: %v, %v", version, o, err)
		}
	}
	// Whatever is at hand may not have the object yet, but is no error of another sort.
	if _, err := s.api.Get(s.ctx, s.maps.kind, &metav1.GetRequest{Namespace: s.namespace, Name: "a", Options: &metav1.GetOptions{ResourceVersion: "0"}}); err != nil && !apierror.IsNotFound(err) {
		t.Error(err)
	}
	if _, err := s.api.Get(s.ctx, s.maps.kind, &metav1.GetRequest{Namespace: s.namespace, Name: "a", Options: &metav1.GetOptions{ResourceVersion: "new"}}); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("what is no revision: %v", err)
	}
}

func testListAtRevision(t *testing.T, s *suite) {
	label := map[string]string{"at": "yes"}
	s.createMap(t, "a", label)
	second := s.createMap(t, "b", label)
	s.createMap(t, "c", label)
	if err := s.maps.Delete(s.ctx, s.namespace, "a", nil); err != nil {
		t.Fatal(err)
	}
	at := second.GetMetadata().GetResourceVersion()
	// What need not be the newest may be of any revision from there on.
	since := [][]string{{"a", "b"}, {"a", "b", "c"}, {"b", "c"}}
	for _, c := range []struct {
		version, match string
		want           [][]string
	}{{at, "Exact", since[:1]}, {at, "NotOlderThan", since}, {at, "", since}, {"", "", since[2:]}} {
		items, meta, err := s.maps.List(s.ctx, s.namespace, &metav1.ListOptions{LabelSelector: "at=yes", ResourceVersion: c.version, ResourceVersionMatch: c.match})
		if err != nil {
			t.Errorf("%q %q: %v", c.version, c.match, err)
			continue
		}
		got := names(items)
		if !slices.ContainsFunc(c.want, func(want []string) bool { return slices.Equal(got, want) }) {
			t.Errorf("%q %q: %v, want one of %v", c.version, c.match, got, c.want)
		}
		read, err := strconv.ParseInt(meta.GetResourceVersion(), 10, 64)
		if oldest := must(strconv.ParseInt(at, 10, 64))(t); err != nil || read < oldest || c.match == "Exact" && read != oldest {
			t.Errorf("%q %q: revision %s (%v), asked for %s", c.version, c.match, meta.GetResourceVersion(), err, at)
		}
	}
}

func testListInvalid(t *testing.T, s *suite) {
	for what, options := range map[string]*metav1.ListOptions{
		"no label selector":      {LabelSelector: "a=b=c"},
		"no field of the kind":   {FieldSelector: "data.key=value"},
		"a negative limit":       {Limit: -1},
		"no token":               {Continue: "token"},
		"no revision":            {ResourceVersion: "new"},
		"a match of nothing":     {ResourceVersionMatch: "Exact"},
		"a match that is none":   {ResourceVersion: "1", ResourceVersionMatch: "Newest"},
		"exactly whatever there": {ResourceVersion: "0", ResourceVersionMatch: "Exact"},
	} {
		if _, _, err := s.maps.List(s.ctx, s.namespace, options); apierror.ReasonOf(err) != apierror.ReasonBadRequest && !apierror.IsInvalid(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func testPagesExpire(t *testing.T, s *suite) {
	label := map[string]string{"page": "yes"}
	for _, name := range []string{"a", "b", "c"} {
		s.createMap(t, name, label)
	}
	_, meta, err := s.maps.List(s.ctx, s.namespace, &metav1.ListOptions{LabelSelector: "page=yes", Limit: 1})
	if err != nil || meta.GetContinue() == "" {
		t.Fatalf("%v, %v", meta, err)
	}
	s.createMap(t, "d", label)
	if err := s.options.Compact(s.ctx); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.maps.List(s.ctx, s.namespace, &metav1.ListOptions{LabelSelector: "page=yes", Limit: 1, Continue: meta.GetContinue()}); !apierror.IsExpired(err) {
		t.Errorf("the next page of a list that is forgotten: %v", err)
	}
}

func testWatchExpires(t *testing.T, s *suite) {
	old := s.createMap(t, "a", nil)
	m := proto.CloneOf(old)
	m.Data["key"] = "changed"
	must(s.maps.Update(s.ctx, m))(t)
	newest := s.createMap(t, "b", nil)
	if err := s.options.Compact(s.ctx); err != nil {
		t.Fatal(err)
	}
	w := must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{ResourceVersion: old.GetMetadata().GetResourceVersion()}))(t)
	defer w.Stop()
	if e, err := w.Recv(); !apierror.IsExpired(err) {
		t.Errorf("a watch from what is forgotten: %v, %v", e, err)
	}
	// What is not forgotten goes on.
	w = must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{ResourceVersion: newest.GetMetadata().GetResourceVersion(), FieldSelector: "metadata.name!=kube-root-ca.crt"}))(t)
	defer w.Stop()
	s.createMap(t, "c", nil)
	expect(t, w, added, "c", "value")
}

func testWatchTooNew(t *testing.T, s *suite) {
	created := s.createMap(t, "a", nil)
	far := strconv.FormatInt(revision(t, created)+1_000_000, 10)
	w := must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{ResourceVersion: far}))(t)
	defer w.Stop()
	_, err := w.Recv()
	var e *apierror.Error
	if !errors.As(err, &e) || e.Reason != apierror.ReasonTimeout || e.RetryAfter == 0 {
		t.Errorf("a revision that does not come: %v", err)
	}
}

func testInitialEvents(t *testing.T, s *suite) {
	label := map[string]string{"initial": "yes"}
	s.createMap(t, "a", label)
	last := s.createMap(t, "b", label)
	w := must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{
		LabelSelector: "initial=yes", SendInitialEvents: proto.Bool(true), ResourceVersionMatch: "NotOlderThan", AllowWatchBookmarks: true,
	}))(t)
	defer w.Stop()
	expect(t, w, added, "a", "value")
	expect(t, w, added, "b", "value")
	end, err := w.Recv()
	if err != nil || end.Type != metav1.EventType_EVENT_TYPE_BOOKMARK || end.Object.GetMetadata().GetAnnotations()[initialEventsEnd] != "true" {
		t.Fatalf("behind what was there came %v, %v", end, err)
	}
	at := must(strconv.ParseInt(end.Object.GetMetadata().GetResourceVersion(), 10, 64))(t)
	if at < revision(t, last) {
		t.Errorf("the bookmark is of %d, what is before it of %d", at, revision(t, last))
	}
	s.createMap(t, "c", label)
	expect(t, w, added, "c", "value")
	// Without initial events: only what happens from now on.
	w = must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{LabelSelector: "initial=yes", SendInitialEvents: proto.Bool(false)}))(t)
	defer w.Stop()
	s.createMap(t, "d", label)
	expect(t, w, added, "d", "value")
}

// A watch that ends when it was asked to says how far it came, so that the next one goes on from there.
func testBookmark(t *testing.T, s *suite) {
	first := s.createMap(t, "a", map[string]string{"mark": "yes"})
	w := must(s.maps.Watch(s.ctx, s.namespace, &metav1.ListOptions{
		LabelSelector: "mark=yes", ResourceVersion: first.GetMetadata().GetResourceVersion(), AllowWatchBookmarks: true, TimeoutSeconds: proto.Int64(1),
	}))(t)
	defer w.Stop()
	// Of this the watch sees nothing but the revision.
	other := s.createMap(t, "b", nil)
	var at int64
	for {
		e, err := w.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		m := e.Object.GetMetadata()
		if e.Type != metav1.EventType_EVENT_TYPE_BOOKMARK || m.GetName() != "" {
			t.Fatalf("event %v", e)
		}
		at = must(strconv.ParseInt(m.GetResourceVersion(), 10, 64))(t)
	}
	if at < revision(t, other) {
		t.Errorf("the watch ended at %d, before %d", at, revision(t, other))
	}
}
