package fake

import (
	"slices"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Finalizers by which a deletion says what shall become of dependents.
const (
	finalizerForeground = "foregroundDeletion"
	finalizerOrphan     = "orphan"
)

func (s *Server) delete(k *kind.Kind, r *metav1.DeleteRequest) (*metav1.Status, error) {
	old, err := s.lookup(k, r.GetNamespace(), r.GetName())
	if err != nil {
		return nil, err
	}
	was, options := old.GetMetadata(), r.GetOptions()
	policy, err := propagation(options)
	if err == nil {
		err = optionsOf(options).check()
	}
	if err != nil {
		return nil, err
	}
	if p := options.GetPreconditions(); p != nil {
		if p.Uid != nil && p.GetUid() != was.GetUid() || p.ResourceVersion != nil && p.GetResourceVersion() != was.GetResourceVersion() {
			return nil, apierror.Conflict(k.String(), r.GetNamespace(), r.GetName(), "a precondition of the deletion does not hold")
		}
	}
	done := &metav1.Status{Status: "Success", Details: &metav1.StatusDetails{Name: r.GetName(), Group: k.Group, Kind: k.Plural(), Uid: was.GetUid()}}
	if len(options.GetDryRun()) > 0 {
		return done, nil
	}
	next := proto.CloneOf(old)
	m := kind.Metadata(next)
	propagate(m, policy)
	grace := gracePeriod(next, options)
	switch {
	case m.GetDeletionTimestamp() == nil:
		m.DeletionTimestamp = timestamppb.New(s.timestamp().AsTime().Add(time.Duration(grace) * time.Second))
		m.DeletionGracePeriodSeconds = proto.Int64(grace)
		if m.Generation > 0 {
			m.Generation++
		}
	case grace < m.GetDeletionGracePeriodSeconds():
		begun := m.GetDeletionTimestamp().AsTime().Add(-time.Duration(m.GetDeletionGracePeriodSeconds()) * time.Second)
		m.DeletionTimestamp = timestamppb.New(begun.Add(time.Duration(grace) * time.Second))
		m.DeletionGracePeriodSeconds = proto.Int64(grace)
	}
	if ns, ok := next.(*corev1.Namespace); ok {
		if ns.Status == nil {
			ns.Status = &corev1.NamespaceStatus{}
		}
		ns.Status.Phase = "Terminating"
	}
	if finished(next) {
		s.remove(k, k.Key(r.GetNamespace(), r.GetName()))
		return done, nil
	}
	if !proto.Equal(old, next) {
		s.commit(k, next)
	}
	return done, nil
}

// propagate adds the finalizer that the wanted propagation works by.
func propagate(m *metav1.ObjectMeta, policy string) {
	want := map[string]string{"Foreground": finalizerForeground, "Orphan": finalizerOrphan}[policy]
	if policy != "" {
		m.Finalizers = slices.DeleteFunc(m.Finalizers, func(f string) bool {
			return f != want && (f == finalizerForeground || f == finalizerOrphan)
		})
	}
	if want != "" && !slices.Contains(m.Finalizers, want) {
		m.Finalizers = append(m.Finalizers, want)
	}
}

// gracePeriod is how long a pod on a node may take to end, in seconds; other objects take none.
func gracePeriod(o kind.Object, options *metav1.DeleteOptions) int64 {
	pod, ok := o.(*corev1.Pod)
	if !ok || pod.GetSpec().GetNodeName() == "" || slices.Contains([]string{"Succeeded", "Failed"}, pod.GetStatus().GetPhase()) {
		return 0
	}
	switch {
	case options.GetGracePeriodSeconds() < 0:
		return 1
	case options != nil && options.GracePeriodSeconds != nil:
		return options.GetGracePeriodSeconds()
	case pod.GetSpec().TerminationGracePeriodSeconds != nil:
		return pod.GetSpec().GetTerminationGracePeriodSeconds()
	}
	return 30
}
