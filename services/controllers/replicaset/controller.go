// Package replicaset keeps as many pods as each ReplicaSet asks for.
//
// It owns the pods whose controller is a ReplicaSet (their existence, not their content), and the status of ReplicaSets. It
// adopts orphans that match a selector and releases pods that no longer do. It refuses to act on what its cache does not
// show yet (see DESIGN.md).
package replicaset

import (
	"context"
	"errors"
	"sync"
	"time"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/events"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"
	"kaji.dev/kaji/services/controllers/owner"
	"kaji.dev/kaji/services/controllers/podstate"
	"kaji.dev/kaji/services/controllers/runtime"

	"google.golang.org/protobuf/proto"
)

// staleWait is how long a key waits at most for the cache to show its own writes; the event itself comes first as a rule.
const staleWait = time.Second

const workers = 8

type controller struct {
	sets   *client.Informer[*appsv1.ReplicaSet]
	pods   *client.Informer[*corev1.Pod]
	events *events.Recorder
	memory *memory
	now    func() time.Time
}

// Add adds the controller to a scope.
func Add(s *runtime.Scope) {
	c := &controller{
		sets:   runtime.Informer[*appsv1.ReplicaSet](s),
		pods:   runtime.Informer[*corev1.Pod](s),
		events: s.Recorder("replicaset-controller"),
		memory: newMemory(),
		now:    time.Now,
	}
	owner.AddIndexes(c.pods)
	c.sets.AddIndex(owner.IndexController, owner.ByController[*appsv1.ReplicaSet])
	queue := runtime.NewController(runtime.Config[runtime.Key]{
		Name:      "replicaset",
		Workers:   workers,
		Reconcile: c.reconcile,
		Inputs:    []runtime.Synced{c.sets, c.pods},
		Keys:      c.keys,
	}, s.Metrics, s.Log)
	c.watch(queue)
	s.Add(queue.Run)
}

func (c *controller) keys() []runtime.Key {
	var keys []runtime.Key
	for _, rs := range c.sets.List("", nil) {
		keys = append(keys, runtime.KeyOf(rs))
	}
	return keys
}

func (c *controller) reconcile(ctx context.Context, key runtime.Key) (runtime.Result, error) {
	rs, ok := c.sets.Get(key.Namespace, key.Name)
	if !ok {
		return runtime.Result{}, nil
	}
	matches, err := selector.FromMessage(rs.GetSpec().GetSelector())
	if err != nil || matches.Empty() {
		// Validation keeps both out; an empty selector would take every pod of the namespace.
		return runtime.Result{}, nil
	}
	written := c.memory.of(rs.GetMetadata().GetUid())
	if written.uncertain || written.created.Doubtful(c.pods.Revision(), c.now()) {
		if err := c.look(ctx, rs, written); err != nil {
			return runtime.Result{}, err
		}
	}
	stale := !written.created.Passed(c.pods.Revision())
	pods, err := owner.Claim(ctx, c.pods, rs, matches, func(ctx context.Context) (kind.Object, error) {
		return c.sets.Resource().Get(ctx, key.Namespace, key.Name)
	})
	if err != nil && !apierror.IsNotFound(err) {
		return runtime.Result{}, err
	}
	written.settle(pods)
	var failed *failure
	if !stale && rs.GetMetadata().GetDeletionTimestamp() == nil {
		failed = c.manage(ctx, rs, pods, written)
	}
	wait, err := c.report(ctx, rs, pods, failed)
	if stale && (wait == 0 || wait > staleWait) {
		wait = staleWait
	}
	if failed != nil {
		err = errors.Join(failed.err, err)
	}
	return runtime.Result{RequeueAfter: wait}, err
}

// look asks the API which pods there are, for the cache to be compared with: after a call whose outcome is unknown, and when the cache
// does not come to show what was created.
func (c *controller) look(ctx context.Context, rs *appsv1.ReplicaSet, written *writes) error {
	pods, _, err := c.pods.Resource().List(ctx, rs.GetMetadata().GetNamespace(), nil)
	if err != nil {
		return err
	}
	written.created.Reset()
	for _, p := range pods {
		if owner.ControllerUID(p) == rs.GetMetadata().GetUid() {
			written.created.Raise(p, c.now())
		}
	}
	written.uncertain = false
	return nil
}

