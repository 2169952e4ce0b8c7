package runtime

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/client/fake"

	"github.com/hashicorp/go-hclog"
)

func TestScopeSharesInformers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := fake.New(&corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "a", Name: "p", ManagedFields: []*metav1.ManagedFieldsEntry{{Manager: "m"}}}})
		s := NewScope(c, "host", nil, hclog.NewNullLogger())
		pods := Informer[*corev1.Pod](s)
		if Informer[*corev1.Pod](s) != pods {
			t.Error("two informers of one kind")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		if p, ok := pods.Get("a", "p"); !ok || p.GetMetadata().GetManagedFields() != nil {
			t.Errorf("the cache holds %v", p)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// When one part fails, all end, and the failure is what Run returns.
func TestScopeEndsAsOne(t *testing.T) {
	s := NewScope(fake.New(), "", nil, hclog.NewNullLogger())
	wrong := errors.New("wrong")
	ended := false
	s.Add(func(ctx context.Context) error { <-ctx.Done(); ended = true; return nil })
	s.Add(func(context.Context) error { return wrong })
	if err := s.Run(t.Context()); !errors.Is(err, wrong) || !ended {
		t.Errorf("Run: %v, the other ended: %v", err, ended)
	}
}
