package apiserver_test

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func TestEachBindingIsTakenOrRefusedForItself(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](s.Client())
	for _, name := range []string{"free", "bound", "other"} {
		check(pods.Create(ctx, newPod(name)))(t)
	}
	gated := newPod("gated")
	gated.Spec.SchedulingGates = []*corev1.PodSchedulingGate{{Name: "kaji.dev/wait"}}
	check(pods.Create(ctx, gated))(t)
	ending := newPod("ending")
	ending.Metadata.Finalizers = []string{"kaji.dev/hold"}
	check(pods.Create(ctx, ending))(t)
	if err := pods.Delete(ctx, "default", "ending", nil); err != nil {
		t.Fatal(err)
	}
	bind(t, s, "bound", "n1")

	cases := []struct {
		binding *corev1.PodBinding
		code    codes.Code
	}{
		{&corev1.PodBinding{Namespace: "default", Name: "free", NodeName: "n2"}, codes.OK},
		{&corev1.PodBinding{Namespace: "default", Name: "bound", NodeName: "n2"}, codes.Aborted},
		{&corev1.PodBinding{Namespace: "default", Name: "other", Uid: "another", NodeName: "n2"}, codes.Aborted},
		{&corev1.PodBinding{Namespace: "default", Name: "gated", NodeName: "n2"}, codes.FailedPrecondition},
		{&corev1.PodBinding{Namespace: "default", Name: "ending", NodeName: "n2"}, codes.FailedPrecondition},
		{&corev1.PodBinding{Namespace: "default", Name: "absent", NodeName: "n2"}, codes.NotFound},
		{&corev1.PodBinding{Namespace: "default", Name: "free", NodeName: "n3"}, codes.Aborted},
	}
	req := &corev1.BindPodsRequest{}
	for _, c := range cases {
		req.Bindings = append(req.Bindings, c.binding)
	}
	resp := check(corev1.NewPodServiceClient(s.Client().Conn()).BindPods(ctx, req))(t)
	for i, c := range cases {
		r := resp.GetResults()[i]
		if codes.Code(r.GetCode()) != c.code || (c.code != codes.OK) != (r.GetMessage() != "" && r.GetReason() != "") {
			t.Errorf("%v: %v, want %s", c.binding, r, c.code)
		}
	}
	p := check(pods.Get(ctx, "default", "free"))(t)
	if p.GetSpec().GetNodeName() != "n2" || p.GetMetadata().GetResourceVersion() != resp.GetResults()[0].GetResourceVersion() {
		t.Errorf("the pod is on %q at %s, the answer says %v", p.GetSpec().GetNodeName(), p.GetMetadata().GetResourceVersion(), resp.GetResults()[0])
	}
	scheduled := ""
	for _, c := range p.GetStatus().GetConditions() {
		if c.GetType() == "PodScheduled" {
			scheduled = c.GetStatus()
		}
	}
	if scheduled != "True" {
		t.Errorf("PodScheduled is %q", scheduled)
	}
}

func TestTriedBindingsBindNothing(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](s.Client())
	for _, name := range []string{"free", "bound"} {
		check(pods.Create(ctx, newPod(name)))(t)
	}
	bind(t, s, "bound", "n1")
	api := corev1.NewPodServiceClient(s.Client().Conn())
	req := &corev1.BindPodsRequest{DryRun: []string{"All"}, Bindings: []*corev1.PodBinding{
		{Namespace: "default", Name: "free", NodeName: "n2"}, {Namespace: "default", Name: "bound", NodeName: "n2"},
		{Namespace: "default", Name: "absent", NodeName: "n2"},
	}}
	resp := check(api.BindPods(ctx, req))(t)
	for i, want := range []codes.Code{codes.OK, codes.Aborted, codes.NotFound} {
		if got := codes.Code(resp.GetResults()[i].GetCode()); got != want {
			t.Errorf("binding %d would be %s, want %s", i, got, want)
		}
	}
	if p := check(pods.Get(ctx, "default", "free"))(t); p.GetSpec().GetNodeName() != "" {
		t.Errorf("it was bound to %s", p.GetSpec().GetNodeName())
	}
	req.DryRun = []string{"Some"}
	if _, err := api.BindPods(ctx, req); apierror.ReasonOf(apierror.FromStatus(err)) != apierror.ReasonBadRequest {
		t.Errorf("an unknown dry run: %v", err)
	}
}

func TestManyPodsAreBoundInOneTransaction(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](s.Client())
	req := &corev1.BindPodsRequest{}
	for i := range 100 {
		p := check(pods.Create(ctx, newPod(fmt.Sprintf("p%d", i))))(t)
		req.Bindings = append(req.Bindings, &corev1.PodBinding{Namespace: "default", Name: p.Metadata.Name, Uid: p.Metadata.Uid, NodeName: "n1"})
	}
	before := check(s.Store.Status(ctx, &storev1.StatusRequest{}))(t).GetRevision()
	resp := check(corev1.NewPodServiceClient(s.Client().Conn()).BindPods(ctx, req))(t)
	after := check(s.Store.Status(ctx, &storev1.StatusRequest{}))(t).GetRevision()
	if after != before+1 {
		t.Errorf("the store went from %d to %d", before, after)
	}
	for _, r := range resp.GetResults() {
		if r.GetCode() != 0 || r.GetResourceVersion() != fmt.Sprint(after) {
			t.Fatalf("%v, want all bound at %d", r, after)
		}
	}
}

// Two schedulers bind the same pods: each pod goes to one of them, and both are told which.
func TestRivalBindings(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](s.Client())
	const n = 50
	for i := range n {
		check(pods.Create(ctx, newPod(fmt.Sprintf("p%d", i))))(t)
	}
	type answer struct {
		node string
		resp *corev1.BindPodsResponse
		err  error
	}
	answers := make(chan answer)
	for _, node := range []string{"n1", "n2", "n3"} {
		api := corev1.NewPodServiceClient(s.Client().Conn())
		go func() {
			req := &corev1.BindPodsRequest{}
			for i := range n {
				req.Bindings = append(req.Bindings, &corev1.PodBinding{Namespace: "default", Name: fmt.Sprintf("p%d", i), NodeName: node})
			}
			resp, err := api.BindPods(ctx, req)
			answers <- answer{node, resp, err}
		}()
	}
	won := map[int]string{}
	for range 3 {
		a := <-answers
		if a.err != nil {
			t.Fatal(a.err)
		}
		for i, r := range a.resp.GetResults() {
			if r.GetCode() == 0 {
				if won[i] != "" {
					t.Errorf("pod %d was bound to %s and %s", i, won[i], a.node)
				}
				won[i] = a.node
			}
		}
	}
	for i := range n {
		p := check(pods.Get(ctx, "default", fmt.Sprintf("p%d", i)))(t)
		if won[i] == "" || p.GetSpec().GetNodeName() != won[i] {
			t.Errorf("pod %d is on %q, the answers say %q", i, p.GetSpec().GetNodeName(), won[i])
		}
	}
}
