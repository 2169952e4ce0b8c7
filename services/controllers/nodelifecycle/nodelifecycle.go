// Package nodelifecycle notices nodes that fall silent or report trouble, and gets their pods a new home.
//
// It owns, on nodes: the conditions of those that are silent, and the taints node.kubernetes.io/{not-ready, unreachable,
// unschedulable, …-pressure}; on pods of lost nodes: that they are not Ready; and it deletes the pods that do not
// tolerate a NoExecute taint, when their time is over. A node that comes back gets its taints taken off.
//
// A node is silent when its Lease in kube-node-lease has not been renewed for Config.Grace. When most nodes seem lost
// at once, the fault is taken to be on this side: nodes are given up slowly, or not at all (zone.go).
package nodelifecycle

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/events"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/controllers/podstate"
	"kaji.dev/kaji/services/controllers/runtime"
)

const (
	// leaseNamespace is where agents keep their Leases, named after the node.
	leaseNamespace = "kube-node-lease"
	// DefaultGrace is four renewals and a bit more.
	DefaultGrace = 40 * time.Second
	// recheck is when a node is looked at again that may not be given up now.
	recheck = 10 * time.Second
	// IndexNode finds the pods of a node.
	indexNode = "spec.nodeName"
)

// Config is what may be set.
type Config struct {
	// Grace is how long a node may be silent; DefaultGrace when 0.
	Grace time.Duration
}

type controller struct {
	grace  time.Duration
	nodes  *client.Informer[*corev1.Node]
	leases *client.Informer[*coordinationv1.Lease]
	pods   *client.Informer[*corev1.Pod]
	events *events.Recorder
	beats  *heartbeats
	zone   *zone
	now    func() time.Time
	log    hclog.Logger
}

// Add adds the controllers to a scope: one for nodes, one for the pods that taints drive away.
func Add(s *runtime.Scope, cfg Config) {
	if cfg.Grace == 0 {
		cfg.Grace = DefaultGrace
	}
	c := &controller{
		grace: cfg.Grace, nodes: runtime.Informer[*corev1.Node](s), leases: runtime.Informer[*coordinationv1.Lease](s),
		pods: runtime.Informer[*corev1.Pod](s), events: s.Recorder("node-controller"),
		beats: newHeartbeats(), zone: newZone(time.Now), now: time.Now, log: s.Log.Named("nodelifecycle"),
	}
	c.pods.AddIndex(indexNode, func(p *corev1.Pod) []string {
		if n := p.GetSpec().GetNodeName(); n != "" {
			return []string{n}
		}
		return nil
	})
	nodes := runtime.NewController(runtime.Config[string]{
		Name: "nodelifecycle", Workers: 4, Reconcile: c.reconcileNode,
		Inputs: []runtime.Synced{c.nodes, c.leases, c.pods},
		Keys: func() []string {
			var names []string
			for _, n := range c.nodes.List("", nil) {
				names = append(names, n.GetMetadata().GetName())
			}
			return names
		},
	}, s.Metrics, s.Log)
	c.nodes.AddHandler(client.Handler[*corev1.Node]{
		OnAdd:    func(n *corev1.Node) { nodes.Enqueue(n.GetMetadata().GetName()) },
		OnUpdate: func(_, n *corev1.Node) { nodes.Enqueue(n.GetMetadata().GetName()) },
		OnDelete: func(n *corev1.Node) { c.beats.forget(n.GetMetadata().GetName()) },
	})
	lease := func(l *coordinationv1.Lease) {
		if l.GetMetadata().GetNamespace() == leaseNamespace {
			nodes.Enqueue(l.GetMetadata().GetName())
		}
	}
	c.leases.AddHandler(client.Handler[*coordinationv1.Lease]{OnAdd: lease, OnUpdate: func(_, l *coordinationv1.Lease) { lease(l) }, OnDelete: lease})
	s.Add(nodes.Run)
	s.Add(c.evictions(s).Run)
}

