package deployment

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client/fake"
	"kaji.dev/kaji/services/controllers/harness"
	"kaji.dev/kaji/services/controllers/owner"
	"kaji.dev/kaji/services/controllers/podstate"
	"kaji.dev/kaji/services/controllers/replicaset"

	"google.golang.org/protobuf/proto"
)

func web(w *harness.World) *appsv1.Deployment {
	return harness.Get[*appsv1.Deployment](w, "default", "web")
}

// sizes tells the replica sets by image: v1=3 v2=0.
func sizes(w *harness.World) string {
	m := map[string]string{}
	for _, rs := range harness.List[*appsv1.ReplicaSet](w, "default") {
		image := rs.GetSpec().GetTemplate().GetSpec().GetContainers()[0].GetImage()
		m[image] += fmt.Sprintf("%s=%d", image, size(rs))
	}
	var all []string
	for _, image := range []string{"v1", "v2", "v3", "bad"} {
		if m[image] != "" {
			all = append(all, m[image])
		}
	}
	return strings.Join(all, " ")
}

func condition(d *appsv1.Deployment, name string) *appsv1.DeploymentCondition {
	return (&conditions{list: d.GetStatus().GetConditions()}).get(name)
}

func setImage(w *harness.World, image string) {
	harness.Edit(w, "default", "web", func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = image })
}

func good(p *corev1.Pod) bool { return p.GetSpec().GetContainers()[0].GetImage() != "bad" }

// begin runs a deployment of n replicas until it is complete.
func begin(w *harness.World, d *appsv1.Deployment) {
	w.T.Helper()
	w.Node(2*time.Second, time.Second, good)
	w.Start(Add, replicaset.Add)
	d.Spec.ProgressDeadlineSeconds = proto.Int32(60)
	harness.Create(w, d)
	w.Settle(30 * time.Second)
	if got := web(w); condition(got, conditionProgressing).GetReason() != reasonNewAvailable || condition(got, conditionAvailable).GetStatus() != "True" ||
		got.GetStatus().GetAvailableReplicas() != wanted(d) || got.GetStatus().GetObservedGeneration() != got.GetMetadata().GetGeneration() {
		w.T.Fatalf("not complete: %v", got.GetStatus())
	}
}

func TestRollsOutAndBack(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		begin(w, newDeployment(4, integer(1), integer(1)))
		if got := web(w).GetMetadata().GetAnnotations()[revisionAnnotation]; got != "1" {
			t.Errorf("revision %s", got)
		}
		rs := harness.List[*appsv1.ReplicaSet](w, "default")[0]
		hash := rs.GetMetadata().GetLabels()[hashLabel]
		if hash == "" || rs.GetMetadata().GetName() != "web-"+hash || rs.GetSpec().GetSelector().GetMatchLabels()[hashLabel] != hash || rs.GetSpec().GetTemplate().GetMetadata().GetLabels()[hashLabel] != hash {
			t.Errorf("replica set %v", rs)
		}
		setImage(w, "v2")
		w.Settle(time.Minute)
		if got := sizes(w); got != "v1=0 v2=4" {
			t.Fatalf("after the update: %s", got)
		}
		d := web(w)
		if d.GetMetadata().GetAnnotations()[revisionAnnotation] != "2" || condition(d, conditionProgressing).GetReason() != reasonNewAvailable || d.GetStatus().GetUpdatedReplicas() != 4 {
			t.Errorf("after the update: %v", d)
		}
		// Undo: the old template becomes the new one, under a revision that is new.
		setImage(w, "v1")
		w.Settle(time.Minute)
		if got := sizes(w); got != "v1=4 v2=0" {
			t.Fatalf("after the undo: %s", got)
		}
		if got := web(w).GetMetadata().GetAnnotations()[revisionAnnotation]; got != "3" {
			t.Errorf("revision %s", got)
		}
		if got := harness.Get[*appsv1.ReplicaSet](w, "default", rs.GetMetadata().GetName()).GetMetadata().GetAnnotations(); got[revisionAnnotation] != "3" || got[revisionHistoryAnnotation] != "1" {
			t.Errorf("annotations %v", got)
		}
	})
}

