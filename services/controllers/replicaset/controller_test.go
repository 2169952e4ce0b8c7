package replicaset

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client/fake"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/controllers/harness"
	"kaji.dev/kaji/services/controllers/owner"
	"kaji.dev/kaji/services/controllers/podstate"

	"google.golang.org/protobuf/proto"
)

func newSet(name string, n int32) *appsv1.ReplicaSet {
	label := map[string]string{"app": name}
	return &appsv1.ReplicaSet{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: &appsv1.ReplicaSetSpec{
			Replicas: proto.Int32(n),
			Selector: &metav1.LabelSelector{MatchLabels: label},
			Template: &corev1.PodTemplateSpec{Metadata: &metav1.ObjectMeta{Labels: label}, Spec: &corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Image: "i"}}}},
		},
	}
}

func orphan(name, app string) *corev1.Pod {
	return &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{"app": app}}, Spec: &corev1.PodSpec{}}
}

func active(w *harness.World) int {
	n := 0
	for _, p := range harness.List[*corev1.Pod](w, "default") {
		if podstate.Active(p) && owner.Controller(p) != nil {
			n++
		}
	}
	return n
}

func TestScalesUpAndDown(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		w.Node(time.Second, time.Second, nil)
		w.Start(Add)
		harness.Create(w, newSet("web", 7))
		w.Settle(10 * time.Second)
		s := harness.Get[*appsv1.ReplicaSet](w, "default", "web").GetStatus()
		if active(w) != 7 || s.GetReplicas() != 7 || s.GetReadyReplicas() != 7 || s.GetAvailableReplicas() != 7 || s.GetFullyLabeledReplicas() != 7 || s.GetObservedGeneration() != 1 {
			t.Fatalf("%d pods, status %v", active(w), s)
		}
		pod := harness.List[*corev1.Pod](w, "default")[0]
		if !strings.HasPrefix(pod.GetMetadata().GetName(), "web-") || owner.Controller(pod).GetName() != "web" || pod.GetMetadata().GetLabels()["app"] != "web" {
			t.Errorf("pod %v", pod.GetMetadata())
		}
		harness.Edit(w, "default", "web", func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = proto.Int32(2) })
		w.Settle(10 * time.Second)
		s = harness.Get[*appsv1.ReplicaSet](w, "default", "web").GetStatus()
		if active(w) != 2 || s.GetReplicas() != 2 || s.GetTerminatingReplicas() != 0 || s.GetObservedGeneration() != 2 {
			t.Fatalf("%d pods, status %v", active(w), s)
		}
		harness.Delete[*corev1.Pod](w, "default", harness.List[*corev1.Pod](w, "default")[0].GetMetadata().GetName(), "")
		w.Settle(10 * time.Second)
		if active(w) != 2 {
			t.Errorf("%d pods after one was deleted", active(w))
		}
		created := 0
		for _, e := range harness.List[*corev1.Event](w, "default") {
			if e.GetReason() == "SuccessfulCreate" {
				created += int(e.GetCount())
			}
		}
		if created != 8 {
			t.Errorf("%d creations told of, want 8", created)
		}
	})
}

func TestAdoptsAndReleases(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		w.Server.Seed(orphan("one", "web"), orphan("two", "web"), orphan("other", "db"))
		harness.Create(w, newSet("web", 3))
		w.Start(Add)
		w.Settle(time.Second)
		if n := len(harness.List[*corev1.Pod](w, "default")); n != 4 || active(w) != 3 {
			t.Fatalf("%d pods, %d owned", n, active(w))
		}
		rs := harness.Get[*appsv1.ReplicaSet](w, "default", "web")
		if owner.ControllerUID(harness.Get[*corev1.Pod](w, "default", "one")) != rs.GetMetadata().GetUid() {
			t.Error("an orphan that matches was not adopted")
		}
		harness.Edit(w, "default", "one", func(p *corev1.Pod) { p.Metadata.Labels["app"] = "debug" })
		w.Settle(time.Second)
		if owner.Controller(harness.Get[*corev1.Pod](w, "default", "one")) != nil {
			t.Error("a pod that no longer matches was not released")
		}
		if active(w) != 3 {
			t.Errorf("%d owned", active(w))
		}
		harness.Edit(w, "default", "one", func(p *corev1.Pod) { p.Metadata.Labels["app"] = "web" })
		w.Settle(time.Second)
		if active(w) != 3 {
			t.Errorf("%d owned after a fourth came back", active(w))
		}
	})
}

