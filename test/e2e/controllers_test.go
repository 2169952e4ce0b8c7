package e2e

import (
	"fmt"
	"strings"
	"testing"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// TestControllers is what becomes of Deployments, ReplicaSets and namespaces, on one cluster.
func TestControllers(t *testing.T) {
	newRig(t).each(t, map[string]func(*rig){
		"cascade": cascade, "recreate": recreate, "paused": paused, "bad image": badImage, "adoption": adoption,
		"scale down": scaleDown, "namespace": namespaceEmpties,
	})
}

// deployment is a manifest of a Deployment with a label app of its name; more goes into its spec.
func deployment(name string, replicas int, more string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, labels: {app: %[1]s}}
spec:
  replicas: %[2]d
  %[3]s
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: IMAGE, command: [sleep, "1000"]}]
`, name, replicas, more)
}

// podsOf are the pods with that label app, by uid.
func (r *rig) podsOf(app string) map[string]*corev1.Pod {
	r.t.Helper()
	items, _, err := client.Of[*corev1.Pod](r.api).List(r.t.Context(), "default", &metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]*corev1.Pod{}
	for _, p := range items {
		out[p.GetMetadata().GetUid()] = p
	}
	return out
}

// setsOf are the ReplicaSets with that label app.
func (r *rig) setsOf(app string) []*appsv1.ReplicaSet {
	r.t.Helper()
	items, _, err := client.Of[*appsv1.ReplicaSet](r.api).List(r.t.Context(), "default", &metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		r.t.Fatal(err)
	}
	return items
}

// count waits for so many ReplicaSets and pods.
func (r *rig) count(app string, sets, pods int) {
	r.t.Helper()
	until(r.t, fmt.Sprintf("%s has %d ReplicaSets and %d pods", app, sets, pods), func() error {
		if s, p := len(r.setsOf(app)), len(r.podsOf(app)); s != sets || p != pods {
			return fmt.Errorf("%d and %d", s, p)
		}
		return nil
	})
}

func same(a, b map[string]*corev1.Pod) bool {
	for uid := range a {
		if b[uid] == nil {
			return false
		}
	}
	return len(a) == len(b)
}

func cascade(r *rig) {
	r.run(deployment("cascade", 2, ""))
	r.kaji("rollout", "status", "deployment/cascade", "--timeout=2m")
	before := r.podsOf("cascade")
	r.kaji("delete", "deployment", "cascade", "--cascade=orphan")
	sets := r.setsOf("cascade")
	if len(sets) != 1 || len(sets[0].GetMetadata().GetOwnerReferences()) != 0 || sets[0].GetMetadata().GetDeletionTimestamp() != nil {
		r.t.Fatalf("orphaned: %v", sets)
	}
	// The Deployment that comes again takes its ReplicaSet and pods back as they are.
	r.run(deployment("cascade", 2, ""))
	r.kaji("rollout", "status", "deployment/cascade", "--timeout=2m")
	if again := r.setsOf("cascade"); len(again) != 1 || again[0].GetMetadata().GetUid() != sets[0].GetMetadata().GetUid() || len(again[0].GetMetadata().GetOwnerReferences()) != 1 {
		r.t.Errorf("adopted: %v", again)
	}
	if now := r.podsOf("cascade"); !same(before, now) {
		r.t.Errorf("pods are %v, were %v", now, before)
	}
	// Foreground: the Deployment goes last.
	r.kaji("delete", "deployment", "cascade", "--cascade=foreground")
	if s, p := r.setsOf("cascade"), r.podsOf("cascade"); len(s) != 0 || len(p) != 0 {
		r.t.Errorf("a Deployment deleted in the foreground is gone before %d ReplicaSets and %d pods", len(s), len(p))
	}
	// Background: it goes first, the others follow.
	r.run(deployment("background", 2, ""))
	r.kaji("rollout", "status", "deployment/background", "--timeout=2m")
	r.kaji("delete", "deployment", "background")
	r.count("background", 0, 0)
}

func recreate(r *rig) {
	r.run(deployment("recreate", 2, "strategy: {type: Recreate}"))
	r.kaji("rollout", "status", "deployment/recreate", "--timeout=2m")
	before := r.podsOf("recreate")
	watch, err := client.Of[*corev1.Pod](r.api).Watch(r.t.Context(), "default", &metav1.ListOptions{LabelSelector: "app=recreate"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.kaji("set", "env", "deployment/recreate", "X=1")
	old, fresh := len(before), 0
	for fresh < 2 {
		e, err := watch.Recv()
		if err != nil {
			r.t.Fatal(err)
		}
		mine := before[e.Object.GetMetadata().GetUid()] != nil
		switch {
		case mine && e.Type == metav1.EventType_EVENT_TYPE_DELETED:
			old--
		case !mine && e.Type == metav1.EventType_EVENT_TYPE_ADDED:
			fresh++
			if old != 0 {
				r.t.Errorf("a new pod while %d old ones are there", old)
			}
		}
	}
	r.kaji("rollout", "status", "deployment/recreate", "--timeout=2m")
	r.kaji("delete", "deployment", "recreate")
}

func paused(r *rig) {
	r.run(deployment("paused", 1, ""))
	r.kaji("rollout", "status", "deployment/paused", "--timeout=2m")
	before := r.podsOf("paused")
	r.kaji("rollout", "pause", "deployment/paused")
	r.kaji("set", "env", "deployment/paused", "X=1")
	// Scaling goes on while the template rests.
	r.kaji("scale", "deployment/paused", "--replicas=2")
	r.count("paused", 1, 2)
	r.fails(1, []string{"paused", "rollout resume"}, "rollout", "status", "deployment/paused", "--timeout=1s")
	for uid := range before {
		if r.podsOf("paused")[uid] == nil {
			r.t.Error("a paused Deployment replaced its pod")
		}
	}
	r.kaji("rollout", "resume", "deployment/paused")
	r.kaji("rollout", "status", "deployment/paused", "--timeout=2m")
	if sets := r.setsOf("paused"); len(sets) != 2 {
		r.t.Errorf("%d ReplicaSets", len(sets))
	}
	r.kaji("delete", "deployment", "paused")
}

func badImage(r *rig) {
	r.run(deployment("bad-image", 3, "progressDeadlineSeconds: 5"))
	r.kaji("rollout", "status", "deployment/bad-image", "--timeout=2m")
	before := r.podsOf("bad-image")
	r.kaji("set", "image", "deployment/bad-image", "main="+r.cfg.Registry()+"/test/no-such:1")
	r.fails(1, []string{"exceeded its progress deadline", "rollout undo"}, "rollout", "status", "deployment/bad-image", "--timeout=2m")
	// 25 % of 3 may be missing, rounded down: none.
	ready := 0
	for uid, p := range r.podsOf("bad-image") {
		if before[uid] != nil && isReady(p) {
			ready++
		}
	}
	if ready != 3 {
		r.t.Errorf("%d of the 3 old pods are there and Ready during a bad rollout", ready)
	}
	r.kaji("rollout", "undo", "deployment/bad-image")
	r.kaji("rollout", "status", "deployment/bad-image", "--timeout=2m")
	until(r.t, "the pods are those before", func() error {
		if now := r.podsOf("bad-image"); !same(before, now) {
			return fmt.Errorf("%d pods, some others", len(now))
		}
		return nil
	})
	r.kaji("delete", "deployment", "bad-image")
}

func adoption(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: adopted, labels: {app: adoption}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: IMAGE, command: [sleep, "1000"]}]
`)
	r.ready("adopted")
	r.run(`
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: adoption, labels: {app: adoption}}
spec:
  replicas: 2
  selector: {matchLabels: {app: adoption}}
  template:
    metadata: {labels: {app: adoption}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: IMAGE, command: [sleep, "1000"]}]
`)
	r.count("adoption", 1, 2)
	p := r.pod("adopted", "is adopted", func(p *corev1.Pod) bool { return len(p.GetMetadata().GetOwnerReferences()) == 1 })
	if o := p.GetMetadata().GetOwnerReferences()[0]; o.GetKind() != "ReplicaSet" || o.GetName() != "adoption" || !o.GetController() {
		r.t.Errorf("%v", o)
	}
	// A pod that loses the label is let go and replaced.
	r.kaji("label", "pod", "adopted", "app=free", "--overwrite")
	r.count("adoption", 1, 2)
	r.pod("adopted", "is let go", func(p *corev1.Pod) bool { return len(p.GetMetadata().GetOwnerReferences()) == 0 })
	r.kaji("delete", "replicaset", "adoption")
	r.count("adoption", 0, 0)
	r.ready("adopted")
	r.remove("adopted")
}

