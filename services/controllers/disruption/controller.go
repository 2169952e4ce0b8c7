// Package disruption keeps the books of PodDisruptionBudgets: how many pods there should be, must be and are healthy, and
// so how many may be evicted now.
//
// It alone writes the status of budgets, but for the API server, which takes an eviction off disruptionsAllowed and notes the
// pod in disruptedPods. Both write with compare-and-swap, so that no eviction is forgotten: a pod that was granted one is not
// counted as healthy, though the cache may not show its end yet. It reads pods and the objects that control them, and writes
// nothing else.
package disruption

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"k8s.io/apimachinery/pkg/labels"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/events"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"
	"kaji.dev/kaji/services/controllers/owner"
	"kaji.dev/kaji/services/controllers/runtime"
)

const workers = 4

type controller struct {
	budgets     *client.Informer[*policyv1.PodDisruptionBudget]
	pods        *client.Informer[*corev1.Pod]
	sets        *client.Informer[*appsv1.ReplicaSet]
	deployments *client.Informer[*appsv1.Deployment]
	client      *client.Client
	events      *events.Recorder
	now         func() time.Time
}

// Add adds the controller to a scope.
func Add(s *runtime.Scope) {
	c := &controller{
		budgets: runtime.Informer[*policyv1.PodDisruptionBudget](s), pods: runtime.Informer[*corev1.Pod](s),
		sets: runtime.Informer[*appsv1.ReplicaSet](s), deployments: runtime.Informer[*appsv1.Deployment](s),
		client: s.Client, events: s.Recorder("disruption-controller"), now: time.Now,
	}
	queue := runtime.NewController(runtime.Config[runtime.Key]{
		Name: "disruption", Workers: workers, Reconcile: c.reconcile,
		Inputs: []runtime.Synced{c.budgets, c.pods, c.sets, c.deployments},
		Keys: func() []runtime.Key {
			var keys []runtime.Key
			for _, b := range c.budgets.List("", nil) {
				keys = append(keys, runtime.KeyOf(b))
			}
			return keys
		},
	}, s.Metrics, s.Log)
	c.watch(queue)
	s.Add(queue.Run)
}

// watch enqueues a budget when it, one of its pods, or the scale of what controls them changes.
func (c *controller) watch(queue *runtime.Controller[runtime.Key]) {
	c.budgets.AddHandler(client.Handler[*policyv1.PodDisruptionBudget]{
		OnAdd:    func(b *policyv1.PodDisruptionBudget) { queue.Enqueue(runtime.KeyOf(b)) },
		OnUpdate: func(_, b *policyv1.PodDisruptionBudget) { queue.Enqueue(runtime.KeyOf(b)) },
	})
	pod := func(p *corev1.Pod) {
		for _, b := range c.budgets.List(p.GetMetadata().GetNamespace(), nil) {
			if s, err := selector.FromMessage(b.GetSpec().GetSelector()); err == nil && s.Matches(labels.Set(p.GetMetadata().GetLabels())) {
				queue.Enqueue(runtime.KeyOf(b))
			}
		}
	}
	c.pods.AddHandler(client.Handler[*corev1.Pod]{
		OnAdd: pod, OnDelete: pod,
		OnUpdate: func(old, p *corev1.Pod) { pod(old); pod(p) },
	})
	namespace := func(name string) {
		for _, b := range c.budgets.List(name, nil) {
			queue.Enqueue(runtime.KeyOf(b))
		}
	}
	c.sets.AddHandler(client.Handler[*appsv1.ReplicaSet]{
		OnAdd: func(rs *appsv1.ReplicaSet) { namespace(rs.GetMetadata().GetNamespace()) },
		OnUpdate: func(old, rs *appsv1.ReplicaSet) {
			if old.GetSpec().GetReplicas() != rs.GetSpec().GetReplicas() {
				namespace(rs.GetMetadata().GetNamespace())
			}
		},
	})
	c.deployments.AddHandler(client.Handler[*appsv1.Deployment]{
		OnAdd: func(d *appsv1.Deployment) { namespace(d.GetMetadata().GetNamespace()) },
		OnUpdate: func(old, d *appsv1.Deployment) {
			if old.GetSpec().GetReplicas() != d.GetSpec().GetReplicas() {
				namespace(d.GetMetadata().GetNamespace())
			}
		},
	})
}

func (c *controller) reconcile(ctx context.Context, key runtime.Key) (runtime.Result, error) {
	b, ok := c.budgets.Get(key.Namespace, key.Name)
	if !ok || b.GetMetadata().GetDeletionTimestamp() != nil {
		return runtime.Result{}, nil
	}
	st, wait, err := c.assess(ctx, b)
	if err != nil {
		if ctx.Err() != nil {
			return runtime.Result{}, err
		}
		c.events.Eventf(b, events.Warning, "CalculateExpectedPodCountFailed", "Failed to calculate the number of expected pods: %v", err)
		st = closed(b, err, c.now())
	}
	return runtime.Result{RequeueAfter: wait}, errors.Join(err, c.report(ctx, b, st))
}