// The cache still shows a replica set that is gone and came again under its name: nothing is adopted for the old one.
func TestAdoptionLooksAtTheAPI(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		w.Server.Seed(newSet("web", 0))
		released := make(chan struct{})
		w.Server.Intercept(func(_ context.Context, c fake.Call) error {
			if c.Verb == metav1.Verb_VERB_GET && c.Name == "web" {
				select {
				case <-released:
				default:
					return apierror.NotFound("replicasets.apps", "default", "web")
				}
			}
			return nil
		})
		w.Start(Add)
		w.Settle(time.Second)
		harness.Create(w, orphan("one", "web"))
		w.Settle(time.Second)
		close(released)
		if owner.Controller(harness.Get[*corev1.Pod](w, "default", "one")) != nil {
			t.Error("adopted for an owner that the API does not have")
		}
	})
}

func TestRefusedTemplateCostsOneCall(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		var mu sync.Mutex
		calls, refuse := 0, true
		w.Server.Intercept(func(_ context.Context, c fake.Call) error {
			mu.Lock()
			defer mu.Unlock()
			if _, pod := c.Object.(*corev1.Pod); pod && c.Verb == metav1.Verb_VERB_CREATE {
				calls++
				if refuse {
					return apierror.Invalid("pods.core", "default", "", []apierror.FieldViolation{{Field: "spec", Description: "bad"}})
				}
			}
			return nil
		})
		w.Start(Add)
		harness.Create(w, newSet("web", 100))
		w.Settle(time.Second)
		mu.Lock()
		if calls > 15 {
			t.Errorf("%d calls within a second", calls)
		}
		mu.Unlock()
		s := harness.Get[*appsv1.ReplicaSet](w, "default", "web").GetStatus()
		if len(s.GetConditions()) != 1 || s.GetConditions()[0].GetType() != "ReplicaFailure" || s.GetConditions()[0].GetReason() != "FailedCreate" {
			t.Errorf("conditions %v", s.GetConditions())
		}
		mu.Lock()
		refuse = false
		mu.Unlock()
		w.Settle(5 * time.Minute)
		s = harness.Get[*appsv1.ReplicaSet](w, "default", "web").GetStatus()
		if active(w) != 100 || len(s.GetConditions()) != 0 {
			t.Errorf("%d pods, conditions %v", active(w), s.GetConditions())
		}
	})
}

func TestMinReadySeconds(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		w.Node(time.Second, time.Second, nil)
		w.Start(Add)
		rs := newSet("web", 2)
		rs.Spec.MinReadySeconds = 30
		harness.Create(w, rs)
		w.Settle(20 * time.Second)
		if s := harness.Get[*appsv1.ReplicaSet](w, "default", "web").GetStatus(); s.GetReadyReplicas() != 2 || s.GetAvailableReplicas() != 0 {
			t.Errorf("after 20 s: %v", s)
		}
		w.Settle(15 * time.Second)
		if s := harness.Get[*appsv1.ReplicaSet](w, "default", "web").GetStatus(); s.GetAvailableReplicas() != 2 {
			t.Errorf("after 35 s: %v", s)
		}
	})
}

