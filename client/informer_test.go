package client_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/labels"
	"pgregory.net/rapid"
)

func configMap(name, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name}, Data: map[string]string{"v": value}}
}

// ledger records what a handler is told, and checks the promises about single objects as it goes.
type ledger struct {
	mu      sync.Mutex
	changed chan struct{}
	live    map[string]string // uid → name=value
	dead    map[string]bool
	faults  []string
}

func newLedger() *ledger {
	return &ledger{changed: make(chan struct{}), live: map[string]string{}, dead: map[string]bool{}}
}

func (l *ledger) handler() client.Handler[*corev1.ConfigMap] {
	return client.Handler[*corev1.ConfigMap]{
		OnAdd: func(m *corev1.ConfigMap) {
			l.note(func(uid string) {
				if _, twice := l.live[uid]; twice || l.dead[uid] {
					l.faults = append(l.faults, "added twice: "+m.GetMetadata().GetName())
				}
				l.live[uid] = text(m)
			}, m)
		},
		OnUpdate: func(old, m *corev1.ConfigMap) {
			l.note(func(uid string) {
				if l.live[uid] != text(old) {
					l.faults = append(l.faults, fmt.Sprintf("update from %q, but told of %q", text(old), l.live[uid]))
				}
				l.live[uid] = text(m)
			}, m)
		},
		OnDelete: func(m *corev1.ConfigMap) {
			l.note(func(uid string) {
				if _, known := l.live[uid]; !known {
					l.faults = append(l.faults, "deleted but never added: "+text(m))
				}
				delete(l.live, uid)
				l.dead[uid] = true
			}, m)
		},
	}
}

func (l *ledger) note(f func(uid string), m *corev1.ConfigMap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(m.GetMetadata().GetUid())
	close(l.changed)
	l.changed = make(chan struct{})
}

func text(m *corev1.ConfigMap) string { return m.GetMetadata().GetName() + "=" + m.GetData()["v"] }

// await waits until the ledger is as wanted.
func (l *ledger) await(ctx context.Context, t rapid.TB, what string, done func() bool) {
	t.Helper()
	for {
		l.mu.Lock()
		ok, changed := done(), l.changed
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-time.After(5 * time.Millisecond): // for conditions that also read the cache
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			t.Fatalf("not yet %s; told of %v, dead %d, faults %v", what, l.live, len(l.dead), l.faults)
		}
	}
}

type harness struct {
	ctx      context.Context
	server   *fake.Server
	maps     *client.Resource[*corev1.ConfigMap]
	informer *client.Informer[*corev1.ConfigMap]
	ledger   *ledger
}

// tester is what *testing.T and *rapid.T have in common.
type tester interface {
	rapid.TB
	Cleanup(func())
}

func start(t tester, options client.InformerOptions, objects ...kind.Object) *harness {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	server := fake.NewServer(objects...)
	h := &harness{ctx: ctx, server: server, maps: client.Of[*corev1.ConfigMap](server.Client()), ledger: newLedger()}
	h.informer = client.NewInformer(h.maps, options)
	h.informer.AddHandler(h.ledger.handler())
	done := make(chan error, 1)
	go func() { done <- h.informer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		for _, f := range h.ledger.faults {
			t.Error(f)
		}
	})
	if err := h.informer.WaitSynced(ctx); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *harness) create(t rapid.TB, name, value string) {
	t.Helper()
	if _, err := h.maps.Create(h.ctx, configMap(name, value)); err != nil {
		t.Fatal(err)
	}
}

func (h *harness) update(t rapid.TB, name, value string) {
	t.Helper()
	if _, err := h.maps.Update(h.ctx, configMap(name, value)); err != nil {
		t.Fatal(err)
	}
}

func (h *harness) delete(t rapid.TB, name string) {
	t.Helper()
	if err := h.maps.Delete(h.ctx, "default", name, nil); err != nil {
		t.Fatal(err)
	}
}

func TestInformerReadsEveryPageAtOneRevision(t *testing.T) {
	var objects []kind.Object
	for i := range 25 {
		objects = append(objects, configMap(fmt.Sprintf("m%02d", i), "0"))
	}
	h := start(t, client.InformerOptions{PageSize: 4}, objects...)
	if got := len(h.informer.List("default", nil)); got != 25 {
		t.Errorf("%d objects in the cache", got)
	}
	if got := len(h.informer.List("other", nil)); got != 0 {
		t.Errorf("%d objects in another namespace", got)
	}
	h.ledger.await(h.ctx, t, "told of all", func() bool { return len(h.ledger.live) == 25 })
}

