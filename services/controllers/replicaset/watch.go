package replicaset

import (
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"
	"kaji.dev/kaji/services/controllers/owner"
	"kaji.dev/kaji/services/controllers/runtime"

	"k8s.io/apimachinery/pkg/labels"
)

var replicaSets = kind.Of((*appsv1.ReplicaSet)(nil))

// watch enqueues a replica set when it or a pod of it changes, or an orphan that it may adopt.
func (c *controller) watch(queue *runtime.Controller[runtime.Key]) {
	c.sets.AddHandler(client.Handler[*appsv1.ReplicaSet]{
		OnAdd:    func(rs *appsv1.ReplicaSet) { queue.Enqueue(runtime.KeyOf(rs)) },
		OnUpdate: func(_, rs *appsv1.ReplicaSet) { queue.Enqueue(runtime.KeyOf(rs)) },
		OnDelete: func(rs *appsv1.ReplicaSet) {
			c.memory.forget(rs.GetMetadata().GetUid())
			queue.Enqueue(runtime.KeyOf(rs))
		},
	})
	c.pods.AddHandler(client.Handler[*corev1.Pod]{
		OnAdd: func(p *corev1.Pod) { c.podChanged(queue, p) },
		OnUpdate: func(old, p *corev1.Pod) {
			if was := owner.ControllerUID(old); was != "" && was != owner.ControllerUID(p) {
				c.podChanged(queue, old)
			}
			c.podChanged(queue, p)
		},
		OnDelete: func(p *corev1.Pod) {
			if owner.Controller(p) != nil {
				c.podChanged(queue, p)
			}
		},
	})
}

func (c *controller) podChanged(queue *runtime.Controller[runtime.Key], p *corev1.Pod) {
	namespace := p.GetMetadata().GetNamespace()
	if ref := owner.Controller(p); ref != nil {
		if owner.IsTo(ref, replicaSets) {
			queue.Enqueue(runtime.Key{Namespace: namespace, Name: ref.GetName()})
		}
		return
	}
	if p.GetMetadata().GetDeletionTimestamp() != nil {
		return
	}
	for _, rs := range c.sets.List(namespace, nil) {
		matches, err := selector.FromMessage(rs.GetSpec().GetSelector())
		if err == nil && !matches.Empty() && matches.Matches(labels.Set(p.GetMetadata().GetLabels())) {
			queue.Enqueue(runtime.KeyOf(rs))
		}
	}
}
