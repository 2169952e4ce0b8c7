package conditions

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

// store holds one pod; its first writes fail as told.
type store struct {
	mu     sync.Mutex
	pod    *corev1.Pod
	fails  []error
	writes int
	wrote  chan struct{}
}

func (s *store) Get(context.Context, string, string) (*corev1.Pod, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return proto.CloneOf(s.pod), nil
}

func (s *store) UpdateStatus(_ context.Context, p *corev1.Pod) (*corev1.Pod, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.fails) > 0 {
		err := s.fails[0]
		s.fails = s.fails[1:]
		return nil, err
	}
	s.writes++
	s.pod.Status = proto.CloneOf(p.Status)
	s.wrote <- struct{}{}
	return p, nil
}

func (s *store) lookup(string, string) (*corev1.Pod, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return proto.CloneOf(s.pod), true
}

func run(t *testing.T, s *store) *Writer {
	s.wrote = make(chan struct{}, 10)
	w := New(s, s.lookup, hclog.NewNullLogger())
	w.now = func() time.Time { return time.Unix(100, 0) }
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return w
}

func TestWritesAndKeepsTheTimeOfTransition(t *testing.T) {
	s := &store{pod: st.Pod("p")}
	w := run(t, s)
	w.Set(st.PodInfo("p"), "Unschedulable", "one")
	<-s.wrote
	want := &corev1.PodCondition{Type: "PodScheduled", Status: "False", Reason: "Unschedulable", Message: "one", LastTransitionTime: &timestamppb.Timestamp{Seconds: 100}}
	if got := s.pod.Status.Conditions; len(got) != 1 || !proto.Equal(got[0], want) {
		t.Fatalf("conditions %v, want %v", got, want)
	}
	w.now = func() time.Time { return time.Unix(200, 0) }
	w.Set(st.PodInfo("p"), "Unschedulable", "two")
	<-s.wrote
	if c := s.pod.Status.Conditions[0]; c.Message != "two" || c.LastTransitionTime.Seconds != 100 {
		t.Errorf("condition %v: want the new message and the old time", c)
	}
}

func TestWritesNothingNeedless(t *testing.T) {
	said := func(p *corev1.Pod) {
		p.Status.Conditions = []*corev1.PodCondition{{Type: "PodScheduled", Status: "False", Reason: "Unschedulable", Message: "m"}}
	}
	for _, tc := range []struct {
		name string
		pod  *corev1.Pod
	}{
		{"said already", st.Pod("p", said)},
		{"bound meanwhile", st.Pod("p", st.On("n1"))},
		{"being deleted", st.Pod("p", st.Deleting())},
		{"another pod of the name", st.Pod("p", func(p *corev1.Pod) { p.Metadata.Uid = "other" })},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &store{pod: tc.pod}
			w := run(t, s)
			w.Set(st.PodInfo("p"), "Unschedulable", "m")
			if len(w.order) != 0 || s.writes != 0 {
				t.Errorf("%d wishes, %d writes", len(w.order), s.writes)
			}
		})
	}
}

func TestConflictsAreOvercome(t *testing.T) {
	conflict := apierror.Conflict("pods.core", "default", "p", "changed")
	s := &store{pod: st.Pod("p"), fails: []error{conflict, conflict}}
	w := run(t, s)
	w.Set(st.PodInfo("p"), "Unschedulable", "m")
	<-s.wrote
	if s.writes != 1 || s.pod.Status.Conditions[0].Message != "m" {
		t.Errorf("%d writes, conditions %v", s.writes, s.pod.Status.Conditions)
	}
}

func TestLastWishWins(t *testing.T) {
	s := &store{pod: st.Pod("p"), wrote: make(chan struct{}, 10)}
	w := New(s, s.lookup, hclog.NewNullLogger()) // not running yet
	for _, m := range []string{"one", "two", "three"} {
		w.Set(st.PodInfo("p"), "Unschedulable", m)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.Run(ctx) }()
	<-s.wrote
	cancel()
	<-ended
	if s.writes != 1 || s.pod.Status.Conditions[0].Message != "three" {
		t.Errorf("%d writes, conditions %v", s.writes, s.pod.Status.Conditions)
	}
}