func TestInformerIndexes(t *testing.T) {
	h := start(t, client.InformerOptions{}, configMap("a", "x"), configMap("b", "x"), configMap("c", "y"))
	h.informer.AddIndex("value", func(m *corev1.ConfigMap) []string { return []string{m.GetData()["v"]} })
	if got := len(h.informer.ByIndex("value", "x")); got != 2 {
		t.Errorf("%d under x", got)
	}
	h.update(t, "a", "y")
	h.delete(t, "c")
	h.ledger.await(h.ctx, t, "changed", func() bool { return len(h.ledger.dead) == 1 })
	if x, y := h.informer.ByIndex("value", "x"), h.informer.ByIndex("value", "y"); len(x) != 1 || len(y) != 1 || text(y[0]) != "a=y" {
		t.Errorf("x: %v, y: %v", x, y)
	}
	if got := h.informer.List("", labels.SelectorFromSet(labels.Set{"no": "such"})); len(got) != 0 {
		t.Errorf("a selector that nothing matches found %v", got)
	}
}

// While the watch is down and its revision is forgotten, one object changes, one goes, one is replaced by another of its name, one comes.
func TestInformerListsAgainAfterExpiry(t *testing.T) {
	h := start(t, client.InformerOptions{}, configMap("changed", "0"), configMap("gone", "0"), configMap("replaced", "0"))
	h.ledger.await(h.ctx, t, "told of all", func() bool { return len(h.ledger.live) == 3 })
	gate := make(chan struct{})
	h.server.Intercept(func(ctx context.Context, c fake.Call) error {
		if c.Verb == metav1.Verb_VERB_WATCH {
			select {
			case <-gate:
			case <-ctx.Done():
			}
		}
		return nil
	})
	h.server.BreakWatches()
	h.update(t, "changed", "1")
	h.delete(t, "gone")
	h.delete(t, "replaced")
	h.create(t, "replaced", "1")
	h.create(t, "new", "1")
	h.server.Compact()
	h.create(t, "after", "1")
	close(gate)
	h.ledger.await(h.ctx, t, "up to date", func() bool {
		values := map[string]bool{}
		for _, v := range h.ledger.live {
			values[v] = true
		}
		return len(h.ledger.dead) == 2 && maps.Equal(values, map[string]bool{"changed=1": true, "replaced=1": true, "new=1": true, "after=1": true})
	})
}

func TestInformerResumesFromBookmark(t *testing.T) {
	h := start(t, client.InformerOptions{}, configMap("a", "0"))
	lists := 0
	marked := make(chan struct{}, 1)
	h.server.Intercept(func(_ context.Context, c fake.Call) error {
		if c.Verb == metav1.Verb_VERB_LIST {
			lists++
		}
		if c.Verb == metav1.Verb_VERB_WATCH {
			select {
			case marked <- struct{}{}:
			default:
			}
		}
		return nil
	})
	// Revisions of another kind, then a bookmark past them.
	pods := client.Of[*corev1.Pod](h.server.Client())
	if _, err := pods.Create(h.ctx, &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "p"}}); err != nil {
		t.Fatal(err)
	}
	h.server.Bookmark()
	h.create(t, "b", "0")
	h.ledger.await(h.ctx, t, "told of b", func() bool { return len(h.ledger.live) == 2 })
	h.server.Compact()
	h.server.BreakWatches()
	select {
	case <-marked:
	case <-h.ctx.Done():
		t.Fatal("the watch was not resumed")
	}
	h.create(t, "c", "0")
	h.ledger.await(h.ctx, t, "told of c", func() bool { return len(h.ledger.live) == 3 })
	if lists != 0 {
		t.Errorf("listed %d times although the revision was known", lists)
	}
}