// While an update rolls, pods are never fewer or more than the strategy allows.
func TestUpdateKeepsItsBounds(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		begin(w, newDeployment(10, percent(25), percent(25)))
		setImage(w, "v2")
		for range 600 {
			w.Settle(100 * time.Millisecond)
			all, available := 0, 0
			for _, p := range harness.List[*corev1.Pod](w, "default") {
				if podstate.Active(p) {
					all++
					if podstate.Ready(p) {
						available++
					}
				}
			}
			if all > 13 || available < 8 {
				t.Fatalf("%d pods, %d available", all, available)
			}
		}
		if got := sizes(w); got != "v1=0 v2=10" {
			t.Errorf("ended at %s", got)
		}
	})
}

func TestBadTemplateTimesOut(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		begin(w, newDeployment(4, integer(1), integer(1)))
		setImage(w, "bad")
		w.Settle(30 * time.Second)
		if got := condition(web(w), conditionProgressing); got.GetStatus() != "True" || got.GetReason() != reasonUpdated && got.GetReason() != reasonCreated {
			t.Errorf("while it tries: %v", got)
		}
		w.Settle(90 * time.Second)
		d := web(w)
		if got := condition(d, conditionProgressing); got.GetStatus() != "False" || got.GetReason() != reasonTimedOut {
			t.Errorf("after the deadline: %v", got)
		}
		if got := sizes(w); got != "v1=3 bad=2" || condition(d, conditionAvailable).GetStatus() != "True" {
			t.Errorf("stands at %s, %v", got, condition(d, conditionAvailable))
		}
		setImage(w, "v2")
		w.Settle(time.Minute)
		if got := condition(web(w), conditionProgressing); got.GetReason() != reasonNewAvailable {
			t.Errorf("after the fix: %v", got)
		}
	})
}

func TestRecreateEndsOldPodsFirst(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		d := newDeployment(3, nil, nil)
		d.Spec.Strategy = &appsv1.DeploymentStrategy{Type: strategyRecreate}
		begin(w, d)
		setImage(w, "v2")
		for range 300 {
			w.Settle(50 * time.Millisecond)
			images := map[string]bool{}
			for _, p := range harness.List[*corev1.Pod](w, "default") {
				images[p.GetSpec().GetContainers()[0].GetImage()] = true
			}
			if len(images) > 1 {
				t.Fatal("old and new pods at once")
			}
		}
		if got := sizes(w); got != "v1=0 v2=3" {
			t.Errorf("ended at %s", got)
		}
		if got := condition(web(w), conditionProgressing); got.GetReason() != reasonNewAvailable {
			t.Errorf("condition %v", got)
		}
	})
}

func TestPausedDeploymentScalesButDoesNotRoll(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		begin(w, newDeployment(4, integer(1), integer(1)))
		harness.Edit(w, "default", "web", func(d *appsv1.Deployment) {
			d.Spec.Paused = true
			d.Spec.Template.Spec.Containers[0].Image = "v2"
			d.Spec.Replicas = proto.Int32(6)
		})
		w.Settle(2 * time.Minute)
		if got := sizes(w); got != "v1=6" {
			t.Errorf("while paused: %s", got)
		}
		if got := condition(web(w), conditionProgressing); got.GetStatus() != "Unknown" || got.GetReason() != reasonPaused {
			t.Errorf("while paused: %v", got)
		}
		harness.Edit(w, "default", "web", func(d *appsv1.Deployment) { d.Spec.Paused = false })
		w.Settle(time.Minute)
		if got := sizes(w); got != "v1=0 v2=6" {
			t.Errorf("after it was resumed: %s", got)
		}
		if got := condition(web(w), conditionProgressing); got.GetReason() != reasonNewAvailable {
			t.Errorf("after it was resumed: %v", got)
		}
	})
}

