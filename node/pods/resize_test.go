package pods

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/pods/plan"
)

// asks gives a pod's container requests and limits of that much.
func asks(cpu, memory string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		list := func() map[string]*metav1.Quantity {
			return map[string]*metav1.Quantity{"cpu": {String_: cpu}, "memory": {String_: memory}}
		}
		p.Spec.Containers[0].Resources = &corev1.ResourceRequirements{Requests: list(), Limits: list()}
	}
}

// resize tells the agent of the pod with other resources, as the API has it then.
func (w *world) resize(p *corev1.Pod, cpu, memory string) *corev1.Pod {
	next := proto.CloneOf(p)
	asks(cpu, memory)(next)
	w.mu.Lock()
	next.Status = w.status[p.GetMetadata().GetUid()]
	w.mu.Unlock()
	next.Metadata.Generation++
	w.Set(next)
	return next
}

// has tells whether the pod's status says that all is done, and the runtime has it so.
func (w *world) has(uid, cpu, memory string, shares, limit int64) func() bool {
	return func() bool {
		st := w.status[uid]
		c := st.GetContainerStatuses()[0]
		r := w.runtime.Resources(strings.TrimPrefix(c.GetContainerId(), "fake://"))
		return c.GetAllocatedResources()["cpu"].GetString_() == cpu && c.GetResources().GetLimits()["memory"].GetString_() == memory && c.GetState().GetRunning() != nil &&
			pending(st) == "" && !slices.ContainsFunc(st.GetConditions(), func(c *corev1.PodCondition) bool { return c.GetType() == "PodResizeInProgress" }) &&
			r.CPUShares == shares && r.MemoryLimit == limit
	}
}

func pending(st *corev1.PodStatus) string {
	if r := plan.Refused(st); r != nil {
		return r.Reason
	}
	return ""
}

func (w *world) pending(uid, reason string) func() bool {
	return func() bool { return pending(w.status[uid]) == reason }
}

func TestResize(t *testing.T) {
	w := newWorld(t, 20)
	p, other := podOf("u", asks("1", "64Mi")), podOf("v", asks("2", "64Mi"))
	w.Set(p)
	if w.Listed([]*corev1.Pod{p, other}) {
		t.Error("not all pods were told of")
	}
	w.Set(other)
	if !w.Listed([]*corev1.Pod{p, other}) {
		t.Error("all pods were told of")
	}
	w.await("running", w.running("u"))
	w.await("running", w.running("v"))

	refuse := true
	w.runtime.Intercept(func(op, id string) error {
		if op == "UpdateContainerResources" && refuse {
			refuse = false // one call after another: only one container is resized
			return cri.NewError(op, id, codes.Unknown, "device or resource busy")
		}
		return nil
	})
	p = w.resize(p, "2", "128Mi")
	w.await("resized at the second try", w.has("u", "2", "128Mi", 2048, 128<<20))

	p = w.resize(p, "3", "128Mi")
	w.await("deferred", w.pending("u", plan.Deferred))
	w.crash() // the next agent knows it from the API
	w.mu.Lock()
	p.Status, other.Status = w.status["u"], w.status["v"]
	w.mu.Unlock()
	w.start()
	w.Set(p)
	w.Set(other)
	w.Listed(nil)
	w.await("as before", w.pending("u", plan.Deferred))
	w.finish(other)
	w.await("resized once there is room", w.has("u", "3", "128Mi", 3072, 128<<20))

	p = w.resize(p, "5", "128Mi")
	w.await("infeasible", w.pending("u", plan.Infeasible))
	p = w.resize(p, "1", "32Mi")
	w.await("shrunk", w.has("u", "1", "32Mi", 1024, 32<<20))
	if n := w.runtime.Calls("CreateContainer"); n != 2 {
		t.Errorf("%d containers were made, not 2", n)
	}
	w.finish(p)
	w.empty()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, reason := range []string{"ResizeStarted", "ResizeError", "ResizeCompleted", "ResizeDeferred", "ResizeInfeasible"} {
		if !slices.ContainsFunc(w.events, func(e string) bool { return strings.HasPrefix(e, " "+reason+":") }) {
			t.Errorf("no event %s in %q", reason, w.events)
		}
	}
}

func TestLedger(t *testing.T) {
	w := newWorld(t, 1)
	l := w.ledger
	amounts := func(cpu int64) map[string]int64 { return map[string]int64{"cpu": cpu, "memory": 1} }
	if r, ok := l.ask("a", amounts(1), amounts(2)); ok || r != nil {
		t.Error("answers before it is complete")
	}
	l.ready(nil)
	l.hold("b", amounts(3000))
	for _, c := range []struct {
		name     string
		from, to int64
		want     string
	}{
		{"more than there is now", 500, 1001, plan.Deferred},
		{"more than there is at all", 500, 4001, plan.Infeasible},
		{"less, though the node is overfull", 5000, 4500, ""},
		{"all that is left", 500, 1000, ""},
	} {
		got := ""
		r, ok := l.ask("a", amounts(c.from), amounts(c.to))
		if r != nil {
			got = r.Reason
		}
		if got != c.want || ok != (c.want == "") {
			t.Errorf("%s: %q, %v", c.name, got, ok)
		}
	}
	if _, ok := l.ask("c", amounts(0), amounts(1)); ok {
		t.Error("what was given away is given again")
	}
	l.release("b")
	if _, ok := l.ask("c", amounts(0), amounts(1)); !ok {
		t.Error("what was given back is not given again")
	}
}