func (c *controller) reconcileNode(ctx context.Context, name string) (runtime.Result, error) {
	node, ok := c.nodes.Get("", name)
	if !ok || node.GetMetadata().GetDeletionTimestamp() != nil {
		return runtime.Result{}, nil
	}
	lease, _ := c.leases.Get(leaseNamespace, name)
	now := c.now()
	next := c.grace - now.Sub(c.beats.note(name, lease, now))
	if next <= 0 {
		var err error
		if node, err = c.silent(ctx, node, now); err != nil {
			return runtime.Result{}, ignoreGone(err)
		}
		// Only an event can help now; the look after a while is for clocks that jump.
		next = c.grace
	}
	again, err := c.taint(ctx, node, now)
	if err != nil {
		return runtime.Result{}, ignoreGone(err)
	}
	if again > 0 && again < next {
		next = again
	}
	return runtime.Result{RequeueAfter: next}, c.markPods(ctx, node, now)
}

func ignoreGone(err error) error {
	if apierror.IsNotFound(err) {
		return nil
	}
	return err
}

// silent writes that nothing is known of the node any more.
func (c *controller) silent(ctx context.Context, node *corev1.Node, now time.Time) (*corev1.Node, error) {
	status := silence(node, now)
	if status == nil {
		return node, nil
	}
	next := proto.CloneOf(node)
	next.Status = status
	written, err := c.nodes.Resource().UpdateStatus(ctx, next)
	if err != nil {
		return nil, err
	}
	c.log.Warn("node is silent", "node", node.GetMetadata().GetName(), "grace", c.grace)
	c.events.Eventf(node, events.Normal, "NodeNotReady", "Node %s status is now: NodeNotReady", node.GetMetadata().GetName())
	return written, nil
}

// taint brings the node's taints in line with its conditions; the duration says when to try again to give it up.
func (c *controller) taint(ctx context.Context, node *corev1.Node, now time.Time) (time.Duration, error) {
	evict, wait := true, time.Duration(0)
	if readiness(node) != statusTrue && !hasNoExecute(node) {
		evict, wait = c.zone.mayGiveUp(c.census())
	}
	list, changed := taints(node, evict, now)
	if !changed {
		return wait, nil
	}
	next := proto.CloneOf(node)
	if next.Spec == nil {
		next.Spec = &corev1.NodeSpec{}
	}
	next.Spec.Taints = list
	_, err := c.nodes.Resource().Update(ctx, next)
	return wait, err
}

// census counts the nodes, and those that are lost.
func (c *controller) census() (total, lost int) {
	for _, n := range c.nodes.List("", nil) {
		total++
		if readiness(n) != statusTrue {
			lost++
		}
	}
	return total, lost
}

// markPods writes that the pods of a lost node are not Ready, since the node cannot say so itself.
func (c *controller) markPods(ctx context.Context, node *corev1.Node, now time.Time) error {
	if readiness(node) != statusUnknown {
		return nil
	}
	for _, p := range c.pods.ByIndex(indexNode, node.GetMetadata().GetName()) {
		next := notReady(p, now)
		if next == nil {
			continue
		}
		if _, err := c.pods.Resource().UpdateStatus(ctx, next); err != nil && !apierror.IsNotFound(err) {
			return err
		}
		c.events.Event(p, events.Warning, "NodeNotReady", "Node is not ready")
	}
	return nil
}

// notReady returns the pod with a Ready condition that is False; nil when it has that, or has none, or has ended.
func notReady(p *corev1.Pod, now time.Time) *corev1.Pod {
	if podstate.Terminal(p) {
		return nil
	}
	for i, cond := range p.GetStatus().GetConditions() {
		if cond.GetType() == ready && cond.GetStatus() == statusTrue {
			next := proto.CloneOf(p)
			c := next.Status.Conditions[i]
			c.Status, c.Reason, c.Message, c.LastTransitionTime = statusFalse, "NodeNotReady", "Node is not ready", timestamppb.New(now)
			return next
		}
	}
	return nil
}