// report writes the status when it says something new. The budget must be as it was read: the API server may have granted an
// eviction meanwhile.
func (c *controller) report(ctx context.Context, b *policyv1.PodDisruptionBudget, st *policyv1.PodDisruptionBudgetStatus) error {
	if proto.Equal(st, b.GetStatus()) {
		return nil
	}
	next := proto.CloneOf(b)
	next.Status = st
	_, err := c.budgets.Resource().UpdateStatus(ctx, next)
	if apierror.IsNotFound(err) || apierror.IsConflict(err) {
		return nil // gone, or changed: its event brings it here again
	}
	return err
}

// assess works out the status of a budget.
func (c *controller) assess(ctx context.Context, b *policyv1.PodDisruptionBudget) (*policyv1.PodDisruptionBudgetStatus, time.Duration, error) {
	matches, err := selector.FromMessage(b.GetSpec().GetSelector())
	if err != nil {
		return nil, 0, err
	}
	pods := c.pods.List(b.GetMetadata().GetNamespace(), matches)
	expected := int32(len(pods))
	if needsScale(b.GetSpec()) {
		if expected, err = c.scale(ctx, b, pods); err != nil {
			return nil, 0, err
		}
	}
	wanted, err := desired(b.GetSpec(), expected)
	if err != nil {
		return nil, 0, err
	}
	st, wait := verdict(b, pods, expected, wanted, c.now())
	return st, wait, nil
}

// scale is how many pods the controllers of these pods want together. Pods without a controller count for nothing: nobody
// says how many of them there should be.
func (c *controller) scale(ctx context.Context, b *policyv1.PodDisruptionBudget, pods []*corev1.Pod) (int32, error) {
	total := int32(0)
	seen := map[string]bool{}
	unmanaged := 0
	for _, p := range pods {
		ref := owner.Controller(p)
		if ref == nil {
			unmanaged++
			continue
		}
		if seen[ref.GetUid()] {
			continue
		}
		seen[ref.GetUid()] = true
		uid, n, err := c.replicas(ctx, p.GetMetadata().GetNamespace(), ref)
		if err != nil {
			return 0, err
		}
		if uid != ref.GetUid() {
			if seen[uid] {
				continue
			}
			seen[uid] = true
		}
		total += n
	}
	if unmanaged > 0 {
		c.events.Eventf(b, events.Warning, "UnmanagedPods",
			"%d pods that it selects have no controller, so that it cannot be said how many there should be; set spec.minAvailable to a number", unmanaged)
	}
	return total, nil
}

// replicas is how many pods the controller that ref names wants, and the uid of the object that says so: the Deployment, for
// a ReplicaSet of one. An object that is gone wants none.
func (c *controller) replicas(ctx context.Context, namespace string, ref *metav1.OwnerReference) (uid string, n int32, err error) {
	k := kind.ByAPIVersionKind(ref.GetApiVersion(), ref.GetKind())
	if k == nil || !k.Options.GetHasScale() {
		return "", 0, fmt.Errorf("%s %q controls pods but has no scale", ref.GetKind(), ref.GetName())
	}
	o, err := c.find(ctx, k, namespace, ref.GetName())
	if apierror.IsNotFound(err) || err == nil && o.GetMetadata().GetUid() != ref.GetUid() {
		return ref.GetUid(), 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	if above := owner.Controller(o); above != nil {
		if k := kind.ByAPIVersionKind(above.GetApiVersion(), above.GetKind()); k != nil && k.Options.GetHasScale() {
			return c.replicas(ctx, namespace, above)
		}
	}
	return ref.GetUid(), specReplicas(o), nil
}

// find reads an object, from a cache where there is one.
func (c *controller) find(ctx context.Context, k *kind.Kind, namespace, name string) (kind.Object, error) {
	if rs, ok := c.sets.Get(namespace, name); ok && k == kind.Of(rs) {
		return rs, nil
	}
	if d, ok := c.deployments.Get(namespace, name); ok && k == kind.Of(d) {
		return d, nil
	}
	return client.ForKind(c.client, k).Get(ctx, namespace, name)
}

// specReplicas is spec.replicas, which is 1 when it is not set.
func specReplicas(o kind.Object) int32 {
	m := o.ProtoReflect()
	spec := m.Get(m.Descriptor().Fields().ByName("spec")).Message()
	fd := spec.Descriptor().Fields().ByName(protoreflect.Name("replicas"))
	if fd == nil || !spec.Has(fd) {
		return 1
	}
	return int32(spec.Get(fd).Int())
}
