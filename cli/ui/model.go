package ui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/similar"
)

// mode is what keys mean.
type mode int

const (
	modeTable mode = iota
	modeText
	modeFilter  // a filter is being typed
	modeCommand // a kind is being typed
	modeConfirm // a deletion is to be confirmed
)

// Model is the screen. Make it with New.
type Model struct {
	width, height int
	now           time.Time
	mode          mode
	kinds         []*kind.Kind

	kind *kind.Kind
	// namespace is "" for all.
	namespace string
	number    int // of the feed
	loaded    bool
	lost      error
	table     table
	pods      map[string]*corev1.Pod // by uid, for nodes

	typed string // in modeFilter and modeCommand
	// doomed is what is to be deleted.
	doomed Ref
	text   text
	// note is the last thing to say, and whether it is bad.
	note string
	bad  bool
}

// New is a screen that shows a kind in a namespace, or in all with "", and what it asks for at first.
func New(k *kind.Kind, namespace string, now time.Time) (*Model, []Effect) {
	m := &Model{width: 80, height: 24, now: now, kinds: kind.All()}
	return m, append([]Effect{LoadKinds{}}, m.open(k, namespace)...)
}

// open shows another kind or namespace.
func (m *Model) open(k *kind.Kind, namespace string) []Effect {
	m.number++
	m.kind, m.namespace, m.loaded, m.lost, m.note = k, namespace, false, nil, ""
	m.table = newTable(k, k.Namespaced() && namespace == "")
	m.pods = map[string]*corev1.Pod{}
	if !k.Namespaced() {
		namespace = ""
	}
	return []Effect{Follow{Number: m.number, Kind: k, Namespace: namespace, Pods: m.showsNodes()}}
}

func (m *Model) showsNodes() bool { return m.kind.Plural() == "nodes" && m.kind.Group == "" }

// Update takes a message, and answers with what is to be done.
func (m *Model) Update(msg any) []Effect {
	switch msg := msg.(type) {
	case Size:
		m.width, m.height = max(msg.Width, 1), max(msg.Height, 1)
	case Tick:
		m.now = time.Time(msg)
	case Kinds:
		if msg.Err != nil {
			m.say(true, "cannot ask which kinds are served: %v", msg.Err)
		} else if len(msg.Kinds) > 0 {
			m.kinds = msg.Kinds
		}
	case Listed:
		m.listed(msg)
	case Changed:
		m.changed(msg)
	case Lost:
		if msg.Number == m.number {
			m.lost = msg.Err
		}
	case Text:
		m.text.take(msg)
	case Deleted:
		if msg.Err != nil {
			m.say(true, "%s is not deleted: %v", msg.Object, msg.Err)
		} else {
			m.say(false, "%s is being deleted", msg.Object)
		}
	case Key:
		return m.key(string(msg))
	}
	return nil
}

func (m *Model) say(bad bool, format string, args ...any) {
	m.bad, m.note = bad, plain(fmt.Sprintf(format, args...))
}

func (m *Model) listed(msg Listed) {
	if msg.Number != m.number {
		return
	}
	m.lost = nil
	if msg.Feed == FeedTable {
		m.loaded = true
		m.table.replace(msg.Objects)
		return
	}
	clear(m.pods)
	for _, o := range msg.Objects {
		if p, ok := o.(*corev1.Pod); ok {
			m.pods[p.GetMetadata().GetUid()] = p
		}
	}
}

func (m *Model) changed(msg Changed) {
	if msg.Number != m.number {
		return
	}
	gone := msg.Type == metav1.EventType_EVENT_TYPE_DELETED
	if msg.Feed == FeedTable {
		m.table.change(gone, msg.Object)
		return
	}
	if p, ok := msg.Object.(*corev1.Pod); ok && gone {
		delete(m.pods, p.GetMetadata().GetUid())
	} else if ok {
		m.pods[p.GetMetadata().GetUid()] = p
	}
}

// command carries out what was typed after ":": a kind, and perhaps a namespace ("all" for every).
func (m *Model) command(typed string) []Effect {
	words := strings.Fields(typed)
	if len(words) == 0 {
		return nil
	}
	if words[0] == "q" || words[0] == "quit" {
		return []Effect{Quit{}}
	}
	namespace := m.namespace
	if len(words) > 1 {
		if namespace = words[1]; namespace == "all" {
			namespace = ""
		}
	}
	if k := m.find(words[0]); k != nil {
		return m.open(k, namespace)
	}
	if best := similar.Best(words[0], m.words()); best != "" {
		m.say(true, "there is no kind %q; did you mean %q?", words[0], best)
	} else {
		m.say(true, "there is no kind %q", words[0])
	}
	return nil
}

// find is a kind that is served, by any of its names.
func (m *Model) find(word string) *kind.Kind {
	k := kind.Lookup(word)
	if k == nil || !slices.Contains(m.kinds, k) {
		return nil
	}
	return k
}

// words are what kinds go by.
func (m *Model) words() []string {
	var out []string
	for _, k := range m.kinds {
		out = append(out, k.Plural())
	}
	slices.Sort(out)
	return out
}

// complete is the first kind that begins with what is typed.
func (m *Model) complete(typed string) string {
	for _, word := range m.words() {
		if typed != "" && strings.HasPrefix(word, typed) {
			return word
		}
	}
	return typed
}
