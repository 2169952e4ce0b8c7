package ui

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/quantity"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func pod(namespace, name, phase string) *corev1.Pod {
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Namespace: namespace, Name: name, Uid: "uid-" + name, CreationTimestamp: timestamppb.New(now.Add(-time.Minute))},
		Spec:     &corev1.PodSpec{NodeName: "n1", Containers: []*corev1.Container{{Name: "main"}, {Name: "side"}}},
		Status:   &corev1.PodStatus{Phase: phase},
	}
}

func objects[T kind.Object](all ...T) []kind.Object {
	var out []kind.Object
	for _, o := range all {
		out = append(out, o)
	}
	return out
}

// screen is a model of pods, with what it asked for last.
type screen struct {
	t *testing.T
	*Model
	asked []Effect
}

func newScreen(t *testing.T, pods ...*corev1.Pod) *screen {
	t.Helper()
	m, effects := New(kind.Lookup("pods"), "default", now)
	s := &screen{t, m, effects}
	s.tell(Listed{FeedTable, 1, objects(pods...)})
	return s
}

func (s *screen) tell(msg any) { s.asked = s.Update(msg) }

// types presses keys, each character one, or a name in angle brackets.
func (s *screen) types(keys string) {
	for len(keys) > 0 {
		key := keys[:1]
		if end := strings.Index(keys, ">"); keys[0] == '<' && end > 0 {
			key = keys[1:end]
			keys = keys[end+1:]
		} else {
			keys = keys[1:]
		}
		if key == " " {
			key = "space"
		}
		s.tell(Key(key))
	}
}

// shows checks the screen's size and what is on it.
func (s *screen) shows(texts ...string) {
	s.t.Helper()
	view := ansi.Strip(s.View())
	lines := strings.Split(view, "\n")
	if len(lines) != s.height {
		s.t.Errorf("%d lines on a screen of %d", len(lines), s.height)
	}
	for _, line := range lines {
		if w := ansi.StringWidth(line); w > s.width {
			s.t.Errorf("a line of %d on a screen of %d: %q", w, s.width, line)
		}
	}
	for _, text := range texts {
		if !strings.Contains(view, text) {
			s.t.Errorf("no %q in\n%s", text, view)
		}
	}
}

func (s *screen) hides(texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if view := ansi.Strip(s.View()); strings.Contains(view, text) {
			s.t.Errorf("%q is in\n%s", text, view)
		}
	}
}

func (s *screen) chosenName() string { return s.table.chosen().GetMetadata().GetName() }

func TestTableFollowsTheCluster(t *testing.T) {
	s := newScreen(t)
	s.shows("pods", "namespace default", "there are none")
	s.tell(Listed{FeedTable, 1, objects(pod("default", "web-2", "Running"), pod("default", "web-1", "Pending"))})
	s.shows("NAME", "STATUS", "web-1", "Pending", "web-2", "Running", "60s")
	s.tell(Tick(now.Add(time.Minute)))
	s.shows("2m")
	s.types("j")
	if s.chosenName() != "web-2" {
		t.Errorf("chosen is %s", s.chosenName())
	}
	// What comes and goes leaves the chosen one chosen.
	s.tell(Changed{FeedTable, 1, metav1.EventType_EVENT_TYPE_ADDED, pod("default", "api", "Running")})
	s.tell(Changed{FeedTable, 1, metav1.EventType_EVENT_TYPE_DELETED, pod("default", "web-1", "Running")})
	s.shows("api")
	s.hides("web-1")
	if s.chosenName() != "web-2" {
		t.Errorf("chosen is %s", s.chosenName())
	}
	s.tell(Changed{FeedTable, 1, metav1.EventType_EVENT_TYPE_DELETED, pod("default", "web-2", "Running")})
	if s.chosenName() != "api" {
		t.Errorf("after its end %s is chosen", s.chosenName())
	}
	// What an older feed still tells is dropped.
	s.tell(Changed{FeedTable, 0, metav1.EventType_EVENT_TYPE_ADDED, pod("default", "stale", "Running")})
	s.hides("stale")
}

func TestMovingThroughALongTable(t *testing.T) {
	var pods []*corev1.Pod
	for i := range 100 {
		pods = append(pods, pod("default", fmt.Sprintf("web-%03d", i), "Running"))
	}
	s := newScreen(t, pods...)
	for _, c := range []struct{ keys, chosen string }{
		{"", "web-000"}, {"<up>", "web-000"}, {"<down><down>", "web-002"}, {"<pgdown>", "web-022"}, {"G", "web-099"}, {"<down>", "web-099"}, {"<pgup>", "web-079"}, {"g", "web-000"},
	} {
		s.types(c.keys)
		s.shows(c.chosen)
		if s.chosenName() != c.chosen {
			t.Errorf("after %q %s is chosen, want %s", c.keys, s.chosenName(), c.chosen)
		}
	}
	for _, size := range []Size{{80, 24}, {200, 60}, {20, 5}, {1, 1}, {30, 4}} {
		s.tell(size)
		s.types("G")
		s.shows()
	}
}

