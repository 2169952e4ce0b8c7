// Package eventexpiry deletes Events an hour after they were last seen, as Kubernetes' API server lets them expire.
//
// It owns the end of Events, not their content. An Event that is counted up meanwhile lives on.
package eventexpiry

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/controllers/runtime"
)

// DefaultTTL is how long Events are kept, as kube-apiserver's --event-ttl.
const DefaultTTL = time.Hour

type controller struct {
	events *client.Informer[*corev1.Event]
	ttl    time.Duration
	now    func() time.Time
}

// Add adds the controller to a scope. ttl is how long Events are kept; DefaultTTL when 0.
func Add(s *runtime.Scope, ttl time.Duration) {
	if ttl == 0 {
		ttl = DefaultTTL
	}
	// An informer of its own: of the many Events there may be, only their times are kept.
	events := client.NewInformer(client.Of[*corev1.Event](s.Client), client.InformerOptions{Transform: timesOnly, Log: s.Log.Named("informer")})
	s.Add(events.Run)
	c := &controller{events: events, ttl: ttl, now: time.Now}
	queue := runtime.NewController(runtime.Config[runtime.Key]{
		Name: "eventexpiry", Workers: 2, Reconcile: c.reconcile, Inputs: []runtime.Synced{events},
	}, s.Metrics, s.Log)
	// The wait for an Event's end is in the queue: additions put it there, and later sightings are found when it is over.
	events.AddHandler(client.Handler[*corev1.Event]{OnAdd: func(e *corev1.Event) { queue.EnqueueAfter(runtime.KeyOf(e), c.left(e)) }})
	s.Add(queue.Run)
}

func timesOnly(o kind.Object) {
	e, m := o.(*corev1.Event), o.GetMetadata()
	kept := &corev1.Event{
		Metadata: &metav1.ObjectMeta{
			Namespace: m.GetNamespace(), Name: m.GetName(), Uid: m.GetUid(), ResourceVersion: m.GetResourceVersion(), CreationTimestamp: m.GetCreationTimestamp(),
		},
		LastTimestamp: e.GetLastTimestamp(), EventTime: e.GetEventTime(), Series: e.GetSeries(),
	}
	proto.Reset(e)
	proto.Merge(e, kept)
}

func (c *controller) reconcile(ctx context.Context, key runtime.Key) (runtime.Result, error) {
	e, ok := c.events.Get(key.Namespace, key.Name)
	if !ok {
		return runtime.Result{}, nil
	}
	if wait := c.left(e); wait > 0 {
		return runtime.Result{RequeueAfter: wait}, nil
	}
	// With its revision: should it be seen again this moment, it stays.
	err := c.events.Resource().Delete(ctx, key.Namespace, key.Name, &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{
		Uid: proto.String(e.GetMetadata().GetUid()), ResourceVersion: proto.String(e.GetMetadata().GetResourceVersion()),
	}})
	if apierror.IsNotFound(err) {
		return runtime.Result{}, nil
	}
	return runtime.Result{}, err
}

// left is how long the Event has to live.
func (c *controller) left(e *corev1.Event) time.Duration {
	return lastSeen(e).Add(c.ttl).Sub(c.now())
}

// lastSeen is the latest of the times that an Event names.
func lastSeen(e *corev1.Event) time.Time {
	last := e.GetMetadata().GetCreationTimestamp().AsTime()
	if t := e.GetLastTimestamp(); t != nil && t.AsTime().After(last) {
		last = t.AsTime()
	}
	if t := e.GetEventTime(); t != nil && t.AsTime().After(last) {
		last = t.AsTime()
	}
	if t := e.GetSeries().GetLastObservedTime(); t != nil && t.AsTime().After(last) {
		last = t.AsTime()
	}
	return last
}
