package garbagecollector_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client/fake"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/controllers/garbagecollector"
	"kaji.dev/kaji/services/controllers/harness"
	"kaji.dev/kaji/services/controllers/owner"
)

// family makes a Deployment, a ReplicaSet of it, and two pods of that.
func family(w *harness.World) {
	template := &corev1.PodTemplateSpec{Spec: &corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Image: "i"}}}}
	d := harness.Create(w, &appsv1.Deployment{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "d"}, Spec: &appsv1.DeploymentSpec{Template: template}})
	rs := harness.Create(w, &appsv1.ReplicaSet{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "rs", OwnerReferences: []*metav1.OwnerReference{owner.Reference(d)}}})
	for _, n := range []string{"p1", "p2"} {
		harness.Create(w, &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: n, OwnerReferences: []*metav1.OwnerReference{owner.Reference(rs)}}, Spec: template.GetSpec()})
	}
}

func there(w *harness.World) []string {
	var out []string
	add := func(o kind.Object) { out = append(out, o.GetMetadata().GetName()) }
	for _, o := range harness.List[*appsv1.Deployment](w, "default") {
		add(o)
	}
	for _, o := range harness.List[*appsv1.ReplicaSet](w, "default") {
		add(o)
	}
	for _, o := range harness.List[*corev1.Pod](w, "default") {
		add(o)
	}
	slices.Sort(out)
	return out
}

func TestPropagation(t *testing.T) {
	for policy, c := range map[string]struct{ soon, end []string }{
		"Background": {[]string{"p1", "p2"}, nil},
		"Foreground": {[]string{"d", "p1", "p2", "rs"}, nil},
		"Orphan":     {[]string{"p1", "p2", "rs"}, []string{"p1", "p2", "rs"}},
	} {
		t.Run(policy, func(t *testing.T) {
			harness.Run(t, func(w *harness.World) {
				family(w)
				w.Node(time.Second, 10*time.Second, nil)
				w.Start(garbagecollector.Add)
				w.Settle(5 * time.Second)
				if got := there(w); !slices.Equal(got, []string{"d", "p1", "p2", "rs"}) {
					t.Fatalf("before: %v", got)
				}
				harness.Delete[*appsv1.Deployment](w, "default", "d", policy)
				w.Settle(5 * time.Second)
				if got := there(w); !slices.Equal(got, c.soon) {
					t.Errorf("soon after: %v, want %v", got, c.soon)
				}
				w.Settle(time.Minute)
				if got := there(w); !slices.Equal(got, c.end) {
					t.Errorf("in the end: %v, want %v", got, c.end)
				}
				if policy == "Orphan" {
					if refs := harness.Get[*appsv1.ReplicaSet](w, "default", "rs").GetMetadata().GetOwnerReferences(); len(refs) != 0 {
						t.Errorf("the orphan still names %v", refs)
					}
				}
			})
		})
	}
}

// The caches do not show a dependent yet when its owner is orphaned: it stays all the same.
func TestOrphaningSeesWhatCachesDoNot(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		family(w)
		var late atomic.Bool
		w.Server.Intercept(func(ctx context.Context, call fake.Call) error {
			if call.Verb == metav1.Verb_VERB_WATCH && call.Kind.Name() == "Pod" && late.Load() {
				time.Sleep(30 * time.Second)
			}
			return nil
		})
		w.Start(garbagecollector.Add)
		w.Settle(time.Second)
		late.Store(true)
		w.Server.BreakWatches()
		w.Settle(time.Second)
		rs := harness.Get[*appsv1.ReplicaSet](w, "default", "rs")
		harness.Create(w, &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "p3", OwnerReferences: []*metav1.OwnerReference{owner.Reference(rs)}}})
		harness.Delete[*appsv1.ReplicaSet](w, "default", "rs", "Orphan")
		w.Settle(5 * time.Minute)
		if got := there(w); !slices.Equal(got, []string{"d", "p1", "p2", "p3"}) {
			t.Errorf("left: %v", got)
		}
	})
}

// What went while nobody watched is found by the full pass.
func TestCollectsAfterARestart(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		family(w)
		harness.Delete[*appsv1.Deployment](w, "default", "d", "Background")
		w.Node(time.Second, time.Second, nil)
		w.Start(garbagecollector.Add)
		w.Settle(time.Minute)
		if got := there(w); len(got) != 0 {
			t.Errorf("left: %v", got)
		}
	})
}

func TestOneLivingOwnerIsEnough(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		a := harness.Create(w, &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "a"}})
		b := harness.Create(w, &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "b"}})
		refs := []*metav1.OwnerReference{owner.Reference(a), owner.Reference(b)}
		refs[0].Controller, refs[1].Controller = nil, nil
		harness.Create(w, &corev1.Secret{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "s", OwnerReferences: refs}})
		w.Start(garbagecollector.Add)
		w.Settle(time.Second)
		harness.Delete[*corev1.ConfigMap](w, "default", "a", "")
		w.Settle(time.Second)
		left := harness.Get[*corev1.Secret](w, "default", "s").GetMetadata().GetOwnerReferences()
		if len(left) != 1 || left[0].GetUid() != b.GetMetadata().GetUid() {
			t.Errorf("references %v", left)
		}
		// A new object of the old owner's name is not the owner.
		harness.Delete[*corev1.ConfigMap](w, "default", "b", "")
		harness.Create(w, &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "b"}})
		w.Settle(time.Second)
		if got := harness.List[*corev1.Secret](w, "default"); len(got) != 0 {
			t.Errorf("the secret outlived its owners: %v", got)
		}
	})
}

func TestUnknownOwnersAreLeftAlone(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		harness.Create(w, &corev1.Secret{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "s", OwnerReferences: []*metav1.OwnerReference{
			{ApiVersion: "example.com/v1", Kind: "Thing", Name: "x", Uid: "1"},
		}}})
		w.Start(garbagecollector.Add)
		w.Settle(time.Minute)
		if got := harness.List[*corev1.Secret](w, "default"); len(got) != 1 {
			t.Error("deleted for want of an owner of a kind we do not know")
		}
	})
}

// While the API server cannot say whether the owner is there, nothing is deleted.
func TestNothingGoesOnDoubt(t *testing.T) {
	harness.Run(t, func(w *harness.World) {
		harness.Create(w, &corev1.Secret{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "s", OwnerReferences: []*metav1.OwnerReference{
			{ApiVersion: "v1", Kind: "ConfigMap", Name: "gone", Uid: "1", BlockOwnerDeletion: proto.Bool(true)},
		}}})
		var doubt atomic.Bool
		doubt.Store(true)
		w.Server.Intercept(func(_ context.Context, call fake.Call) error {
			if call.Verb == metav1.Verb_VERB_GET && call.Name == "gone" && doubt.Load() {
				return apierror.Unavailable("no")
			}
			return nil
		})
		w.Start(garbagecollector.Add)
		w.Settle(10 * time.Second)
		if got := harness.List[*corev1.Secret](w, "default"); len(got) != 1 {
			t.Fatal("deleted on doubt")
		}
		doubt.Store(false)
		w.Settle(2 * time.Minute)
		if got := harness.List[*corev1.Secret](w, "default"); len(got) != 0 {
			t.Error("not deleted when the owner is known to be gone")
		}
	})
}