// manage creates or deletes pods until there are as many as wanted.
func (c *controller) manage(ctx context.Context, rs *appsv1.ReplicaSet, pods []*corev1.Pod, written *writes) *failure {
	active := written.active(pods)
	switch diff := len(active) - int(replicas(rs)); {
	case diff < 0:
		if err := c.create(ctx, rs, min(-diff, burst), written); err != nil {
			return &failure{reason: "FailedCreate", err: err}
		}
	case diff > 0:
		if err := c.delete(ctx, rs, victims(active, c.related(rs), min(diff, burst), c.now()), written); err != nil {
			return &failure{reason: "FailedDelete", err: err}
		}
	}
	return nil
}

func replicas(rs *appsv1.ReplicaSet) int32 {
	if rs.GetSpec().Replicas == nil {
		return 1
	}
	return rs.GetSpec().GetReplicas()
}

func (c *controller) create(ctx context.Context, rs *appsv1.ReplicaSet, n int, written *writes) error {
	var mu sync.Mutex
	_, err := slowStart(n, func() error {
		pod, err := c.pods.Resource().Create(ctx, newPod(rs))
		if err != nil {
			mu.Lock()
			written.uncertain = written.uncertain || unknownOutcome(err)
			mu.Unlock()
			// A namespace that is being emptied takes nothing new, which is no news to anyone.
			if !apierror.IsForbidden(err) || !c.ending(ctx, rs.GetMetadata().GetNamespace()) {
				c.events.Eventf(rs, events.Warning, "FailedCreate", "Error creating: %v", err)
			}
			return err
		}
		mu.Lock()
		written.created.Raise(pod, c.now())
		mu.Unlock()
		c.events.Eventf(rs, events.Normal, "SuccessfulCreate", "Created pod: %s", pod.GetMetadata().GetName())
		return nil
	})
	return err
}

// ending tells whether a namespace is being deleted.
func (c *controller) ending(ctx context.Context, name string) bool {
	ns, err := client.Of[*corev1.Namespace](c.sets.Resource().Client()).Get(ctx, "", name)
	return err == nil && ns.GetMetadata().GetDeletionTimestamp() != nil
}

// unknownOutcome tells whether a write may have taken effect although it failed.
func unknownOutcome(err error) bool {
	switch apierror.ReasonOf(err) {
	case apierror.ReasonUnavailable, apierror.ReasonTimeout, apierror.ReasonCanceled, apierror.ReasonInternal:
		return true
	}
	return false
}

func (c *controller) delete(ctx context.Context, rs *appsv1.ReplicaSet, pods []*corev1.Pod, written *writes) error {
	var mu sync.Mutex
	_, err := concurrently(len(pods), func(i int) error {
		m := pods[i].GetMetadata()
		err := c.pods.Resource().Delete(ctx, m.GetNamespace(), m.GetName(), &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{Uid: proto.String(m.GetUid())}})
		gone := apierror.IsNotFound(err) || apierror.IsConflict(err)
		if err != nil && !gone {
			c.events.Eventf(rs, events.Warning, "FailedDelete", "Error deleting: %v", err)
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		written.deleted[m.GetUid()] = true
		if !gone {
			c.events.Eventf(rs, events.Normal, "SuccessfulDelete", "Deleted pod: %s", m.GetName())
		}
		return nil
	})
	return err
}

// related returns the active pods of every replica set that has the same controller, this one included.
func (c *controller) related(rs *appsv1.ReplicaSet) []*corev1.Pod {
	siblings := []*appsv1.ReplicaSet{rs}
	if uid := owner.ControllerUID(rs); uid != "" {
		siblings = c.sets.ByIndex(owner.IndexController, uid)
	}
	var pods []*corev1.Pod
	for _, sibling := range siblings {
		for _, p := range c.pods.ByIndex(owner.IndexController, sibling.GetMetadata().GetUid()) {
			if podstate.Active(p) {
				pods = append(pods, p)
			}
		}
	}
	return pods
}

// report writes the status when it changed.
func (c *controller) report(ctx context.Context, rs *appsv1.ReplicaSet, pods []*corev1.Pod, failed *failure) (time.Duration, error) {
	next, wait := status(rs, pods, failed, c.now())
	if proto.Equal(next, rs.GetStatus()) {
		return wait, nil
	}
	changed := proto.CloneOf(rs)
	changed.Status = next
	_, err := c.sets.Resource().UpdateStatus(ctx, changed)
	if apierror.IsNotFound(err) {
		return 0, nil
	}
	return wait, err
}
