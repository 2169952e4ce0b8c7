package watchcache

import (
	"sync"
	"sync/atomic"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/frame"
)

// event is one change of one object, shared by the history and all watchers.
type event struct {
	seq      int64 // position in the kind's history, from 1 without gaps
	revision int64
	entry    *Entry // after the change; nil when it was a delete
	previous *Entry // before the change; nil when the object came to be

	gone   func() *Entry // the object as it last was, with the revision of this change
	frames [2][metav1.EventType_EVENT_TYPE_BOOKMARK]atomic.Pointer[frame.Message]
}

func newEvent(seq, revision int64, entry, previous *Entry) *event {
	e := &event{seq: seq, revision: revision, entry: entry, previous: previous}
	if previous != nil {
		e.gone = sync.OnceValue(func() *Entry { return previous.at(revision) })
	}
	return e
}

// size is about how many bytes the event keeps alive beyond what the cache holds anyway.
func (e *event) size() int {
	n := 512
	if e.previous != nil {
		n += 3 * len(e.previous.raw)
	}
	return n
}

// Change is what a watcher is told: an event seen through the watcher's selection.
type Change struct {
	// Type is what happened to the object as far as the selection goes.
	Type metav1.EventType
	// Entry is the object: after the change, or for DELETED as it last was, with the revision of its end.
	Entry *Entry

	shared *event // nil for the initial ADDED ones
}

// Frame is the change as a watch response; with a type URL the object is in an Any. It is encoded once for
// all watchers of the same form.
func (c Change) Frame(typeURL string) *frame.Message {
	if c.shared == nil {
		return frame.Event(c.Type, typeURL, c.Entry.raw)
	}
	form := 0
	if typeURL != "" {
		form = 1
	}
	slot := &c.shared.frames[form][c.Type]
	if m := slot.Load(); m != nil {
		return m
	}
	m := frame.Event(c.Type, typeURL, c.Entry.raw)
	slot.Store(m)
	return m
}

// through is the change that the event is for a watcher with this selection; false when it is none.
func (e *event) through(s *Selection) (Change, bool) {
	is := e.entry != nil && s.Matches(e.entry)
	was := e.previous != nil && s.Matches(e.previous)
	switch {
	case is && was:
		return Change{Type: metav1.EventType_EVENT_TYPE_MODIFIED, Entry: e.entry, shared: e}, true
	case is:
		return Change{Type: metav1.EventType_EVENT_TYPE_ADDED, Entry: e.entry, shared: e}, true
	case was:
		return Change{Type: metav1.EventType_EVENT_TYPE_DELETED, Entry: e.gone(), shared: e}, true
	}
	return Change{}, false
}
