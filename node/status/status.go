// Package status writes what the node agent says about its pods to the API: each
// pod's status when it has changed, and the pod's deletion when nothing of it is
// left.
//
// It is the only writer of pods' status on a node; conditions of others are kept.
// It refuses to make anyone wait: what is offered replaces what has not been
// written yet, per pod, and is written in the background with retries. A pod's last
// status is written before its deletion. All methods may be called concurrently.
package status

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"k8s.io/client-go/util/workqueue"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// Pods is the part of the API that is written.
type Pods interface {
	Get(ctx context.Context, namespace, name string) (*corev1.Pod, error)
	UpdateStatus(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error)
	Delete(ctx context.Context, namespace, name string, o *metav1.DeleteOptions) error
}

// Own tells whether a condition is the agent's to write.
type Own func(condition string) bool

// Known tells whether the API still has a pod, as far as the agent has heard.
type Known func(podUID string) bool

// Writer writes. Make it with New; run it with Run.
type Writer struct {
	pods  Pods
	own   Own
	known Known
	log   hclog.Logger
	queue workqueue.TypedRateLimitingInterface[string]

	// mu guards wanted and the entries in it; no call is made while it is held.
	mu     sync.Mutex
	wanted map[string]*entry
}

// entry is what is to be written of one pod.
type entry struct {
	base     *corev1.Pod       // the newest form known of the API's object
	status   *corev1.PodStatus // nil: nothing new
	finished bool
}

// The wait between tries.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = 10 * time.Second
	callLimit  = 15 * time.Second
	conflicts  = 5
	// tellAfter so many failures of one pod the log is told.
	tellAfter = 3
)

// New makes a writer.
func New(pods Pods, own Own, known Known, log hclog.Logger) *Writer {
	return &Writer{pods: pods, own: own, known: known, log: log, wanted: map[string]*entry{},
		queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](retryFirst, retryMost))}
}

// Status offers a pod's new status.
func (w *Writer) Status(pod *corev1.Pod, st *corev1.PodStatus) {
	w.offer(pod, func(e *entry) { e.status = st })
}

// Finished says that nothing is left of a deleted pod: it may leave the API.
func (w *Writer) Finished(pod *corev1.Pod) {
	w.offer(pod, func(e *entry) { e.finished = true })
}

func (w *Writer) offer(pod *corev1.Pod, change func(*entry)) {
	uid := pod.GetMetadata().GetUid()
	w.mu.Lock()
	e := w.wanted[uid]
	if e == nil {
		e = &entry{}
		w.wanted[uid] = e
	}
	e.base = newer(e.base, pod)
	change(e)
	w.mu.Unlock()
	w.queue.Add(uid)
}

// Forget drops what was still to be written of a pod that the API has no longer.
func (w *Writer) Forget(podUID string) {
	w.mu.Lock()
	delete(w.wanted, podUID)
	w.mu.Unlock()
}

// Run writes, so many pods at a time, until ctx ends.
func (w *Writer) Run(ctx context.Context, workers int) {
	var wg sync.WaitGroup
	for range max(1, workers) {
		wg.Go(func() {
			for {
				uid, quit := w.queue.Get()
				if quit {
					return
				}
				w.settle(uid, w.write(ctx, uid))
				w.queue.Done(uid)
			}
		})
	}
	<-ctx.Done()
	w.queue.ShutDown()
	wg.Wait()
}

// settle sees to another try after a failure, as long as there is still a pod.
func (w *Writer) settle(uid string, err error) {
	switch {
	case err == nil:
		w.queue.Forget(uid)
	case !w.known(uid):
		w.queue.Forget(uid)
		w.Forget(uid)
	default:
		if w.queue.NumRequeues(uid) == tellAfter {
			w.log.Warn("cannot write a pod's status", "pod", uid, "error", err)
		}
		w.queue.AddRateLimited(uid)
	}
}

// write brings what is offered of one pod to the API. No other worker has the same
// pod meanwhile.
func (w *Writer) write(ctx context.Context, uid string) error {
	w.mu.Lock()
	e := w.wanted[uid]
	if e == nil {
		w.mu.Unlock()
		return nil
	}
	base, st, finished := e.base, e.status, e.finished
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	var gone bool
	var err error
	if st != nil {
		if base, gone, err = w.update(ctx, base, st); err != nil {
			return err
		}
	}
	if finished && !gone {
		if err := w.remove(ctx, base); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if e := w.wanted[uid]; e != nil {
		e.base = newer(e.base, base)
		if e.status == st {
			e.status = nil
		}
		if gone || finished {
			delete(w.wanted, uid)
		}
	}
	return nil
}

// update writes a status unless the API has it already.
func (w *Writer) update(ctx context.Context, base *corev1.Pod, st *corev1.PodStatus) (now *corev1.Pod, gone bool, err error) {
	uid := base.GetMetadata().GetUid()
	for range conflicts {
		next := &corev1.Pod{Metadata: base.GetMetadata(), Spec: base.GetSpec(), Status: w.merge(base.GetStatus(), st)}
		if proto.Equal(next.GetStatus(), base.GetStatus()) {
			return base, false, nil
		}
		written, err := w.pods.UpdateStatus(ctx, next)
		switch {
		case err == nil:
			return written, false, nil
		case apierror.IsNotFound(err):
			return base, true, nil
		case apierror.IsInvalid(err):
			w.log.Error("the API refuses a pod's status", "namespace", base.GetMetadata().GetNamespace(), "name", base.GetMetadata().GetName(), "error", err)
			return base, false, nil
		case !apierror.IsConflict(err):
			return base, false, err
		}
		fresh, err := w.pods.Get(ctx, base.GetMetadata().GetNamespace(), base.GetMetadata().GetName())
		switch {
		case apierror.IsNotFound(err), err == nil && fresh.GetMetadata().GetUid() != uid:
			return base, true, nil
		case err != nil:
			return base, false, err
		}
		base = fresh
	}
	return base, false, apierror.Conflict("pods.core", base.GetMetadata().GetNamespace(), base.GetMetadata().GetName(), "the pod changes too quickly")
}

// merge is the agent's status with what is others' in the API's.
func (w *Writer) merge(have, st *corev1.PodStatus) *corev1.PodStatus {
	next := &corev1.PodStatus{}
	proto.Merge(next, st)
	next.Conditions = nil
	for _, c := range st.GetConditions() {
		if w.own(c.GetType()) {
			next.Conditions = append(next.Conditions, c)
		}
	}
	for _, c := range have.GetConditions() {
		if !w.own(c.GetType()) {
			next.Conditions = append(next.Conditions, c)
		}
	}
	next.NominatedNodeName = have.GetNominatedNodeName()
	next.Resize = have.GetResize()
	return next
}

// remove takes the pod out of the API.
func (w *Writer) remove(ctx context.Context, pod *corev1.Pod) error {
	m := pod.GetMetadata()
	uid, now := m.GetUid(), int64(0)
	err := w.pods.Delete(ctx, m.GetNamespace(), m.GetName(), &metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{Uid: &uid},
	})
	if apierror.IsNotFound(err) || apierror.IsConflict(err) {
		return nil // gone, or another pod of that name
	}
	return err
}

// newer is the one of two forms of an object that the API has written later.
func newer(a, b *corev1.Pod) *corev1.Pod {
	if a == nil || revision(b) > revision(a) {
		return b
	}
	return a
}

func revision(p *corev1.Pod) uint64 {
	n, err := strconv.ParseUint(p.GetMetadata().GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
