package watchcache_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

var pods = kind.Of(&corev1.Pod{})

type fixture struct {
	store  raftstore.Store
	caches *watchcache.Caches
	cache  *watchcache.Cache
	ctx    context.Context
	stop   func()
}

// fatal is what tests and rapid's checks have in common.
type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

func start(t fatal, store raftstore.Store, cfg watchcache.Config) *fixture {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	f := &fixture{store: store, caches: watchcache.New(store, kind.All(), cfg, hclog.NewNullLogger()), ctx: ctx}
	f.cache = f.caches.Of(pods)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.caches.Run(ctx)
	}()
	f.stop = func() {
		cancel()
		<-done
	}
	if err := f.caches.Ready(ctx); err != nil {
		t.Fatalf("not ready: %v", err)
	}
	return f
}

func pod(name, node string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name, Labels: labels},
		Spec:     &corev1.PodSpec{NodeName: node},
	}
}

// write puts pods, and deletes those that are nil, in one transaction.
func write(t fatal, store raftstore.Store, objects map[string]*corev1.Pod) int64 {
	t.Helper()
	req := &storev1.TxnRequest{}
	for name, p := range objects {
		key := []byte(pods.Key("default", name))
		if p == nil {
			req.Success = append(req.Success, &storev1.Op{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: key}}})
			continue
		}
		value, err := proto.Marshal(p)
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		req.Success = append(req.Success, &storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: key, Value: value}}})
	}
	resp, err := store.Txn(context.Background(), req)
	if err != nil {
		t.Fatalf("txn: %v", err)
	}
	return resp.GetRevision()
}

func selection(t fatal, labels, fields string) *watchcache.Selection {
	t.Helper()
	s, err := watchcache.NewSelection(pods, "", labels, fields)
	if err != nil {
		t.Fatalf("selection: %v", err)
	}
	return s
}

func names(p watchcache.Page) map[string]int64 {
	out := map[string]int64{}
	for _, e := range p.Entries {
		out[e.Object.GetMetadata().GetName()] = e.Revision
	}
	return out
}

// closedTick makes Next return at once when there is nothing.
func closedTick() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}

// follower keeps a copy of a selection by a watcher alone.
type follower struct {
	selection *watchcache.Selection
	watcher   *watchcache.Watcher
	have      map[string]int64
	relists   int
}

func (f *follower) list(c *watchcache.Cache) {
	if f.watcher != nil {
		f.watcher.Stop()
	}
	w, page := c.WatchNow(f.selection)
	f.watcher, f.have = w, names(page)
	f.relists++
}

// take applies what the watcher has to say. It complains about events that do not fit what came before.
func (f *follower) take(ctx context.Context, t *rapid.T, c *watchcache.Cache) {
	idle := closedTick()
	for {
		changes, err := f.watcher.Next(ctx, idle)
		if apierror.IsExpired(err) {
			f.list(c)
			continue
		}
		if err != nil {
			t.Fatalf("watch: %v", err)
		}
		if len(changes) == 0 {
			return
		}
		for _, ch := range changes {
			name := ch.Entry.Object.GetMetadata().GetName()
			if v := ch.Entry.Object.GetMetadata().GetResourceVersion(); v != strconv.FormatInt(ch.Entry.Revision, 10) {
				t.Fatalf("%s has resourceVersion %s at revision %d", name, v, ch.Entry.Revision)
			}
			_, there := f.have[name]
			switch {
			case ch.Type == metav1.EventType_EVENT_TYPE_ADDED && !there, ch.Type == metav1.EventType_EVENT_TYPE_MODIFIED && there:
				f.have[name] = ch.Entry.Revision
			case ch.Type == metav1.EventType_EVENT_TYPE_DELETED && there:
				delete(f.have, name)
			default:
				t.Fatalf("%s of %s, which was there: %v", ch.Type, name, there)
			}
		}
	}
}

// Whatever is written, and however far a watcher falls behind, what it is told adds up to what a list shows.
func TestWatchersSeeWhatListsShow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := start(t, raftstore.NewMemory(), watchcache.Config{
			MaxQueue: rapid.IntRange(1, 4).Draw(t, "queue"), MaxEvents: rapid.IntRange(2, 200).Draw(t, "events"),
		})
		defer f.stop()
		var followers []*follower
		for _, s := range [][2]string{{"", ""}, {"app=web", ""}, {"", "spec.nodeName=n1"}, {"app!=web", "spec.nodeName!=n1"}, {"", "metadata.name=a"}} {
			fo := &follower{selection: selection(t, s[0], s[1])}
			fo.list(f.cache)
			followers = append(followers, fo)
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			objects := map[string]*corev1.Pod{}
			for range rapid.IntRange(1, 3).Draw(t, "writes") {
				name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")
				objects[name] = nil
				if rapid.IntRange(0, 3).Draw(t, "delete") > 0 {
					objects[name] = pod(name, rapid.SampledFrom([]string{"", "n1", "n2"}).Draw(t, "node"),
						map[string]string{"app": rapid.SampledFrom([]string{"web", "db"}).Draw(t, "app")})
				}
			}
			write(t, f.store, objects)
			for _, fo := range followers {
				if rapid.Bool().Draw(t, "take") {
					fo.take(f.ctx, t, f.cache)
				}
			}
		}
		if err := f.caches.Fresh(f.ctx); err != nil {
			t.Fatalf("fresh: %v", err)
		}
		for i, fo := range followers {
			fo.take(f.ctx, t, f.cache)
			page := f.cache.List(fo.selection, "", 0)
			if got, want := fmt.Sprint(fo.have), fmt.Sprint(names(page)); got != want {
				t.Fatalf("follower %d has %s, the list shows %s", i, got, want)
			}
			if r, ok := fo.watcher.Bookmark(); !ok || r != page.Revision {
				t.Fatalf("follower %d is at %d (%v), the list at %d", i, r, ok, page.Revision)
			}
			fo.watcher.Stop()
		}
		if n := f.cache.Stats().Watchers; n != 0 {
			t.Fatalf("%d watchers are left", n)
		}
	})
}