// No server reaches the revision: it belongs to a history that is gone.
func TestInformerGivesUpOnUnknownRevisions(t *testing.T) {
	h := start(t, client.InformerOptions{}, configMap("a", "0"))
	h.ledger.await(h.ctx, t, "told of a", func() bool { return len(h.ledger.live) == 1 })
	var mu sync.Mutex
	refused := h.informer.Revision()
	h.server.Intercept(func(_ context.Context, c fake.Call) error {
		mu.Lock()
		defer mu.Unlock()
		if c.Verb == metav1.Verb_VERB_LIST {
			refused = 0
		}
		if c.Verb == metav1.Verb_VERB_WATCH && refused != 0 {
			return &apierror.Error{Reason: apierror.ReasonTimeout, Message: "larger than any seen here"}
		}
		return nil
	})
	h.server.BreakWatches()
	h.create(t, "b", "0")
	h.ledger.await(h.ctx, t, "told of b", func() bool { return len(h.ledger.live) == 2 })
}

func TestInformerTellsLateHandlers(t *testing.T) {
	h := start(t, client.InformerOptions{}, configMap("a", "0"))
	late := newLedger()
	h.informer.AddHandler(late.handler())
	h.create(t, "b", "0")
	late.await(h.ctx, t, "told of both", func() bool { return len(late.live) == 2 })
}

func TestInformerResync(t *testing.T) {
	server := fake.NewServer(configMap("a", "0"))
	informer := client.NewInformer(client.Of[*corev1.ConfigMap](server.Client()), client.InformerOptions{Resync: time.Millisecond})
	again := make(chan struct{}, 100)
	informer.AddHandler(client.Handler[*corev1.ConfigMap]{OnUpdate: func(old, m *corev1.ConfigMap) {
		if old != m {
			t.Error("a resync told of a change")
		}
		select {
		case again <- struct{}{}:
		default:
		}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = informer.Run(ctx) }()
	for range 3 {
		<-again
	}
	cancel()
	<-done
	if err := informer.Run(t.Context()); err == nil {
		t.Error("started twice")
	}
}

// Whatever happens to objects and watches, a handler that is held up ends up with the server's state, and is told of every
// incarnation once from beginning to end (the ledger checks).
func TestInformerTellsFinalStates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := start(t, client.InformerOptions{PageSize: 2}, configMap("a", "0"), configMap("b", "0"))
		model := map[string]string{"a": "0", "b": "0"}
		name := rapid.SampledFrom([]string{"a", "b", "c"})
		held := false
		for step := range rapid.IntRange(1, 30).Draw(t, "steps") {
			n, value := name.Draw(t, "name"), fmt.Sprint(step)
			switch rapid.SampledFrom([]string{"put", "put", "delete", "break", "compact", "hold"}).Draw(t, "op") {
			case "put":
				if _, ok := model[n]; ok {
					h.update(t, n, value)
				} else {
					h.create(t, n, value)
				}
				model[n] = value
			case "delete":
				if _, ok := model[n]; ok {
					h.delete(t, n)
					delete(model, n)
				}
			case "break":
				h.server.BreakWatches()
			case "compact":
				h.server.Compact()
			case "hold":
				// The handler stands still while the next steps are taken.
				if !held {
					h.ledger.mu.Lock()
					held = true
				}
			}
		}
		if held {
			h.ledger.mu.Unlock()
		}
		h.ledger.await(h.ctx, t, fmt.Sprint("at ", model), func() bool {
			seen := map[string]string{}
			for _, v := range h.ledger.live {
				seen[v[:1]] = v[2:]
			}
			return h.informer.Revision() >= h.server.Revision() && maps.Equal(seen, model)
		})
		if got := len(h.informer.List("", nil)); got != len(model) {
			t.Fatalf("%d objects in the cache, want %d", got, len(model))
		}
	})
}

func TestInformerTransforms(t *testing.T) {
	server := fake.NewServer(configMap("a", "secret"))
	informer := client.NewInformer(client.Of[*corev1.ConfigMap](server.Client()), client.InformerOptions{Transform: func(o kind.Object) { o.(*corev1.ConfigMap).Data = nil }})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = informer.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if err := informer.WaitSynced(ctx); err != nil {
		t.Fatal(err)
	}
	if m, _ := informer.Get("default", "a"); m == nil || m.GetData() != nil {
		t.Errorf("the cache holds %v", m)
	}
	if m, err := informer.Resource().Get(ctx, "default", "a"); err != nil || !proto.Equal(m.GetMetadata(), must(informer.Get("default", "a")).GetMetadata()) {
		t.Errorf("the server holds %v, %v", m, err)
	}
}

func must[T any](v T, _ bool) T { return v }
