package events

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"

	"github.com/hashicorp/go-hclog"
)

func pod(name string) *corev1.Pod {
	return &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name, Uid: "uid-" + name}}
}

// run gives a recorder that is ended, and its events, after f.
func run(t *testing.T, server *fake.Server, f func(*Recorder)) []*corev1.Event {
	t.Helper()
	r := New(server.Client(), "tester", "host", hclog.NewNullLogger())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	f(r)
	synctest.Wait()
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	events, _, err := client.Of[*corev1.Event](server.Client()).List(t.Context(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestRepeatsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := run(t, fake.NewServer(), func(r *Recorder) {
			for range 3 {
				r.Eventf(pod("a"), Warning, "FailedScheduling", "0/%d nodes", 3)
				time.Sleep(time.Second)
			}
			r.Event(pod("b"), Normal, "Scheduled", "bound")
		})
		if len(events) != 2 {
			t.Fatalf("%d events: %v", len(events), events)
		}
		e := events[0]
		if e.GetCount() != 3 || e.GetReason() != "FailedScheduling" || e.GetType() != Warning || e.GetMessage() != "0/3 nodes" || e.GetInvolvedObject().GetName() != "a" {
			t.Errorf("event %v", e)
		}
		if got := e.GetLastTimestamp().AsTime().Sub(e.GetFirstTimestamp().AsTime()); got != 2*time.Second {
			t.Errorf("spans %v", got)
		}
		if e.GetSource().GetComponent() != "tester" || e.GetInvolvedObject().GetKind() != "Pod" || e.GetInvolvedObject().GetApiVersion() != "v1" {
			t.Errorf("source %v, about %v", e.GetSource(), e.GetInvolvedObject())
		}
	})
}

func TestSimilarEventsAreCombined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := run(t, fake.NewServer(), func(r *Recorder) {
			for i := range 20 {
				r.Eventf(pod("a"), Normal, "Created", "number %d", i)
			}
		})
		combined := 0
		for _, e := range events {
			if strings.HasPrefix(e.GetMessage(), combinedPrefix) {
				combined++
				if e.GetCount() != 10 || e.GetMessage() != combinedPrefix+"number 19" {
					t.Errorf("combined %v", e)
				}
			}
		}
		if len(events) != 11 || combined != 1 {
			t.Errorf("%d events, %d combined", len(events), combined)
		}
	})
}

func TestOneObjectIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := run(t, fake.NewServer(), func(r *Recorder) {
			for i := range 200 {
				r.Eventf(pod("a"), Normal, fmt.Sprint("Reason", i), "again")
			}
			r.Event(pod("b"), Normal, "Quiet", "once")
		})
		if len(events) != objectBurst+1 {
			t.Errorf("%d events, want %d of the noisy one and one of the quiet", len(events), objectBurst)
		}
	})
}

func TestRemovedEventsBeginAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := fake.NewServer()
		resource := client.Of[*corev1.Event](server.Client())
		events := run(t, server, func(r *Recorder) {
			r.Event(pod("a"), Normal, "Again", "again")
			synctest.Wait()
			list, _, err := resource.List(t.Context(), "default", nil)
			if err != nil || len(list) != 1 {
				t.Fatalf("%v, %v", list, err)
			}
			if err := resource.Delete(t.Context(), "default", list[0].GetMetadata().GetName(), nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			r.Event(pod("a"), Normal, "Again", "again")
		})
		if len(events) != 1 || events[0].GetCount() != 1 {
			t.Errorf("events %v", events)
		}
	})
}

// The API is away: callers are not held up, the queue stays bounded, what is lost is counted.
func TestNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := fake.NewServer()
		server.Intercept(func(ctx context.Context, _ fake.Call) error {
			<-ctx.Done()
			return apierror.Unavailable("away")
		})
		r := New(server.Client(), "tester", "", hclog.NewNullLogger())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for i := range 3 * queueLength {
			r.Event(pod(fmt.Sprint(i)), Normal, "Reason", "message")
		}
		if d := r.Dropped(); d < queueLength {
			t.Errorf("%d dropped", d)
		}
		cancel()
		<-done
	})
}