func TestAListIsAsFreshAsTheStore(t *testing.T) {
	f := start(t, raftstore.NewMemory(), watchcache.Config{})
	defer f.stop()
	all := selection(t, "", "")
	for i := range 200 {
		revision := write(t, f.store, map[string]*corev1.Pod{"a": pod("a", strconv.Itoa(i), nil)})
		if err := f.caches.Fresh(f.ctx); err != nil {
			t.Fatal(err)
		}
		page := f.cache.List(all, "", 0)
		if len(page.Entries) != 1 || page.Entries[0].Revision != revision || page.Revision < revision {
			t.Fatalf("after the write at %d the list shows %v at %d", revision, names(page), page.Revision)
		}
	}
}

func TestWatchFromARevisionToldBeforeIsExpired(t *testing.T) {
	f := start(t, raftstore.NewMemory(), watchcache.Config{MaxEvents: 5})
	defer f.stop()
	first := write(t, f.store, map[string]*corev1.Pod{"a": pod("a", "", nil)})
	for i := range 10 {
		write(t, f.store, map[string]*corev1.Pod{"a": pod("a", strconv.Itoa(i), nil)})
	}
	if err := f.caches.Fresh(f.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := f.cache.WatchFrom(selection(t, "", ""), first); !apierror.IsExpired(err) {
		t.Errorf("WatchFrom a forgotten revision: %v", err)
	}
	w, err := f.cache.WatchFrom(selection(t, "", ""), f.cache.Stats().OldestResumption)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	changes, err := w.Next(f.ctx, nil)
	if err != nil || len(changes) != 5 {
		t.Errorf("%d changes, %v; want the 5 remembered", len(changes), err)
	}
}

// A revision that changed several objects is told whole to whoever may have seen a part of it.
func TestResumeWithinARevision(t *testing.T) {
	f := start(t, raftstore.NewMemory(), watchcache.Config{})
	defer f.stop()
	revision := write(t, f.store, map[string]*corev1.Pod{"a": pod("a", "", nil), "b": pod("b", "", nil), "c": pod("c", "", nil)})
	write(t, f.store, map[string]*corev1.Pod{"d": pod("d", "", nil)})
	if err := f.caches.Fresh(f.ctx); err != nil {
		t.Fatal(err)
	}
	w, err := f.cache.WatchFrom(selection(t, "", ""), revision)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	if changes, err := w.Next(f.ctx, nil); err != nil || len(changes) != 4 {
		t.Errorf("%d changes, %v; want all 4", len(changes), err)
	}
}

// A server that starts anew lets watches go on from before it started.
func TestHistoryIsReadAtTheStart(t *testing.T) {
	store := raftstore.NewMemory()
	first := write(t, store, map[string]*corev1.Pod{"a": pod("a", "", nil)})
	write(t, store, map[string]*corev1.Pod{"b": pod("b", "", nil)})
	write(t, store, map[string]*corev1.Pod{"a": nil})
	f := start(t, store, watchcache.Config{})
	defer f.stop()
	w, err := f.cache.WatchFrom(selection(t, "", ""), first)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	var got []string
	changes, err := w.Next(f.ctx, nil)
	for _, c := range changes {
		got = append(got, c.Type.String()+" "+c.Entry.Object.GetMetadata().GetName())
	}
	if fmt.Sprint(got) != "[EVENT_TYPE_ADDED b EVENT_TYPE_DELETED a]" || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	// With the history gone, the server starts from what there is.
	st, err := store.Status(f.ctx, &storev1.StatusRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Compact(f.ctx, &storev1.CompactRequest{Revision: st.GetRevision()}); err != nil {
		t.Fatal(err)
	}
	g := start(t, store, watchcache.Config{})
	defer g.stop()
	if _, err := g.cache.WatchFrom(selection(t, "", ""), first); !apierror.IsExpired(err) {
		t.Errorf("WatchFrom a compacted revision: %v", err)
	}
	if got := fmt.Sprint(len(names(g.cache.List(selection(t, "", ""), "", 0)))); got != "1" {
		t.Errorf("%s pods after a start on a compacted store", got)
	}
}

func TestPagesOfOneRevision(t *testing.T) {
	f := start(t, raftstore.NewMemory(), watchcache.Config{})
	defer f.stop()
	for i := range 10 {
		write(t, f.store, map[string]*corev1.Pod{fmt.Sprintf("p%d", i): pod(fmt.Sprintf("p%d", i), "", nil)})
	}
	if err := f.caches.Fresh(f.ctx); err != nil {
		t.Fatal(err)
	}
	all := selection(t, "", "")
	page := f.cache.List(all, "", 4)
	if len(page.Entries) != 4 || page.Remaining != 6 {
		t.Fatalf("%d entries, %d remain", len(page.Entries), page.Remaining)
	}
	next, ok := f.cache.ListAt(all, page.Next, 0, page.Revision)
	if !ok || len(next.Entries) != 6 || next.Entries[0].Object.GetMetadata().GetName() != "p4" {
		t.Fatalf("second page: %v, %d entries", ok, len(next.Entries))
	}
	write(t, f.store, map[string]*corev1.Pod{"p0": nil})
	if err := f.caches.Fresh(f.ctx); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.cache.ListAt(all, page.Next, 0, page.Revision); ok {
		t.Error("the cache claims to know an old revision")
	}
}
