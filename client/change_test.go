package client_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
)

// Writers that count in one object lose no count.
func TestUpdateFuncLosesNothing(t *testing.T) {
	maps := client.Of[*corev1.ConfigMap](fake.New(configMap("a", "0")))
	const writers, rounds = 4, 5
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range rounds {
				_, err := maps.UpdateFunc(t.Context(), "default", "a", func(m *corev1.ConfigMap) error {
					n, err := strconv.Atoi(m.GetData()["v"])
					m.Data["v"] = strconv.Itoa(n + 1)
					m.Metadata.ResourceVersion = "" // a change that tries to write blindly
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	got, err := maps.Get(t.Context(), "default", "a")
	if err != nil || got.GetData()["v"] != strconv.Itoa(writers*rounds) {
		t.Errorf("counted to %q, %v", got.GetData()["v"], err)
	}
}

func TestUpdateFuncEnds(t *testing.T) {
	server := fake.NewServer(configMap("a", "0"))
	maps := client.Of[*corev1.ConfigMap](server.Client())
	wrong := errors.New("wrong")
	if _, err := maps.UpdateFunc(t.Context(), "default", "a", func(*corev1.ConfigMap) error { return wrong }); !errors.Is(err, wrong) {
		t.Errorf("an error of the change: %v", err)
	}
	if _, err := maps.UpdateFunc(t.Context(), "default", "b", func(*corev1.ConfigMap) error { return nil }); !apierror.IsNotFound(err) {
		t.Errorf("an absent object: %v", err)
	}
	before := server.Revision()
	if _, err := maps.UpdateFunc(t.Context(), "default", "a", func(*corev1.ConfigMap) error { return nil }); err != nil || server.Revision() != before {
		t.Errorf("a change of nothing was written: %v", err)
	}
	if _, err := maps.UpdateStatusFunc(t.Context(), "default", "a", func(*corev1.ConfigMap) error { return nil }); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("the status of a kind without one: %v", err)
	}
	// Somebody else is always faster.
	server.Intercept(func(_ context.Context, call fake.Call) error {
		if call.Verb == metav1.Verb_VERB_UPDATE {
			return apierror.Conflict("configmaps.core", "default", "a", "")
		}
		return nil
	})
	calls := 0
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := maps.UpdateFunc(ctx, "default", "a", func(m *corev1.ConfigMap) error { calls++; m.Data["v"] = "1"; return nil })
	if !apierror.IsConflict(err) && apierror.ReasonOf(err) != apierror.ReasonTimeout || calls < 2 {
		t.Errorf("after %d tries: %v", calls, err)
	}
}

func TestUpdateStatusFunc(t *testing.T) {
	pods := client.Of[*corev1.Pod](fake.New(&corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "a"}, Status: &corev1.PodStatus{Phase: "Pending"}}))
	stored, err := pods.UpdateStatusFunc(t.Context(), "default", "a", func(p *corev1.Pod) error { p.Status.Phase = "Running"; return nil })
	if err != nil || stored.GetStatus().GetPhase() != "Running" {
		t.Errorf("%v, %v", stored, err)
	}
}
