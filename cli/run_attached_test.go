package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// kubelet sets the status of pods.
type kubelet struct {
	t    *testing.T
	pods *client.Resource[*corev1.Pod]
}

func (k kubelet) set(ctx context.Context, name string, status *corev1.PodStatus) {
	p, err := k.pods.Get(ctx, "default", name)
	if err == nil {
		p = proto.CloneOf(p)
		p.Status = status
		_, err = k.pods.UpdateStatus(ctx, p)
	}
	if err != nil && ctx.Err() == nil {
		k.t.Error(err)
	}
}

func containerRuns(name string) *corev1.PodStatus {
	return &corev1.PodStatus{Phase: "Running", ContainerStatuses: []*corev1.ContainerStatus{{Name: name, ContainerId: "c://1",
		State: &corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}
}

func containerEnded(name, phase string, code int32) *corev1.PodStatus {
	return &corev1.PodStatus{Phase: phase, ContainerStatuses: []*corev1.ContainerStatus{{Name: name, ContainerId: "c://1",
		State: &corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, ContainerId: "c://1"}}}}}
}

// starts sets the first status of every pod that is made.
func starts(t *testing.T, api *fake.Server, first func(name string) *corev1.PodStatus) kubelet {
	t.Helper()
	k := kubelet{t, client.Of[*corev1.Pod](api.Client())}
	w, err := k.pods.Watch(t.Context(), "default", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	seen := map[string]bool{}
	go func() {
		defer close(done)
		for {
			e, err := w.Recv()
			if err != nil {
				return
			}
			if name := e.Object.GetMetadata().GetName(); !seen[name] {
				seen[name] = true
				k.set(t.Context(), name, first(name))
			}
		}
	}()
	t.Cleanup(func() { w.Stop(); <-done })
	return k
}

func (k kubelet) exists(name string) bool {
	_, err := k.pods.Get(k.t.Context(), "default", name)
	if err != nil && !apierror.IsNotFound(err) {
		k.t.Error(err)
	}
	return err == nil
}

func TestRunAttached(t *testing.T) {
	s, n, api := newNodeOf(t, "")
	k := starts(t, api, containerRuns)
	var asked *corev1.PodAttachOptions
	n.attach = func(start *corev1.PodAttachStart, stream attachStream) error {
		asked = start.GetOptions()
		for {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) || m.GetCloseStdin() {
				k.set(t.Context(), start.GetName(), containerEnded(start.GetName(), "Failed", 4))
				return nil
			}
			if err != nil {
				return err
			}
			if err := stream.Send(&corev1.PodAttachResponse{Message: &corev1.PodAttachResponse_Stdout{Stdout: m.GetStdin()}}); err != nil {
				return err
			}
		}
	}
	s.in = "typed"
	r := s.run("run", "-i", "--rm", "one", "--image=i", "--restart=Never")
	if r.out != "typed" || r.code != 4 || !strings.Contains(r.err, "pod/one deleted") {
		t.Errorf("%+v", r)
	}
	if k.exists("one") {
		t.Error("--rm leaves the pod")
	}
	if !asked.GetStdin() || asked.GetTty() || asked.GetContainer() != "one" {
		t.Errorf("asked for %v", asked)
	}
	if r := s.run("run", "-iq", "kept", "--image=i", "--restart=Never"); r != (result{"typed", "", 4}) {
		t.Errorf("quiet: %+v", r)
	}
	p, err := k.pods.Get(t.Context(), "default", "kept")
	if err != nil || !p.GetSpec().GetContainers()[0].GetStdin() || !p.GetSpec().GetContainers()[0].GetStdinOnce() {
		t.Errorf("%v %v", p, err)
	}
	if out := s.ok("run", "shown", "-it", "--image=i", "--dry-run=client", "-o", "yaml"); !strings.Contains(out, "stdinOnce: true") || !strings.Contains(out, "tty: true") {
		t.Error(out)
	}
	s.fails([]string{"--rm is for attached"}, "run", "x", "--image=i", "--rm")
	s.fails([]string{"-t wants -i"}, "run", "x", "--image=i", "-t")
	s.fails([]string{"--dry-run"}, "run", "x", "--image=i", "--attach", "--dry-run=client")
}

// One that has ended before anybody could attach has a log.
func TestRunAttachedToWhatHasEnded(t *testing.T) {
	logOf := func(name string) string {
		return fmt.Sprintf("first of %s/%s\nsecond of %s/%s\nno end", name, name, name, name)
	}
	t.Run("before it was seen to run", func(t *testing.T) {
		s, _, api := newNodeOf(t, "")
		k := starts(t, api, func(name string) *corev1.PodStatus { return containerEnded(name, "Failed", 3) })
		if r := s.run("run", "--attach", "--rm", "-q", "quick", "--image=i", "--restart=Never"); r != (result{logOf("quick"), "", 3}) {
			t.Errorf("%+v", r)
		}
		if k.exists("quick") {
			t.Error("--rm leaves the pod")
		}
	})
	t.Run("before it was attached to", func(t *testing.T) {
		s, n, api := newNodeOf(t, "")
		k := starts(t, api, containerRuns)
		n.attach = func(start *corev1.PodAttachStart, _ attachStream) error {
			k.set(t.Context(), start.GetName(), containerEnded(start.GetName(), "Succeeded", 0))
			return apierror.ToStatus(apierror.FailedPrecondition("it does not run"))
		}
		if r := s.run("run", "--attach", "-q", "quick", "--image=i", "--restart=Never"); r != (result{logOf("quick"), "", 0}) {
			t.Errorf("%+v", r)
		}
	})
	t.Run("before it said a word", func(t *testing.T) {
		s, n, api := newNodeOf(t, "")
		k := starts(t, api, containerRuns)
		n.attach = func(start *corev1.PodAttachStart, _ attachStream) error {
			k.set(t.Context(), start.GetName(), containerEnded(start.GetName(), "Succeeded", 0))
			return nil
		}
		if r := s.run("run", "--attach", "-q", "quick", "--image=i", "--restart=Never"); r != (result{logOf("quick"), "", 0}) {
			t.Errorf("%+v", r)
		}
	})
}

func TestRunAttachedIsInterrupted(t *testing.T) {
	s, n, api := newNodeOf(t, "")
	k := starts(t, api, containerRuns)
	attached := make(chan struct{})
	n.attach = func(_ *corev1.PodAttachStart, stream attachStream) error {
		close(attached)
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	ctx, cancel := context.WithCancel(t.Context())
	out, errs := newBuffer(), newBuffer()
	code := s.start(ctx, out, errs, "run", "--attach", "--rm", "long", "--image=i")
	<-attached
	cancel()
	if c := code(); c != 130 || !strings.Contains(errs.String(), "pod/long deleted") {
		t.Errorf("exit status %d: %s", c, errs)
	}
	if k.exists("long") {
		t.Error("--rm leaves the pod")
	}
}

func TestRunAttachedThatNeverRuns(t *testing.T) {
	s, _, api := newNodeOf(t, "")
	starts(t, api, func(name string) *corev1.PodStatus {
		return &corev1.PodStatus{Phase: "Pending", ContainerStatuses: []*corev1.ContainerStatus{{Name: name,
			State: &corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"}}}}}
	})
	s.fails([]string{"Waiting for pod bad", "does not run after", "ErrImagePull: no such image", "pod/bad deleted"}, "run", "--attach", "--rm", "bad", "--image=i", "--pod-running-timeout=200ms")
}
