// Package podgc deletes pods that nobody else will: those bound to nodes that are gone, those that are being deleted and
// were never bound, and the oldest of those that have ended, when there are too many.
//
// It owns no object; a pod with a node that is there is the node agent's to end.
package podgc

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/controllers/podstate"
	"kaji.dev/kaji/services/controllers/runtime"
)

const (
	// DefaultThreshold is how many ended pods are kept, as kube-controller-manager keeps them.
	DefaultThreshold = 12500
	// quarantine is how long a node must have been gone before its pods are: it may be registering anew.
	quarantine = 40 * time.Second
	// round is how often all pods are looked at; nothing here is urgent.
	round = 20 * time.Second
)

type controller struct {
	nodes     *client.Informer[*corev1.Node]
	pods      *client.Informer[*corev1.Pod]
	threshold int
	missing   map[string]time.Time // node → since when it is not there
	now       func() time.Time
	log       hclog.Logger
}

// Add adds the controller to a scope. threshold is how many ended pods are kept; DefaultThreshold when 0.
func Add(s *runtime.Scope, threshold int) {
	if threshold == 0 {
		threshold = DefaultThreshold
	}
	c := &controller{
		nodes: runtime.Informer[*corev1.Node](s), pods: runtime.Informer[*corev1.Pod](s),
		threshold: threshold, missing: map[string]time.Time{}, now: time.Now, log: s.Log.Named("podgc"),
	}
	queue := runtime.NewController(runtime.Config[struct{}]{
		Name: "podgc",
		Reconcile: func(ctx context.Context, _ struct{}) (runtime.Result, error) {
			return runtime.Result{RequeueAfter: round}, c.collect(ctx)
		},
		Inputs: []runtime.Synced{c.nodes, c.pods},
		Keys:   func() []struct{} { return []struct{}{{}} },
	}, s.Metrics, s.Log)
	s.Add(queue.Run)
}

func (c *controller) collect(ctx context.Context) error {
	pods := c.pods.List("", nil)
	gone, err := c.goneNodes(ctx, pods)
	if err != nil {
		return err
	}
	var ended []*corev1.Pod
	for _, p := range pods {
		node := p.GetSpec().GetNodeName()
		switch {
		case gone[node]:
			err = c.delete(ctx, p, "its node is gone")
		case node == "" && p.GetMetadata().GetDeletionTimestamp() != nil:
			err = c.delete(ctx, p, "it is being deleted and was never bound")
		case podstate.Terminal(p):
			ended = append(ended, p)
		}
		if err != nil {
			return err
		}
	}
	if len(ended) <= c.threshold {
		return nil
	}
	slices.SortFunc(ended, func(a, b *corev1.Pod) int {
		return a.GetMetadata().GetCreationTimestamp().AsTime().Compare(b.GetMetadata().GetCreationTimestamp().AsTime())
	})
	for _, p := range ended[:len(ended)-c.threshold] {
		if err := c.delete(ctx, p, "too many pods have ended"); err != nil {
			return err
		}
	}
	return nil
}

// goneNodes are the nodes that pods are bound to and that have not been there for a while, by the cache and then by the store.
func (c *controller) goneNodes(ctx context.Context, pods []*corev1.Pod) (map[string]bool, error) {
	now := c.now()
	named := map[string]bool{}
	for _, p := range pods {
		if n := p.GetSpec().GetNodeName(); n != "" {
			named[n] = true
		}
	}
	gone := map[string]bool{}
	for n := range c.missing {
		if !named[n] {
			delete(c.missing, n)
		}
	}
	for n := range named {
		if _, ok := c.nodes.Get("", n); ok {
			delete(c.missing, n)
			continue
		}
		since, known := c.missing[n]
		if !known {
			c.missing[n] = now
			continue
		}
		if now.Sub(since) < quarantine {
			continue
		}
		_, err := c.nodes.Resource().Get(ctx, "", n)
		switch {
		case apierror.IsNotFound(err):
			gone[n] = true
		case err != nil:
			return nil, err
		}
	}
	return gone, nil
}

// delete removes a pod at once: there is no agent left to end it gracefully.
func (c *controller) delete(ctx context.Context, p *corev1.Pod, why string) error {
	m := p.GetMetadata()
	err := c.pods.Resource().Delete(ctx, m.GetNamespace(), m.GetName(), &metav1.DeleteOptions{
		GracePeriodSeconds: proto.Int64(0), Preconditions: &metav1.Preconditions{Uid: proto.String(m.GetUid())},
	})
	if apierror.IsNotFound(err) || apierror.IsConflict(err) {
		return nil
	}
	if err == nil {
		c.log.Info("pod deleted", "namespace", m.GetNamespace(), "pod", m.GetName(), "reason", why)
	}
	return err
}