func TestFilter(t *testing.T) {
	s := newScreen(t, pod("default", "web-1", "Running"), pod("default", "web-2", "Failed"), pod("default", "db", "Running"))
	s.types("/WEB")
	s.shows("/WEB", "web-1", "web-2")
	s.hides("db ")
	s.types("<backspace><backspace><backspace>fail<enter>")
	s.shows("1 of 3, /fail", "web-2")
	s.hides("web-1")
	// One that comes to match is shown, one that no longer does is not.
	s.tell(Changed{FeedTable, 1, metav1.EventType_EVENT_TYPE_MODIFIED, pod("default", "web-1", "Failed")})
	s.shows("web-1")
	s.types("<esc>")
	s.shows("db", "web-1", "web-2")
}

func TestOtherKindsAndNamespaces(t *testing.T) {
	s := newScreen(t, pod("default", "web-1", "Running"))
	follows := func(plural, namespace string) {
		t.Helper()
		f, ok := s.asked[0].(Follow)
		if !ok || f.Kind.Plural() != plural || f.Namespace != namespace || f.Number != s.number {
			t.Errorf("asked for %+v, want %s in %q", s.asked, plural, namespace)
		}
	}
	s.types(":deploy<enter>")
	follows("deployments", "default")
	s.shows("deployments", "loading")
	s.hides("web-1")
	s.types(":svc shop<enter>")
	follows("services", "shop")
	s.types(":nam<tab><enter>")
	follows("namespaces", "")
	s.tell(Listed{FeedTable, s.number, objects(&corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "other"}})})
	s.types("<enter>")
	follows("pods", "other")
	s.types("0")
	follows("pods", "")
	s.tell(Listed{FeedTable, s.number, objects(pod("a", "same", "Running"), pod("b", "same", "Running"))})
	s.shows("NAMESPACE", "all namespaces")
	s.types(":podds<enter>")
	s.shows(`no kind "podds"`, `did you mean "pods"?`)
	s.tell(Kinds{Kinds: []*kind.Kind{kind.Lookup("pods")}})
	s.types(":deploy<enter>")
	s.shows(`no kind "deploy"`)
	s.types("q")
	if _, ok := s.asked[0].(Quit); !ok {
		t.Errorf("q asks for %+v", s.asked)
	}
}

func TestTexts(t *testing.T) {
	s := newScreen(t, pod("default", "web-1", "Running"))
	s.types("d")
	show := s.asked[0].(Show)
	if show.Form != "describe" || show.Object.Name != "web-1" || show.Object.UID != "uid-web-1" {
		t.Errorf("%+v", show)
	}
	s.shows("describe pod/web-1 in default", "loading")
	s.tell(Text{Number: show.Number, Body: "Name: web-1\n\x1b[31mred\x07\tx\n" + strings.Repeat("line\n", 100) + "last"})
	s.shows("Name: web-1", "[31mred    x", "of 103") // what would steer the terminal is gone
	s.hides("last")
	s.types("G")
	s.shows("last")
	s.types("<esc>y")
	if show := s.asked[0].(Show); show.Form != "yaml" {
		t.Errorf("%+v", show)
	}
	s.tell(Text{Number: show.Number, Body: "of the old text"})
	s.hides("of the old text")
	s.tell(Text{Number: s.text.number, Err: errors.New("it is gone")})
	s.shows("it is gone")
	s.types("q")
	s.shows("web-1", "pods")
}

func TestLogs(t *testing.T) {
	s := newScreen(t, pod("default", "web-1", "Running"))
	s.types("l")
	f := s.asked[0].(FollowLogs)
	if f.Container != "main" || f.Object.Name != "web-1" {
		t.Errorf("%+v", f)
	}
	s.tell(Text{Number: f.Number, Body: "first\nsec", More: true})
	s.tell(Text{Number: f.Number, Body: "ond\n", More: true})
	s.shows("first", "second", "following")
	for i := range maxLines + 50 {
		s.tell(Text{Number: f.Number, Body: fmt.Sprintf("line %d\n", i), More: true})
	}
	if len(s.text.lines) != maxLines {
		t.Errorf("%d lines are kept", len(s.text.lines))
	}
	s.shows(fmt.Sprintf("line %d", maxLines+49))
	s.types("<up>")
	s.tell(Text{Number: f.Number, Body: "news\n", More: true})
	s.hides("news", "following")
	s.types("f")
	s.shows("news", "following")
	s.tell(Text{Number: f.Number, More: true, Ended: true})
	s.shows("the container has ended")
	s.types("c")
	if f := s.asked[0].(FollowLogs); f.Container != "side" {
		t.Errorf("%+v", f)
	}
	s.types("<esc>:nodes<enter>")
	s.tell(Listed{FeedTable, s.number, objects(&corev1.Node{Metadata: &metav1.ObjectMeta{Name: "n1"}})})
	s.types("l")
	s.shows("only pods have logs")
}

