package registry

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// lifecycle is what sets the life of a kind's objects apart from that of most.
type lifecycle struct {
	// createsStatus: the status of a new object is the creator's to say.
	createsStatus bool
	// expires: objects end by themselves some time after they were last written.
	expires bool
	// grace is how many seconds an object has between the request to delete it and its end; nil for none.
	grace func(o kind.Object, opts *metav1.DeleteOptions) int64
	// ending changes an object that begins to be deleted; nil when nothing changes.
	ending func(o kind.Object)
	// held says that an object must stay for a reason beside its finalizers; nil when there is none.
	held func(o kind.Object) bool
}

func (l lifecycle) holds(o kind.Object) bool { return l.held != nil && l.held(o) }

func lifecycleOf(k *kind.Kind) lifecycle {
	switch k.Message {
	case "kaji.core.v1.Node":
		return lifecycle{createsStatus: true}
	case "kaji.core.v1.Event":
		return lifecycle{expires: true}
	case "kaji.core.v1.Pod":
		return lifecycle{grace: podGrace}
	case "kaji.core.v1.Namespace":
		return lifecycle{
			ending: func(o kind.Object) {
				n := o.(*corev1.Namespace)
				if n.Status == nil {
					n.Status = &corev1.NamespaceStatus{}
				}
				n.Status.Phase = "Terminating"
			},
			held: func(o kind.Object) bool { return len(o.(*corev1.Namespace).GetSpec().GetFinalizers()) > 0 },
		}
	}
	return lifecycle{}
}

// podGrace is the time a pod has to end: what the request says, or the pod itself. A pod that runs nowhere, or
// has ended, needs none.
func podGrace(o kind.Object, opts *metav1.DeleteOptions) int64 {
	p := o.(*corev1.Pod)
	if p.GetSpec().GetNodeName() == "" {
		return 0
	}
	if phase := p.GetStatus().GetPhase(); phase == "Succeeded" || phase == "Failed" {
		return 0
	}
	seconds := int64(30)
	switch {
	case opts != nil && opts.GracePeriodSeconds != nil:
		seconds = opts.GetGracePeriodSeconds()
	case p.GetSpec() != nil && p.GetSpec().TerminationGracePeriodSeconds != nil:
		seconds = p.GetSpec().GetTerminationGracePeriodSeconds()
	}
	if seconds < 0 {
		return 1
	}
	return seconds
}

// secondsAfter is a time some seconds later.
func secondsAfter(t *timestamppb.Timestamp, seconds int64) *timestamppb.Timestamp {
	return &timestamppb.Timestamp{Seconds: t.GetSeconds() + seconds}
}
