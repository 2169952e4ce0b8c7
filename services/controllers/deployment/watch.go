package deployment

import (
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"
	"kaji.dev/kaji/services/controllers/owner"
	"kaji.dev/kaji/services/controllers/podstate"
	"kaji.dev/kaji/services/controllers/runtime"

	"k8s.io/apimachinery/pkg/labels"
)

var (
	deployments = kind.Of((*appsv1.Deployment)(nil))
	replicaSets = kind.Of((*appsv1.ReplicaSet)(nil))
)

// watch enqueues a deployment when it or a replica set of it changes, an orphan that it may adopt comes, or the last pod goes that
// a Recreate waits for.
func (c *controller) watch(queue *runtime.Controller[runtime.Key]) {
	c.deployments.AddHandler(client.Handler[*appsv1.Deployment]{
		OnAdd:    func(d *appsv1.Deployment) { queue.Enqueue(runtime.KeyOf(d)) },
		OnUpdate: func(_, d *appsv1.Deployment) { queue.Enqueue(runtime.KeyOf(d)) },
		OnDelete: func(d *appsv1.Deployment) {
			c.forget(d)
			queue.Enqueue(runtime.KeyOf(d))
		},
	})
	c.sets.AddHandler(client.Handler[*appsv1.ReplicaSet]{
		OnAdd: func(rs *appsv1.ReplicaSet) { c.setChanged(queue, rs) },
		OnUpdate: func(old, rs *appsv1.ReplicaSet) {
			if was := owner.ControllerUID(old); was != "" && was != owner.ControllerUID(rs) {
				c.setChanged(queue, old)
			}
			c.setChanged(queue, rs)
		},
		OnDelete: func(rs *appsv1.ReplicaSet) {
			if owner.Controller(rs) != nil {
				c.setChanged(queue, rs)
			}
		},
	})
	ended := func(p *corev1.Pod) { c.podEnded(queue, p) }
	c.pods.AddHandler(client.Handler[*corev1.Pod]{
		OnUpdate: func(old, p *corev1.Pod) {
			if podstate.Terminal(p) && !podstate.Terminal(old) {
				ended(p)
			}
		},
		OnDelete: ended,
	})
}

func (c *controller) setChanged(queue *runtime.Controller[runtime.Key], rs *appsv1.ReplicaSet) {
	namespace := rs.GetMetadata().GetNamespace()
	if ref := owner.Controller(rs); ref != nil {
		if owner.IsTo(ref, deployments) {
			queue.Enqueue(runtime.Key{Namespace: namespace, Name: ref.GetName()})
		}
		return
	}
	for _, d := range c.deployments.List(namespace, nil) {
		matches, err := selector.FromMessage(d.GetSpec().GetSelector())
		if err == nil && !matches.Empty() && matches.Matches(labels.Set(rs.GetMetadata().GetLabels())) {
			queue.Enqueue(runtime.KeyOf(d))
		}
	}
}

func (c *controller) podEnded(queue *runtime.Controller[runtime.Key], p *corev1.Pod) {
	ref := owner.Controller(p)
	if ref == nil || !owner.IsTo(ref, replicaSets) {
		return
	}
	rs, ok := c.sets.Get(p.GetMetadata().GetNamespace(), ref.GetName())
	if !ok || rs.GetMetadata().GetUid() != ref.GetUid() {
		return
	}
	if ref := owner.Controller(rs); ref != nil && owner.IsTo(ref, deployments) {
		if d, ok := c.deployments.Get(rs.GetMetadata().GetNamespace(), ref.GetName()); ok && !isRolling(d) {
			queue.Enqueue(runtime.KeyOf(d))
		}
	}
}