func TestHistoryIsCleaned(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		d := newDeployment(2, integer(1), integer(0))
		d.Spec.RevisionHistoryLimit = proto.Int32(1)
		begin(w, d)
		setImage(w, "v2")
		w.Settle(time.Minute)
		setImage(w, "v3")
		w.Settle(time.Minute)
		if got := sizes(w); got != "v2=0 v3=2" {
			t.Errorf("history %s", got)
		}
	})
}

func TestCollisionsAreCounted(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		d := newDeployment(2, integer(1), integer(0))
		taken, err := newSet(rollout{d: d})
		if err != nil {
			t.Fatal(err)
		}
		taken.Metadata.OwnerReferences = nil
		taken.Metadata.Labels, taken.Spec.Selector.MatchLabels = map[string]string{"app": "other"}, map[string]string{"app": "other"}
		taken.Spec.Template = template("other")
		taken.Spec.Template.Metadata.Labels = map[string]string{"app": "other"}
		harness.Create(w, taken)
		begin(w, d)
		if got := web(w).GetStatus().GetCollisionCount(); got != 1 {
			t.Errorf("%d collisions", got)
		}
	})
}

func TestAdoptsReplicaSets(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		d := newDeployment(2, integer(1), integer(0))
		orphan, err := newSet(rollout{d: d})
		if err != nil {
			t.Fatal(err)
		}
		orphan.Metadata.OwnerReferences, orphan.Metadata.Name = nil, "left-over"
		harness.Create(w, orphan)
		begin(w, d)
		sets := harness.List[*appsv1.ReplicaSet](w, "default")
		if len(sets) != 1 || owner.ControllerUID(sets[0]) != web(w).GetMetadata().GetUid() {
			t.Errorf("replica sets %v", sets)
		}
		if got := condition(web(w), conditionProgressing); got.GetReason() != reasonNewAvailable {
			t.Errorf("condition %v", got)
		}
	})
}

// Late watches, failing and lost calls: the update ends right, and a template never has two replica sets.
func TestUpdateUnderFaults(t *testing.T) {
	for seed := range 8 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			harness.Run(t, func(w *harness.World) {
				begin(w, newDeployment(5, integer(2), integer(1)))
				var mu sync.Mutex
				n, on := seed, true
				w.Server.Intercept(func(_ context.Context, c fake.Call) error {
					mu.Lock()
					n = (n*1103515245 + 12345) & 0x7fffffff
					roll, faults := (n>>8)%12, on
					mu.Unlock()
					switch {
					case !faults || c.Kind.Name() == "Pod" && c.Verb == metav1.Verb_VERB_UPDATE:
					case c.Verb == metav1.Verb_VERB_WATCH:
						time.Sleep(time.Duration(roll) * 100 * time.Millisecond)
					case roll == 0:
						return apierror.Unavailable("away")
					case roll == 1 && (c.Verb == metav1.Verb_VERB_UPDATE || c.Verb == metav1.Verb_VERB_CREATE):
						return apierror.Conflict(c.Kind.String(), c.Namespace, c.Name, "")
					}
					return nil
				})
				mu.Lock()
				on = false
				mu.Unlock()
				setImage(w, "v2")
				mu.Lock()
				on = true
				mu.Unlock()
				for range 20 {
					w.Settle(2 * time.Second)
					w.Server.BreakWatches()
				}
				mu.Lock()
				on = false
				mu.Unlock()
				w.Settle(3 * time.Minute)
				if got := sizes(w); got != "v1=0 v2=5" {
					for _, rs := range harness.List[*appsv1.ReplicaSet](w, "default") {
						t.Logf("%s: %v, %v", rs.GetMetadata().GetName(), size(rs), rs.GetStatus())
					}
					for _, p := range harness.List[*corev1.Pod](w, "default") {
						t.Logf("%s: %v", p.GetMetadata().GetName(), p.GetStatus())
					}
					t.Errorf("ended at %s", got)
				}
			})
		})
	}
}