// scaleDown checks which pods go first: those that cost least to delete, those that are not Ready.
func scaleDown(r *rig) {
	r.run(deployment("down", 4, ""))
	r.kaji("rollout", "status", "deployment/down", "--timeout=2m")
	var dear, cheap []string
	for _, p := range r.podsOf("down") {
		name := p.GetMetadata().GetName()
		cost := "-5"
		if len(dear) < 2 {
			dear, cost = append(dear, name), "10"
		} else {
			cheap = append(cheap, name)
		}
		r.kaji("annotate", "pod", name, "controller.kubernetes.io/pod-deletion-cost="+cost)
	}
	r.kaji("scale", "deployment/down", "--replicas=2")
	r.count("down", 1, 2)
	for _, p := range r.podsOf("down") {
		if strings.Contains(strings.Join(cheap, " "), p.GetMetadata().GetName()) {
			r.t.Errorf("%s was to go first, %v to stay", p.GetMetadata().GetName(), dear)
		}
	}
	r.kaji("scale", "deployment/down", "--replicas=0")
	r.count("down", 1, 0)
	r.fails(1, []string{"2"}, "scale", "deployment/down", "--replicas=1", "--current-replicas=2")
	r.kaji("delete", "deployment", "down")
}

func namespaceEmpties(r *rig) {
	r.kaji("create", "namespace", "going")
	r.apply(strings.NewReplacer("IMAGE", r.image, "metadata: {name: going-web,", "metadata: {namespace: going, name: going-web,").Replace(deployment("going-web", 2, "")))
	r.kaji("create", "configmap", "kept", "--from-literal=a=b", "-n", "going")
	r.kaji("patch", "configmap", "kept", "-n", "going", "--type=merge", "-p", `{"metadata":{"finalizers":["example.com/hold"]}}`)
	r.kaji("rollout", "status", "deployment/going-web", "-n", "going", "--timeout=2m")
	r.kaji("delete", "namespace", "going", "--wait=false")
	until(r.t, "all but what is held is gone", func() error {
		if out := r.kaji("get", "pods,deployments,replicasets", "-n", "going", "-o", "name"); out != "" {
			return fmt.Errorf("%s", out)
		}
		return nil
	})
	contains(r.t, "the namespace", r.kaji("get", "namespace", "going"), "Terminating")
	r.fails(1, []string{"going", "being terminated"}, "create", "configmap", "late", "-n", "going")
	r.kaji("patch", "configmap", "kept", "-n", "going", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
	r.kaji("wait", "namespace/going", "--for=delete", "--timeout=60s")
	if _, err := client.Of[*corev1.Namespace](r.api).Get(r.t.Context(), "", "going"); !apierror.IsNotFound(err) {
		r.t.Errorf("%v", err)
	}
	r.fails(1, nil, "delete", "namespace", "default")
}
