package client_test

import (
	"context"
	"fmt"
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

// Whoever waits for a write reads it from the cache, however many write and wait at once.
func TestWaitForShowsTheWrite(t *testing.T) {
	h := start(t, client.InformerOptions{})
	var group sync.WaitGroup
	for writer := range 8 {
		group.Go(func() {
			name := fmt.Sprint("m", writer)
			stored, err := h.maps.Create(h.ctx, configMap(name, "0"))
			for round := 1; err == nil && round <= 20; round++ {
				if err = h.informer.WaitForObject(h.ctx, stored); err != nil {
					break
				}
				seen, _ := h.informer.Get("default", name)
				if got, want := seen.GetMetadata().GetResourceVersion(), stored.GetMetadata().GetResourceVersion(); got != want {
					t.Errorf("%s: the cache holds version %s after waiting for %s", name, got, want)
				}
				next := configMap(name, strconv.Itoa(round))
				stored, err = h.maps.Update(h.ctx, next)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestWaitForEnds(t *testing.T) {
	h := start(t, client.InformerOptions{}, configMap("a", "0"))
	ctx, cancel := context.WithTimeout(h.ctx, 10*time.Millisecond)
	defer cancel()
	if err := h.informer.WaitFor(ctx, "1000000"); apierror.ReasonOf(err) != apierror.ReasonTimeout {
		t.Errorf("a revision that does not come: %v", err)
	}
	if err := h.informer.WaitFor(h.ctx, "new"); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("what is no revision: %v", err)
	}
	if err := h.informer.WaitFor(ctx, "1"); err != nil {
		t.Errorf("a revision that is there, with a context that is over: %v", err)
	}
	// A write of another kind comes with the next bookmark.
	secret, err := client.Of[*corev1.Secret](h.server.Client()).Create(h.ctx, &corev1.Secret{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "s"}})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- h.informer.WaitForObject(h.ctx, secret) }()
	h.server.Bookmark()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Who waits before the first list is there waits for it, whatever the revision.
func TestWaitForWaitsForTheFirstList(t *testing.T) {
	server := fake.NewServer(configMap("a", "0"))
	informer := client.NewInformer(client.Of[*corev1.ConfigMap](server.Client()), client.InformerOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	waited, done := make(chan error, 1), make(chan struct{})
	go func() { waited <- informer.WaitFor(ctx, "0") }()
	go func() { defer close(done); _ = informer.Run(ctx) }()
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if _, ok := informer.Get("default", "a"); !ok {
		t.Error("the cache is empty")
	}
	cancel()
	<-done
}

func TestIndexValues(t *testing.T) {
	h := start(t, client.InformerOptions{}, configMap("a", "x"), configMap("b", "y"), configMap("c", "x"))
	h.informer.AddIndex("value", func(m *corev1.ConfigMap) []string { return []string{m.GetData()["v"]} })
	if got := fmt.Sprint(h.informer.IndexValues("value")); got != "[x y]" {
		t.Errorf("values %s", got)
	}
	still := client.NewLister(client.Indexes[*corev1.ConfigMap]{"value": func(m *corev1.ConfigMap) []string { return []string{m.GetData()["v"]} }}, configMap("a", "x"), configMap("b", "y"))
	for name, l := range map[string]client.Lister[*corev1.ConfigMap]{"informer": h.informer, "still": still} {
		if _, ok := l.Get("default", "a"); !ok || len(l.ByIndex("value", "y")) != 1 || len(l.List("default", nil)) < 2 || len(l.List("other", nil)) != 0 {
			t.Errorf("%s reads something else", name)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an index that is not there was read")
		}
	}()
	h.informer.ByIndex("other", "x")
}
