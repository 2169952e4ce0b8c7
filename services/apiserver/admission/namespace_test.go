package admission_test

import (
	"context"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/admission"
)

// reader knows some namespaces at once, and others only after it has caught up.
type reader struct {
	cached, fresh map[string]*corev1.Namespace
}

func find(in map[string]*corev1.Namespace, name string) (kind.Object, int64) {
	if ns := in[name]; ns != nil {
		return ns, int64(len(name))
	}
	return nil, 0
}

func (r reader) Cached(_ *kind.Kind, _, name string) (kind.Object, int64) {
	return find(r.cached, name)
}

func (r reader) Fresh(_ context.Context, _ *kind.Kind, _, name string) (kind.Object, int64, error) {
	o, revision := find(r.fresh, name)
	return o, revision, nil
}

func (r reader) All(*kind.Kind) []kind.Object { return nil }

func TestNamespaceLifecycle(t *testing.T) {
	here := &corev1.Namespace{Metadata: &metav1.ObjectMeta{}}
	going := &corev1.Namespace{Metadata: &metav1.ObjectMeta{DeletionTimestamp: timestamppb.Now()}}
	plugin := admission.NamespaceLifecycle{Reader: reader{
		cached: map[string]*corev1.Namespace{"here": here, "again": going, "going": going},
		fresh:  map[string]*corev1.Namespace{"here": here, "new": here, "again": here, "going": going},
	}}
	for namespace, want := range map[string]apierror.Reason{
		"here": "", "new": "", "again": "", "going": apierror.ReasonForbidden, "absent": apierror.ReasonNotFound,
		"kaji-system": apierror.ReasonUnavailable, // about to be made
	} {
		r := &admission.Request{Verb: metav1.Verb_VERB_CREATE, Kind: kind.Lookup("pods"), Namespace: namespace, Name: "a"}
		err := plugin.Mutate(context.Background(), r)
		if apierror.ReasonOf(err) != want {
			t.Errorf("%s: %v, want %q", namespace, err, want)
		}
		guards := r.Guards()
		if err == nil && (len(guards) != 1 || guards[0].Key != "/namespaces.core/-/"+namespace || guards[0].Revision != int64(len(namespace))) {
			t.Errorf("%s is guarded by %v", namespace, guards)
		}
	}
	for kindName, verb := range map[string]metav1.Verb{"nodes": metav1.Verb_VERB_CREATE, "pods": metav1.Verb_VERB_UPDATE} {
		r := &admission.Request{Verb: verb, Kind: kind.Lookup(kindName), Namespace: "absent"}
		if err := plugin.Mutate(context.Background(), r); err != nil || len(r.Guards()) != 0 {
			t.Errorf("%s of %s: %v, guards %v", verb, kindName, err, r.Guards())
		}
	}
}
