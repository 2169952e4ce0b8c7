package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// rig is a cluster that many tests share, with an image of busybox for their pods.
type rig struct {
	*Cluster
	api   *client.Client
	image string
}

func newRig(t *testing.T, flags ...string) *rig {
	t.Helper()
	r := &rig{Cluster: up(t, flags...)}
	r.kaji("image", "build", "test/busybox:1", "/bin/busybox", "--shell", "--user=0:0", "--dir="+r.cfg.Dir)
	r.image = r.cfg.Registry() + "/test/busybox:1"
	r.api = r.client()
	return r
}

// together is how many tests of a rig run at once. They wait more than they work.
const together = 8

// each runs the tests on the rig, several at a time.
func (r *rig) each(t *testing.T, tests map[string]func(*rig)) {
	t.Helper()
	var wg sync.WaitGroup
	defer wg.Wait()
	free := make(chan struct{}, together)
	for name, test := range tests {
		wg.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			t.Run(name, func(t *testing.T) {
				mine := *r
				mine.Cluster = r.in(t)
				test(&mine)
			})
		})
	}
}

// run applies a manifest in which IMAGE stands for the busybox image and REGISTRY for the cluster's registry.
func (r *rig) run(manifest string) {
	r.t.Helper()
	r.apply(strings.NewReplacer("IMAGE", r.image, "REGISTRY", r.cfg.Registry()).Replace(manifest))
}

// pod is a pod once ok holds for it.
func (r *rig) pod(name, what string, ok func(*corev1.Pod) bool) *corev1.Pod {
	r.t.Helper()
	var last *corev1.Pod
	until(r.t, "pod "+name+" "+what, func() error {
		p, err := client.Of[*corev1.Pod](r.api).Get(r.t.Context(), "default", name)
		if err != nil {
			return err
		}
		last = p
		if !ok(p) {
			return fmt.Errorf("it is %v", p.GetStatus())
		}
		return nil
	})
	return last
}

// phase is a pod in that phase.
func (r *rig) phase(name, phase string) *corev1.Pod {
	r.t.Helper()
	return r.pod(name, "is "+phase, func(p *corev1.Pod) bool { return p.GetStatus().GetPhase() == phase })
}

// ready is a pod that is Ready.
func (r *rig) ready(name string) *corev1.Pod {
	r.t.Helper()
	return r.pod(name, "is Ready", isReady)
}

// waits is a pod whose first container waits for that reason.
func (r *rig) waits(name, reason string) *corev1.Pod {
	r.t.Helper()
	return r.pod(name, "waits with "+reason, func(p *corev1.Pod) bool { return state(p, 0).GetWaiting().GetReason() == reason })
}

func isReady(p *corev1.Pod) bool { return condition(p, "Ready") == "True" }

func condition(p *corev1.Pod, name string) string {
	for _, c := range p.GetStatus().GetConditions() {
		if c.GetType() == name {
			return c.GetStatus()
		}
	}
	return ""
}

// state is the state of a pod's i-th container; an empty one when there is none yet.
func state(p *corev1.Pod, i int) *corev1.ContainerState {
	if s := p.GetStatus().GetContainerStatuses(); i < len(s) {
		return s[i].GetState()
	}
	return nil
}

// event waits for an event about an object.
func (r *rig) event(name, reason, text string) {
	r.t.Helper()
	until(r.t, "event "+reason+" of "+name, func() error {
		all, _, err := client.Of[*corev1.Event](r.api).List(r.t.Context(), "default", &metav1.ListOptions{FieldSelector: "involvedObject.name=" + name})
		if err != nil {
			return err
		}
		var seen []string
		for _, e := range all {
			if e.GetReason() == reason && strings.Contains(e.GetMessage(), text) {
				return nil
			}
			seen = append(seen, e.GetReason()+": "+e.GetMessage())
		}
		return fmt.Errorf("there are %q", seen)
	})
}

// contains fails the test for every text that the output lacks.
func contains(t *testing.T, what, out string, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if !strings.Contains(out, s) {
			t.Errorf("%s lacks %q:\n%s", what, s, out)
		}
	}
}

// fails runs a command that must end with that exit status and say those texts.
func (r *rig) fails(code int, texts []string, args ...string) {
	r.t.Helper()
	r.failsIn("", code, texts, args...)
}

// failsIn is fails with standard input.
func (r *rig) failsIn(stdin string, code int, texts []string, args ...string) {
	r.t.Helper()
	out, err := r.tryIn(stdin, args...)
	if exitCode(err) != code {
		r.t.Errorf("kaji %s: %v, want exit status %d\n%s", strings.Join(args, " "), err, code, out)
	}
	contains(r.t, "kaji "+strings.Join(args, " "), out, texts...)
}

// remove deletes a pod at once, if it is there.
func (r *rig) remove(name string) {
	err := client.Of[*corev1.Pod](r.api).Delete(context.Background(), "default", name, &metav1.DeleteOptions{GracePeriodSeconds: proto.Int64(1)})
	if err != nil && !apierror.IsNotFound(err) {
		r.t.Error(err)
	}
}
