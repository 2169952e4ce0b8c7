// Package deployment rolls out what Deployments ask for, by ReplicaSets.
//
// It owns the ReplicaSets whose controller is a Deployment (existence, size, annotations), the Deployment's status, and its
// annotation deployment.kubernetes.io/revision. What it decides is pure (rolling, recreate, scale, expired, conditions);
// the controller around it reads and writes. Undoing is the user's: he sets the template of an old ReplicaSet, and
// that one becomes the new one under a new revision.
package deployment

import (
	"context"
	"sync"
	"time"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/events"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"
	"kaji.dev/kaji/services/controllers/owner"
	"kaji.dev/kaji/services/controllers/podstate"
	"kaji.dev/kaji/services/controllers/runtime"
)

const workers = 8

// staleWait is how long a key waits at most for the cache to show its own writes; the event itself comes first as a rule.
const staleWait = time.Second

type controller struct {
	deployments *client.Informer[*appsv1.Deployment]
	sets        *client.Informer[*appsv1.ReplicaSet]
	pods        *client.Informer[*corev1.Pod]
	events      *events.Recorder
	now         func() time.Time

	mu sync.Mutex
	// written is, by uid of a deployment, the last write to one of its replica sets. Decisions weigh all sets against each
	// other, so they wait until the cache of sets shows it.
	written map[string]*runtime.Barrier
}

// Add adds the controller to a scope.
func Add(s *runtime.Scope) {
	c := &controller{
		deployments: runtime.Informer[*appsv1.Deployment](s),
		sets:        runtime.Informer[*appsv1.ReplicaSet](s),
		pods:        runtime.Informer[*corev1.Pod](s),
		events:      s.Recorder("deployment-controller"),
		now:         time.Now,
		written:     map[string]*runtime.Barrier{},
	}
	owner.AddIndexes(c.sets)
	owner.AddIndexes(c.pods)
	queue := runtime.NewController(runtime.Config[runtime.Key]{
		Name:      "deployment",
		Workers:   workers,
		Reconcile: c.reconcile,
		Inputs:    []runtime.Synced{c.deployments, c.sets, c.pods},
		Keys: func() []runtime.Key {
			var keys []runtime.Key
			for _, d := range c.deployments.List("", nil) {
				keys = append(keys, runtime.KeyOf(d))
			}
			return keys
		},
	}, s.Metrics, s.Log)
	c.watch(queue)
	s.Add(queue.Run)
}

func (c *controller) reconcile(ctx context.Context, key runtime.Key) (runtime.Result, error) {
	d, ok := c.deployments.Get(key.Namespace, key.Name)
	if !ok {
		return runtime.Result{}, nil
	}
	matches, err := selector.FromMessage(d.GetSpec().GetSelector())
	if err != nil || matches.Empty() {
		// Validation keeps both out; an empty selector would take every replica set of the namespace.
		return runtime.Result{}, nil
	}
	if ok, err := c.upToDate(ctx, d); err != nil || !ok {
		return runtime.Result{RequeueAfter: staleWait}, err
	}
	sets, err := owner.Claim(ctx, c.sets, d, matches, func(ctx context.Context) (kind.Object, error) {
		return c.deployments.Resource().Get(ctx, key.Namespace, key.Name)
	})
	if err != nil && !apierror.IsNotFound(err) {
		return runtime.Result{}, err
	}
	p := &pass{
		controller: c,
		rollout:    arrange(d, sets),
		conditions: &conditions{list: d.GetStatus().GetConditions(), now: c.now()},
		collisions: collisionCount(d),
	}
	err = p.run(ctx)
	wait, statusErr := p.report(ctx)
	if err == nil {
		err = statusErr
	}
	if apierror.IsNotFound(err) {
		// The deployment went meanwhile; its end is on the way.
		return runtime.Result{}, nil
	}
	return runtime.Result{RequeueAfter: wait}, err
}

// oldPods tells whether a pod of an old replica set still runs.
func (c *controller) oldPods(r rollout) bool {
	for _, rs := range r.old {
		for _, p := range c.pods.ByIndex(owner.IndexController, rs.GetMetadata().GetUid()) {
			if !podstate.Terminal(p) {
				return true
			}
		}
	}
	return false
}

// upToDate tells whether the cache of replica sets shows what was written for the deployment.
func (c *controller) upToDate(ctx context.Context, d *appsv1.Deployment) (bool, error) {
	revision, written := c.sets.Revision(), c.barrier(d)
	if !written.Doubtful(revision, c.now()) {
		return written.Passed(revision), nil
	}
	sets, _, err := c.sets.Resource().List(ctx, d.GetMetadata().GetNamespace(), nil)
	if err != nil {
		return false, err
	}
	written.Reset()
	for _, rs := range sets {
		if owner.ControllerUID(rs) == d.GetMetadata().GetUid() {
			written.Raise(rs, c.now())
		}
	}
	return written.Passed(c.sets.Revision()), nil
}

// barrier is the deployment's; its key has one worker at a time, so only the map needs the lock.
func (c *controller) barrier(d *appsv1.Deployment) *runtime.Barrier {
	c.mu.Lock()
	defer c.mu.Unlock()
	uid := d.GetMetadata().GetUid()
	if c.written[uid] == nil {
		c.written[uid] = &runtime.Barrier{}
	}
	return c.written[uid]
}

func (c *controller) noteWrite(d *appsv1.Deployment, rs *appsv1.ReplicaSet) {
	c.barrier(d).Raise(rs, c.now())
}

func (c *controller) forget(d *appsv1.Deployment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.written, d.GetMetadata().GetUid())
}

func (p *pass) event(eventType, reason, format string, args ...any) {
	p.controller.events.Eventf(p.d, eventType, reason, format, args...)
}
