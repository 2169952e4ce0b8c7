// Package conditions keeps the PodScheduled condition of pods that have no node.
//
// It owns that condition, with status False, until the pod is bound (binding sets it True). It refuses to write what is there
// already, and to hold anyone up: what is wanted is noted, the last wish per pod wins, and a few workers write. Set may be called concurrently; Run once.
package conditions

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
)

const (
	podScheduled = "PodScheduled"
	workers      = 4
	attempts     = 5
	firstRetry   = 200 * time.Millisecond
	callTimeout  = 10 * time.Second
)

// Pods reads and writes pods; *client.Resource[*corev1.Pod] is one.
type Pods interface {
	Get(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	UpdateStatus(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error)
}

// Lookup finds a pod in a cache.
type Lookup func(namespace, name string) (*corev1.Pod, bool)

// Writer writes conditions.
type Writer struct {
	pods   Pods
	lookup Lookup
	log    hclog.Logger
	now    func() time.Time

	mu     sync.Mutex
	wanted map[string]wish // by uid
	order  []string
	wake   chan struct{} // capacity: workers
}

type wish struct {
	namespace, name, uid string
	reason, message      string
}

// New returns a Writer; Run makes it work.
func New(pods Pods, lookup Lookup, log hclog.Logger) *Writer {
	return &Writer{pods: pods, lookup: lookup, log: log, now: time.Now, wanted: map[string]wish{}, wake: make(chan struct{}, workers)}
}

// Set says why a pod has no node. Nothing is written when its condition says so already.
func (w *Writer) Set(p *framework.PodInfo, reason, message string) {
	x := wish{p.Namespace, p.Name, p.UID, reason, message}
	w.mu.Lock()
	if _, waiting := w.wanted[x.uid]; !waiting {
		// A wish that waits may differ from what the cache shows, so this shortcut is for pods without one.
		if pod, ok := w.lookup(x.namespace, x.name); ok && !x.differs(pod) {
			w.mu.Unlock()
			return
		}
		w.order = append(w.order, x.uid)
	}
	w.wanted[x.uid] = x
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run writes until ctx ends. Wishes that are left are dropped: whoever schedules next makes its own.
func (w *Writer) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for range workers {
		running.Go(func() {
			for {
				x, ok := w.take()
				if ok {
					w.write(ctx, x)
				}
				if ctx.Err() != nil {
					return
				}
				if ok {
					continue
				}
				select {
				case <-ctx.Done():
					return
				case <-w.wake:
				}
			}
		})
	}
	running.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.order = nil
	clear(w.wanted)
	return nil
}

func (w *Writer) take() (wish, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.order) == 0 {
		return wish{}, false
	}
	uid := w.order[0]
	w.order = w.order[1:]
	x := w.wanted[uid]
	delete(w.wanted, uid)
	return x, true
}

// write brings one condition to what is wanted, over conflicts and passing failures.
func (w *Writer) write(ctx context.Context, x wish) {
	pod, known := w.lookup(x.namespace, x.name)
	wait := firstRetry
	for attempt := 1; ; attempt++ {
		err := w.try(ctx, x, pod, known)
		if err == nil || ctx.Err() != nil || apierror.IsNotFound(err) {
			return
		}
		if attempt == attempts {
			w.log.Warn("cannot write the pod's condition", "pod", x.namespace+"/"+x.name, "reason", x.reason, "error", err)
			return
		}
		known = false // read it anew: the cache may be behind
		if apierror.IsConflict(err) {
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		wait *= 2
	}
}

func (w *Writer) try(ctx context.Context, x wish, pod *corev1.Pod, known bool) error {
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if !known {
		var err error
		if pod, err = w.pods.Get(call, x.namespace, x.name); err != nil {
			return err
		}
	}
	if !x.differs(pod) {
		return nil
	}
	pod = proto.CloneOf(pod)
	if pod.Status == nil {
		pod.Status = &corev1.PodStatus{}
	}
	pod.Status.Conditions = x.apply(pod.Status.Conditions, timestamppb.New(w.now()))
	_, err := w.pods.UpdateStatus(call, pod)
	return err
}

// differs tells whether the wish is about this pod, which still has no node, and not fulfilled.
func (x wish) differs(pod *corev1.Pod) bool {
	if pod.GetMetadata().GetUid() != x.uid || pod.GetSpec().GetNodeName() != "" || pod.GetMetadata().GetDeletionTimestamp() != nil {
		return false
	}
	for _, c := range pod.GetStatus().GetConditions() {
		if c.GetType() == podScheduled {
			return c.GetStatus() != "False" || c.GetReason() != x.reason || c.GetMessage() != x.message
		}
	}
	return true
}

// apply returns the conditions with the wish fulfilled. The time of transition is kept while the status stays.
func (x wish) apply(conditions []*corev1.PodCondition, now *timestamppb.Timestamp) []*corev1.PodCondition {
	for _, c := range conditions {
		if c.GetType() == podScheduled {
			if c.GetStatus() != "False" {
				c.Status, c.LastTransitionTime = "False", now
			}
			c.Reason, c.Message = x.reason, x.message
			return conditions
		}
	}
	return append(conditions, &corev1.PodCondition{
		Type: podScheduled, Status: "False", Reason: x.reason, Message: x.message, LastTransitionTime: now,
	})
}
