package nodelifecycle

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/events"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/controllers/runtime"
	"kaji.dev/kaji/toleration"
)

// evictions is the controller that deletes pods which do not tolerate a NoExecute taint of their node any longer.
func (c *controller) evictions(s *runtime.Scope) *runtime.Controller[runtime.Key] {
	queue := runtime.NewController(runtime.Config[runtime.Key]{
		Name: "taint-eviction", Workers: 8, Reconcile: c.reconcilePod,
		Inputs: []runtime.Synced{c.nodes, c.pods},
		Keys: func() []runtime.Key {
			var keys []runtime.Key
			for _, n := range c.nodes.List("", nil) {
				keys = append(keys, c.podsToDrive(n)...)
			}
			return keys
		},
	}, s.Metrics, s.Log)
	node := func(n *corev1.Node) {
		for _, k := range c.podsToDrive(n) {
			queue.Enqueue(k)
		}
	}
	c.nodes.AddHandler(client.Handler[*corev1.Node]{OnAdd: node, OnUpdate: func(_, n *corev1.Node) { node(n) }})
	c.pods.AddHandler(client.Handler[*corev1.Pod]{
		OnAdd:    func(p *corev1.Pod) { queue.Enqueue(runtime.KeyOf(p)) },
		OnUpdate: func(_, p *corev1.Pod) { queue.Enqueue(runtime.KeyOf(p)) },
	})
	return queue
}

func (c *controller) podsToDrive(n *corev1.Node) []runtime.Key {
	if len(driving(n)) == 0 {
		return nil
	}
	var keys []runtime.Key
	for _, p := range c.pods.ByIndex(indexNode, n.GetMetadata().GetName()) {
		keys = append(keys, runtime.KeyOf(p))
	}
	return keys
}

// driving are the taints that drive pods away.
func driving(n *corev1.Node) []*corev1.Taint {
	var out []*corev1.Taint
	for _, t := range n.GetSpec().GetTaints() {
		if t.GetEffect() == noExecute {
			out = append(out, t)
		}
	}
	return out
}

func (c *controller) reconcilePod(ctx context.Context, key runtime.Key) (runtime.Result, error) {
	p, ok := c.pods.Get(key.Namespace, key.Name)
	if !ok || p.GetMetadata().GetDeletionTimestamp() != nil || p.GetSpec().GetNodeName() == "" {
		return runtime.Result{}, nil
	}
	n, ok := c.nodes.Get("", p.GetSpec().GetNodeName())
	if !ok {
		return runtime.Result{}, nil
	}
	due, drive := deadline(driving(n), p.GetSpec().GetTolerations())
	if !drive {
		return runtime.Result{}, nil
	}
	if wait := due.Sub(c.now()); wait > 0 {
		return runtime.Result{RequeueAfter: wait}, nil
	}
	// A cache that is late must not cost anyone a pod: the node may have come back.
	n, err := c.nodes.Resource().Get(ctx, "", p.GetSpec().GetNodeName())
	if err != nil {
		return runtime.Result{}, ignoreGone(err)
	}
	if due, drive = deadline(driving(n), p.GetSpec().GetTolerations()); !drive {
		return runtime.Result{}, nil
	}
	if wait := due.Sub(c.now()); wait > 0 {
		return runtime.Result{RequeueAfter: wait}, nil
	}
	err = c.pods.Resource().Delete(ctx, key.Namespace, key.Name, &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{Uid: proto.String(p.GetMetadata().GetUid())}})
	if apierror.IsNotFound(err) || apierror.IsConflict(err) {
		return runtime.Result{}, nil
	}
	if err == nil {
		c.log.Info("pod is driven off its node", "namespace", key.Namespace, "pod", key.Name, "node", p.GetSpec().GetNodeName())
		c.events.Event(p, events.Normal, "TaintManagerEviction", "Marking for deletion Pod "+key.String())
	}
	return runtime.Result{}, err
}

// deadline is when a pod with these tolerations must leave a node with these taints; false when it may stay for ever.
// A taint that is not tolerated at all makes it the moment of the taint. Of several limits the earliest counts, and each
// runs from the youngest taint, as a pod may stay as long as its tolerations say from when the last reason to go came up.
func deadline(taints []*corev1.Taint, tolerations []*corev1.Toleration) (due time.Time, drive bool) {
	var since time.Time
	limit := time.Duration(-1)
	for _, t := range taints {
		if at := t.GetTimeAdded(); at != nil && at.AsTime().After(since) {
			since = at.AsTime()
		}
		tolerated := false
		for _, tol := range tolerations {
			if !toleration.Covers(tol, t) {
				continue
			}
			tolerated = true
			if tol.TolerationSeconds == nil {
				continue
			}
			d := max(0, time.Duration(tol.GetTolerationSeconds())*time.Second)
			if limit < 0 || d < limit {
				limit = d
			}
		}
		if !tolerated {
			return time.Time{}, true
		}
	}
	if limit < 0 {
		return time.Time{}, false
	}
	return since.Add(limit), true
}