// However late the watch of pods is, and whatever becomes of calls, no pod too many is ever made, and none is missing in the end.
func TestStaleCaches(t *testing.T) {
	for seed := range int64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			harness.Run(t, func(w *harness.World) {
				var mu sync.Mutex
				random := rand.New(rand.NewSource(seed))
				want := int32(0)
				faults := true
				w.Server.Intercept(func(_ context.Context, c fake.Call) error {
					mu.Lock()
					roll, on, name := random.Intn(10), faults, random.Int63()
					mu.Unlock()
					switch {
					case !on:
					case c.Verb == metav1.Verb_VERB_WATCH && c.Kind.Name() == "Pod" && roll < 8:
						// The watch stays away for a while: the cache is old.
						time.Sleep(time.Duration(roll) * 300 * time.Millisecond)
					case c.Kind.Name() == "Pod" && c.Verb != metav1.Verb_VERB_WATCH && roll == 0:
						return apierror.Unavailable("away")
					case c.Kind.Name() == "Pod" && c.Verb == metav1.Verb_VERB_CREATE && roll == 1:
						// It takes effect, but the answer is lost.
						w.Server.Seed(seeded(c.Object.(*corev1.Pod), name))
						return apierror.Unavailable("the answer was lost")
					}
					return nil
				})
				w.Start(Add)
				harness.Create(w, newSet("web", 0))
				for range 15 {
					mu.Lock()
					want = int32(random.Intn(12))
					pause, breaks := time.Duration(random.Intn(1500))*time.Millisecond, random.Intn(3) == 0
					mu.Unlock()
					harness.Edit(w, "default", "web", func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = proto.Int32(want) })
					if breaks {
						w.Server.BreakWatches()
					}
					w.Settle(pause)
				}
				mu.Lock()
				faults = false
				mu.Unlock()
				w.Settle(3 * time.Minute)
				if got := active(w); got != int(want) {
					t.Errorf("%d pods, want %d", got, want)
				}
			})
		})
	}
}

func seeded(p *corev1.Pod, n int64) *corev1.Pod {
	p = proto.CloneOf(p)
	kind.Metadata(p).Name = fmt.Sprintf("%s%d", p.GetMetadata().GetGenerateName(), n)
	p.Status = &corev1.PodStatus{Phase: "Pending"}
	return p
}

// With a watch that is late but calls that are answered, the number of pods is never above what was wanted at most.
func TestNeverTooMany(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		var mu sync.Mutex
		created := 0
		w.Server.Intercept(func(_ context.Context, c fake.Call) error {
			if c.Kind.Name() == "Pod" && c.Verb == metav1.Verb_VERB_WATCH {
				time.Sleep(10 * time.Second)
			}
			if c.Kind.Name() == "Pod" && c.Verb == metav1.Verb_VERB_CREATE {
				mu.Lock()
				created++
				mu.Unlock()
			}
			return nil
		})
		w.Start(Add)
		harness.Create(w, newSet("web", 5))
		for i := range 10 {
			// Each edit wakes the controller while its cache shows no pod.
			harness.Edit(w, "default", "web", func(rs *appsv1.ReplicaSet) { rs.Metadata.Annotations = map[string]string{"n": fmt.Sprint(i)} })
			w.Settle(500 * time.Millisecond)
		}
		w.Settle(time.Minute)
		if created != 5 || active(w) != 5 {
			t.Errorf("%d pods created, %d there, want 5", created, active(w))
		}
	})
}

// The store is begun anew from a backup: revisions that the controller remembers do not come again, and it goes on all the same.
func TestRevisionsThatGoBack(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		w.Start(Add)
		harness.Create(w, newSet("web", 3))
		w.Settle(time.Second)
		backup := w.Server.Backup()
		harness.Edit(w, "default", "web", func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = proto.Int32(100) })
		w.Settle(time.Second)
		w.Server.Restore(backup)
		w.Settle(time.Second)
		harness.Edit(w, "default", "web", func(rs *appsv1.ReplicaSet) { rs.Spec.Replicas = proto.Int32(6) })
		w.Settle(time.Second)
		if active(w) > 3 {
			t.Errorf("%d pods at once: it did not wait for what it had written", active(w))
		}
		w.Settle(2 * time.Minute)
		if active(w) != 6 {
			t.Errorf("%d pods in the end", active(w))
		}
	})
}
