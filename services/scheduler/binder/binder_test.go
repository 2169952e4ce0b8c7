package binder

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

// script is an API that answers as told, and a handler that notes what it is told.
type script struct {
	bind func(bindings []*corev1.PodBinding) ([]*corev1.PodBindingResult, error)
	get  func(name string) (*corev1.Pod, error)

	mu      sync.Mutex
	told    map[string]string
	batches []int
	reads   int
	done    chan struct{}
	want    int
}

func newScript(want int) *script {
	return &script{told: map[string]string{}, done: make(chan struct{}), want: want}
}

func (s *script) BindPods(_ context.Context, b []*corev1.PodBinding) ([]*corev1.PodBindingResult, error) {
	s.mu.Lock()
	s.batches = append(s.batches, len(b))
	s.mu.Unlock()
	if s.bind == nil {
		return make([]*corev1.PodBindingResult, len(b)), nil
	}
	return s.bind(b)
}

func (s *script) GetPod(_ context.Context, _, name string) (*corev1.Pod, error) {
	s.mu.Lock()
	s.reads++
	s.mu.Unlock()
	return s.get(name)
}

func (s *script) tell(b Binding, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, again := s.told[b.Pod.Name]; again {
		what = before + ", then " + what
	}
	s.told[b.Pod.Name] = what
	if len(s.told) == s.want {
		close(s.done)
	}
}

func (s *script) Bound(b Binding)           { s.tell(b, "bound") }
func (s *script) Failed(b Binding, _ error) { s.tell(b, "failed") }
func (s *script) Unknown(b Binding)         { s.tell(b, "unknown") }
func (s *script) Settled(b Binding, p *corev1.Pod) {
	s.tell(b, "settled on "+p.GetSpec().GetNodeName())
}

func submit(t *testing.T, b *Binder, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := b.Submit(t.Context(), Binding{Pod: st.PodInfo(name), Node: "n1"}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEachAnswer(t *testing.T) {
	unavailable := apierror.Unavailable("down")
	for _, tc := range []struct {
		name string
		code codes.Code
		err  error // of the call as a whole
		pod  *corev1.Pod
		read error
		want string
	}{
		{name: "bound", want: "bound"},
		{name: "gone", code: codes.NotFound, want: "settled on "},
		{name: "gated or being deleted", code: codes.FailedPrecondition, want: "failed"},
		{name: "lost a race to itself", code: codes.Aborted, pod: st.Pod("p", st.On("n1")), want: "bound"},
		{name: "lost a race to another", code: codes.Aborted, pod: st.Pod("p", st.On("n2")), want: "settled on n2"},
		{name: "changed meanwhile", code: codes.Aborted, pod: st.Pod("p"), want: "failed"},
		{name: "answer lost, carried out", err: unavailable, pod: st.Pod("p", st.On("n1")), want: "bound"},
		{name: "answer lost, not carried out", err: unavailable, pod: st.Pod("p"), want: "failed"},
		{name: "answer lost, pod replaced by another of its name", err: unavailable, pod: st.Pod("p", func(p *corev1.Pod) { p.Metadata.Uid = "new" }), want: "settled on "},
		{name: "answer lost, pod gone", err: unavailable, read: apierror.NotFound("pods.core", "default", "p"), want: "settled on "},
		{name: "answer lost, pod cannot be read", err: unavailable, read: unavailable, want: "unknown"},
		{name: "refused as a whole", err: apierror.Forbidden("no"), want: "failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScript(1)
			s.bind = func(b []*corev1.PodBinding) ([]*corev1.PodBindingResult, error) {
				if want := (&corev1.PodBinding{Namespace: "default", Name: "p", Uid: "p", NodeName: "n1"}); !proto.Equal(b[0], want) {
					t.Errorf("asked to bind %v, want %v", b[0], want)
				}
				return []*corev1.PodBindingResult{{Code: int32(tc.code)}}, tc.err
			}
			s.get = func(string) (*corev1.Pod, error) { return tc.pod, tc.read }
			b := New(s, s, hclog.NewNullLogger())
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- b.Run(ctx) }()
			submit(t, b, "p")
			<-s.done
			cancel()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			if s.told["p"] != tc.want {
				t.Errorf("the handler was told %q, want %q", s.told["p"], tc.want)
			}
		})
	}
}

func TestBatchesGatherWhileOneIsUnderWay(t *testing.T) {
	s := newScript(601)
	started, release := make(chan struct{}), make(chan struct{})
	s.bind = func(b []*corev1.PodBinding) ([]*corev1.PodBindingResult, error) {
		if b[0].Name == "first" {
			close(started)
			<-release
		}
		return make([]*corev1.PodBindingResult, len(b)), nil
	}
	b := New(s, s, hclog.NewNullLogger())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	submit(t, b, "first")
	<-started
	for i := range 600 {
		submit(t, b, fmt.Sprint("p", i))
	}
	close(release)
	<-s.done
	cancel()
	<-ended
	if want := []int{1, 256, 256, 88}; !slices.Equal(s.batches, want) {
		t.Errorf("batches of %v, want %v", s.batches, want)
	}
}

func TestUnreadableAPIIsReadOnce(t *testing.T) {
	s := newScript(50)
	down := apierror.Unavailable("down")
	s.bind = func([]*corev1.PodBinding) ([]*corev1.PodBindingResult, error) { return nil, down }
	s.get = func(string) (*corev1.Pod, error) { return nil, down }
	b := New(s, s, hclog.NewNullLogger())
	for i := range 50 {
		submit(t, b, fmt.Sprint("p", i))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	<-s.done
	cancel()
	<-ended
	for name, what := range s.told {
		if what != "unknown" {
			t.Errorf("%s: %s", name, what)
		}
	}
	if s.reads != len(s.batches) {
		t.Errorf("%d reads for %d batches: each waits for a timeout", s.reads, len(s.batches))
	}
}

func TestStopHandsBackWhatWasNotSent(t *testing.T) {
	s := newScript(2)
	b := New(s, s, hclog.NewNullLogger())
	submit(t, b, "p", "q")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Run(ctx); err != nil {
		t.Fatal(err)
	}
	<-s.done
	for _, name := range []string{"p", "q"} {
		if what := s.told[name]; what != "failed" && what != "bound" {
			t.Errorf("%s: %q", name, what)
		}
	}
	if err := b.Submit(t.Context(), Binding{Pod: st.PodInfo("late"), Node: "n1"}); !errors.Is(err, errStopped) {
		t.Errorf("Submit after the end: %v", err)
	}
}

func TestSubmitWaitsForRoom(t *testing.T) {
	s := newScript(maxPending + 1)
	b := New(s, s, hclog.NewNullLogger())
	for i := range maxPending {
		submit(t, b, fmt.Sprint("p", i))
	}
	full, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Submit(full, Binding{Pod: st.PodInfo("q"), Node: "n1"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("no bound: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	submit(t, b, "q")
	<-s.done
	stop()
	<-ended
}