func TestDeletingWantsConfirmation(t *testing.T) {
	s := newScreen(t, pod("default", "web-1", "Running"))
	s.types("x")
	s.shows("Delete pod/web-1 in default? y/n")
	s.types("n")
	if len(s.asked) != 0 {
		t.Errorf("%+v", s.asked)
	}
	s.shows("stays")
	s.types("x")
	// What moves under the question does not change what it is about.
	s.tell(Changed{FeedTable, 1, metav1.EventType_EVENT_TYPE_ADDED, pod("default", "a", "Running")})
	s.types("y")
	d := s.asked[0].(Delete)
	if d.Object.Name != "web-1" || d.Object.UID != "uid-web-1" {
		t.Errorf("%+v", d)
	}
	s.tell(Deleted{d.Object, errors.New("you may not")})
	s.shows("is not deleted: you may not")
}

func TestLostConnection(t *testing.T) {
	s := newScreen(t, pod("default", "web-1", "Running"))
	s.tell(Lost{1, errors.New("no route")})
	s.shows("connection lost, trying again: no route", "web-1")
	s.tell(Listed{FeedTable, 1, objects(pod("default", "web-9", "Running"))})
	s.shows("web-9")
	s.hides("connection lost", "web-1")
	s.types(":deploy<enter>")
	s.tell(Lost{1, errors.New("of the old feed")})
	s.hides("connection lost")
}

func TestNodesShowWhatIsRequested(t *testing.T) {
	m, effects := New(kind.Lookup("nodes"), "default", now)
	s := &screen{t, m, effects}
	if f := s.asked[1].(Follow); !f.Pods || f.Namespace != "" {
		t.Errorf("%+v", f)
	}
	node := &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "n1"}, Status: &corev1.NodeStatus{Allocatable: map[string]*metav1.Quantity{
		"cpu": quantity.FromInt(2), "memory": quantity.FromBytes(1 << 30)}}}
	asks := func(p *corev1.Pod, cpu int64) *corev1.Pod {
		p.Spec.Containers[0].Resources = &corev1.ResourceRequirements{Requests: map[string]*metav1.Quantity{"cpu": quantity.FromMilli(cpu), "memory": quantity.FromBytes(256 << 20)}}
		return p
	}
	elsewhere := asks(pod("default", "elsewhere", "Running"), 700)
	elsewhere.Spec.NodeName = "n2"
	s.tell(Listed{FeedTable, 1, objects(node)})
	s.tell(Listed{FeedPods, 1, objects(asks(pod("default", "a", "Running"), 500), asks(pod("default", "over", "Succeeded"), 900), elsewhere)})
	s.tell(Size{120, 24})
	s.shows("CPU REQUESTED", "500m (25%)", "256Mi (25%)")
	s.tell(Changed{FeedPods, 1, metav1.EventType_EVENT_TYPE_ADDED, asks(pod("default", "b", "Pending"), 250)})
	s.shows("750m (38%)", "512Mi (50%)")
	s.tell(Changed{FeedPods, 1, metav1.EventType_EVENT_TYPE_DELETED, asks(pod("default", "a", "Running"), 500)})
	s.shows("250m (13%)")
}

func TestEventsComeNewestFirst(t *testing.T) {
	m, effects := New(kind.Lookup("events"), "default", now)
	s := &screen{t, m, effects}
	event := func(name string, ago time.Duration) *corev1.Event {
		return &corev1.Event{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name}, Type: "Normal", Reason: name, LastTimestamp: timestamppb.New(now.Add(-ago))}
	}
	s.tell(Listed{FeedTable, 1, objects(event("older", time.Hour), event("newer", time.Second))})
	if view := ansi.Strip(s.View()); strings.Index(view, "newer") > strings.Index(view, "older") {
		t.Error(view)
	}
}

// What a pod asks for is what the scheduler reckons with.
func TestPodDemand(t *testing.T) {
	of := func(cpu int64) *corev1.ResourceRequirements {
		return &corev1.ResourceRequirements{Requests: map[string]*metav1.Quantity{"cpu": quantity.FromMilli(cpu)}}
	}
	always := "Always"
	for want, p := range map[int64]*corev1.PodSpec{
		300: {Containers: []*corev1.Container{{Resources: of(100)}, {Resources: of(200)}}},
		900: {Containers: []*corev1.Container{{Resources: of(100)}}, InitContainers: []*corev1.Container{{Resources: of(900)}}},
		150: {Containers: []*corev1.Container{{Resources: of(100)}}, InitContainers: []*corev1.Container{{Resources: of(50), RestartPolicy: &always}}},
		650: {Containers: []*corev1.Container{{Resources: of(100)}}, InitContainers: []*corev1.Container{{Resources: of(50), RestartPolicy: &always}, {Resources: of(600)}}},
		110: {Containers: []*corev1.Container{{Resources: of(100)}}, Overhead: map[string]*metav1.Quantity{"cpu": quantity.FromMilli(10)}},
	} {
		if got, _ := podDemand(&corev1.Pod{Spec: p}); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
}
