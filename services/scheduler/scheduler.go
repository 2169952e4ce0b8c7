// Package scheduler finds nodes for pods.
//
// It owns spec.nodeName of pods that ask for it by schedulerName, through PodService.BindPods, and their PodScheduled condition while they have no node.
// It refuses to hold truth: everything it knows it reads from the API, so a restart in the middle loses nothing, and a second scheduler that wrongly thinks it leads
// can at worst lose races, since a pod is bound once.
//
// One goroutine decides (loop), one sends bindings (binder), some write conditions; informers feed cache and queue whether or not this process leads.
// The parts: framework (what a plugin is), plugins, placement (one decision), cache (what is used where), queue (who is next), binder, conditions.
package scheduler

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/labels"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/events"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/scheduler/binder"
	"kaji.dev/kaji/services/scheduler/cache"
	"kaji.dev/kaji/services/scheduler/conditions"
	"kaji.dev/kaji/services/scheduler/framework"
	"kaji.dev/kaji/services/scheduler/placement"
	"kaji.dev/kaji/services/scheduler/plugins"
	"kaji.dev/kaji/services/scheduler/queue"
)

const (
	// confirmWithin is how long the API server may take to report a binding it has acknowledged before the pod is read.
	confirmWithin = 30 * time.Second
	// inspectEvery is how often overdue bindings and forgotten pods are looked for.
	inspectEvery = time.Second
)

// recorder tells users what happened to a pod; *events.Recorder is one.
type recorder interface {
	Event(object kind.Object, eventType, reason, message string)
	Run(ctx context.Context) error
}

// Scheduler joins the parts.
type Scheduler struct {
	cfg     Config
	log     hclog.Logger
	api     binder.API
	profile *framework.Profile
	cache   *cache.Cache
	queue   *queue.Queue
	placer  *placement.Placer
	events  recorder
	metrics *metrics

	pods       *client.Informer[*corev1.Pod]
	nodes      *client.Informer[*corev1.Node]
	namespaces *client.Informer[*corev1.Namespace]
	seen       *seen

	leading    atomic.Bool
	conditions *conditions.Writer
	explainer  explainer
}

// newScheduler joins the parts; follow and lead make it work.
func newScheduler(c *client.Client, cfg Config, log hclog.Logger) (*Scheduler, error) {
	s := &Scheduler{
		cfg: cfg, log: log, api: podAPI{corev1.NewPodServiceClient(c.Conn())}, cache: cache.New(), metrics: newMetrics(), seen: newSeen(),
		pods:       client.NewInformer(client.Of[*corev1.Pod](c), client.InformerOptions{Log: log, Transform: dropUnread}),
		nodes:      client.NewInformer(client.Of[*corev1.Node](c), client.InformerOptions{Log: log, Transform: dropUnread}),
		namespaces: client.NewInformer(client.Of[*corev1.Namespace](c), client.InformerOptions{Log: log, Transform: dropUnread}),
		events:     events.New(c, cfg.SchedulerName, "", log),
	}
	profile, err := plugins.Default(s.namespaceLabels)
	if err != nil {
		return nil, err
	}
	s.profile = profile
	s.queue = queue.New(profile, queue.Config{Seed: cfg.Seed})
	s.placer = placement.New(profile, placement.Config{Seed: cfg.Seed, PercentageOfNodesToScore: cfg.PercentageOfNodesToScore})
	s.conditions = conditions.New(s.pods.Resource(), s.pods.Get, log)
	s.handle()
	return s, nil
}

// dropUnread trims what the scheduler never reads. Objects are written back with their status only, so nothing of the metadata is lost.
func dropUnread(o kind.Object) { o.GetMetadata().ManagedFields = nil }

func (s *Scheduler) namespaceLabels(name string) labels.Set {
	ns, ok := s.namespaces.Get("", name)
	if !ok {
		return nil
	}
	return ns.GetMetadata().GetLabels()
}

// follow keeps cache and queue up to date until ctx ends.
func (s *Scheduler) follow(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.namespaces.Run(ctx) })
	g.Go(func() error { return s.nodes.Run(ctx) })
	g.Go(func() error { return s.pods.Run(ctx) })
	return g.Wait()
}

// lead schedules until ctx ends. When it returns, no decision of its own is open: each is bound, undone, or marked to be read.
func (s *Scheduler) lead(ctx context.Context) error {
	s.leading.Store(true)
	defer s.leading.Store(false)
	s.log.Info("scheduling", "scheduler", s.cfg.SchedulerName, "pods", s.queue.Count(queue.Active))
	b := binder.New(s.api, s, s.log)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.conditions.Run(ctx) })
	g.Go(func() error { return b.Run(ctx) })
	g.Go(func() error { return s.inspect(ctx) })
	g.Go(func() error { return s.loop(ctx, b) })
	s.reportGated()
	return g.Wait()
}

// loop decides about one pod after the other.
func (s *Scheduler) loop(ctx context.Context, b *binder.Binder) error {
	snapshot := framework.NewSnapshot()
	for {
		p, attempt, err := s.queue.Pop(ctx)
		if err != nil {
			return nil // ctx ended
		}
		started := time.Now()
		s.cache.Update(snapshot)
		d, err := s.placer.Place(p, snapshot)
		switch {
		case err != nil:
			s.metrics.attempt("unschedulable", started)
			s.rejected(p, attempt, err)
		case s.assume(p, d.Node):
			s.metrics.attempt("scheduled", started)
			if err := b.Submit(ctx, binder.Binding{Pod: p, Node: d.Node}); err != nil {
				s.Failed(binder.Binding{Pod: p, Node: d.Node}, err)
			}
		}
	}
}

// rejected notes that no node will do.
func (s *Scheduler) rejected(p *framework.PodInfo, attempt int, err error) {
	var f *placement.Failure
	reason := "SchedulerError"
	var by []string
	if errors.As(err, &f) && len(f.RejectedBy) > 0 {
		reason, by = "Unschedulable", f.RejectedBy
	}
	s.queue.Requeue(p.UID, by)
	s.log.Debug("no node for pod", "pod", p.Key(), "attempt", attempt, "reason", err.Error())
	s.events.Event(p.Pod, events.Warning, "FailedScheduling", err.Error())
	s.conditions.Set(p, reason, err.Error())
}

// assume takes the place on the node, and returns false when the pod has gone or got a node meanwhile.
func (s *Scheduler) assume(p *framework.PodInfo, node string) bool {
	if err := s.cache.Assume(p, node); err != nil {
		s.queue.Delete(p.UID)
		return false
	}
	// The order matters: a deletion is told to the queue before the cache, so either this finds it or the cache has undone the assumption.
	if !s.queue.Binding(p.UID) {
		s.cache.Forget(p.UID)
		return false
	}
	return true
}
