package status

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

type bench struct {
	t    *testing.T
	api  *fake.Server
	pods *client.Resource[*corev1.Pod]
	*Writer
	unknown string // the uid of a pod that the agent has heard the end of
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, api: fake.NewServer()}
	b.pods = client.Of[*corev1.Pod](b.api.Client())
	b.Writer = New(b.pods, func(c string) bool { return c == "Ready" }, func(uid string) bool { return uid != b.unknown }, hclog.NewNullLogger())
	return b
}

func (b *bench) run() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { b.Run(ctx, 2) })
	b.t.Cleanup(func() { cancel(); wg.Wait() })
}

func (b *bench) create(name string) *corev1.Pod {
	b.t.Helper()
	p, err := b.pods.Create(context.Background(), &corev1.Pod{Metadata: &metav1.ObjectMeta{Name: name, Namespace: "default"}, Spec: &corev1.PodSpec{NodeName: "n"}})
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// await watches a pod until it is as wanted; nil is gone.
func (b *bench) await(name, what string, ok func(*corev1.Pod) bool) *corev1.Pod {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	w, err := b.pods.Watch(ctx, "default", &metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		b.t.Fatal(err)
	}
	defer w.Stop()
	p, err := b.pods.Get(ctx, "default", name)
	if err != nil {
		p = nil
	}
	for !ok(p) {
		e, err := w.Recv()
		if err != nil {
			b.t.Fatalf("not %s: %v %v", what, err, p)
		}
		if p = e.Object; e.Type == metav1.EventType_EVENT_TYPE_DELETED {
			p = nil
		}
	}
	return p
}

func phase(want string) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool { return p.GetStatus().GetPhase() == want }
}

func conditionsOf(p *corev1.Pod) map[string]string {
	out := map[string]string{}
	for _, c := range p.GetStatus().GetConditions() {
		out[c.GetType()] = c.GetStatus()
	}
	return out
}

func TestStatusIsWrittenAndOthersConditionsKept(t *testing.T) {
	b := newBench(t)
	b.run()
	p := b.create("a")
	// Another writer adds a condition; the agent still knows the pod without it.
	changed, err := b.pods.Get(context.Background(), "default", "a")
	if err != nil {
		t.Fatal(err)
	}
	changed.Status = &corev1.PodStatus{Conditions: []*corev1.PodCondition{{Type: "Gate", Status: "True"}}, NominatedNodeName: "x"}
	if _, err := b.pods.UpdateStatus(context.Background(), changed); err != nil {
		t.Fatal(err)
	}
	b.Status(p, &corev1.PodStatus{Phase: "Running", Conditions: []*corev1.PodCondition{{Type: "Ready", Status: "True"}, {Type: "Gate", Status: "False"}}})
	got := b.await("a", "running", phase("Running"))
	if c := conditionsOf(got); c["Ready"] != "True" || c["Gate"] != "True" || len(c) != 2 || got.GetStatus().GetNominatedNodeName() != "x" {
		t.Errorf("%v", got.GetStatus())
	}
}

func TestNothingIsWrittenThatIsThere(t *testing.T) {
	b := newBench(t)
	p := b.create("a")
	b.run()
	b.Status(p, &corev1.PodStatus{Phase: "Running"})
	p = b.await("a", "running", phase("Running"))
	before := b.api.Revision()
	b.Status(p, &corev1.PodStatus{Phase: "Running"})
	b.Status(b.create("b"), &corev1.PodStatus{Phase: "Failed"})
	b.await("b", "failed", phase("Failed"))
	if after := b.api.Revision(); after != before+2 {
		t.Errorf("%d writes, want the two of the other pod", after-before)
	}
}

func TestOnlyTheLastStatusCounts(t *testing.T) {
	b := newBench(t)
	p := b.create("a")
	for _, ph := range []string{"Pending", "Running", "Failed"} { // before anyone writes
		b.Status(p, &corev1.PodStatus{Phase: ph})
	}
	before := b.api.Revision()
	b.run()
	b.await("a", "failed", phase("Failed"))
	if n := b.api.Revision() - before; n != 1 {
		t.Errorf("%d writes", n)
	}
}

func TestWritesAreTriedAgain(t *testing.T) {
	b := newBench(t)
	var mu sync.Mutex
	failures := 3
	b.api.Intercept(func(_ context.Context, c fake.Call) error {
		mu.Lock()
		defer mu.Unlock()
		if c.Subresource == "status" && failures > 0 {
			failures--
			return apierror.Unavailable("not now")
		}
		return nil
	})
	b.run()
	b.Status(b.create("a"), &corev1.PodStatus{Phase: "Running"})
	b.await("a", "running", phase("Running"))
}

func TestTheLastStatusComesBeforeTheDeletion(t *testing.T) {
	b := newBench(t)
	p := b.create("a")
	var mu sync.Mutex
	var calls []string
	b.api.Intercept(func(_ context.Context, c fake.Call) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case c.Subresource == "status":
			calls = append(calls, "status")
		case c.Verb == metav1.Verb_VERB_DELETE:
			calls = append(calls, "delete")
		}
		return nil
	})
	b.Finished(p)
	b.Status(p, &corev1.PodStatus{Phase: "Failed"})
	b.run()
	b.await("a", "gone", func(p *corev1.Pod) bool { return p == nil })
	mu.Lock()
	defer mu.Unlock()
	if len(calls) != 2 || calls[0] != "status" || calls[1] != "delete" {
		t.Errorf("%v", calls)
	}
}

func TestAnotherPodOfTheSameNameIsLeftAlone(t *testing.T) {
	b := newBench(t)
	old := b.create("a")
	zero := int64(0)
	if err := b.pods.Delete(context.Background(), "default", "a", &metav1.DeleteOptions{GracePeriodSeconds: &zero}); err != nil {
		t.Fatal(err)
	}
	b.create("a")
	b.Status(old, &corev1.PodStatus{Phase: "Failed"})
	b.Finished(old)
	// Both are worked off by one worker, in order: when the second is written the first has been.
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { b.Run(ctx, 1); close(done) }()
	defer func() { cancel(); <-done }()
	b.Status(b.create("b"), &corev1.PodStatus{Phase: "Running"})
	b.await("b", "running", phase("Running"))
	p, err := b.pods.Get(context.Background(), "default", "a")
	if err != nil || p.GetStatus().GetPhase() == "Failed" {
		t.Errorf("%v %v", p, err)
	}
}

func TestAPodThatIsGoneIsNotTriedForEver(t *testing.T) {
	b := newBench(t)
	p := b.create("a")
	b.unknown = p.GetMetadata().GetUid()
	b.api.Intercept(func(_ context.Context, c fake.Call) error {
		if c.Name == "a" && c.Subresource == "status" {
			return apierror.Forbidden("the pod is not bound to this node")
		}
		return nil
	})
	b.Status(p, &corev1.PodStatus{Phase: "Running"})
	b.settle(b.unknown, b.write(context.Background(), b.unknown))
	if len(b.wanted) != 0 || b.queue.NumRequeues(b.unknown) != 0 {
		t.Errorf("still wanted: %v", b.wanted)
	}
}
