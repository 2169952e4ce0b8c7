package apiserver_test

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	nodev1 "kaji.dev/kaji/gen/kaji/node/v1"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func TestPodsGetAServiceAccount(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](s.Client())
	if got := check(pods.Create(ctx, newPod("a")))(t); got.GetSpec().GetServiceAccountName() != "default" {
		t.Errorf("the service account is %q", got.GetSpec().GetServiceAccountName())
	}
	p := newPod("b")
	p.Spec.ServiceAccountName = "robot"
	if got := check(pods.Create(ctx, p))(t); got.GetSpec().GetServiceAccountName() != "robot" || got.GetSpec().GetServiceAccount() != "robot" {
		t.Errorf("the service account is %q", got.GetSpec().GetServiceAccountName())
	}
}

func TestRuntimeClassesGiveOverheadAndScheduling(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](s.Client())
	p := newPod("a")
	p.Spec.RuntimeClassName = proto.String("sandboxed")
	if _, err := pods.Create(ctx, p); !apierror.IsForbidden(err) {
		t.Errorf("a class that is not there: %v", err)
	}
	check(client.Of[*nodev1.RuntimeClass](s.Client()).Create(ctx, &nodev1.RuntimeClass{
		Metadata: &metav1.ObjectMeta{Name: "sandboxed"}, Handler: "runsc",
		Overhead: &nodev1.Overhead{PodFixed: map[string]*metav1.Quantity{"memory": {String_: "64Mi"}}},
		Scheduling: &nodev1.Scheduling{
			NodeSelector: map[string]string{"sandbox": "yes"},
			Tolerations:  []*corev1.Toleration{{Key: "sandbox", Operator: "Exists"}},
		},
	}))(t)
	got := check(pods.Create(ctx, p))(t).GetSpec()
	tolerates := false
	for _, x := range got.GetTolerations() {
		tolerates = tolerates || x.GetKey() == "sandbox"
	}
	if got.GetOverhead()["memory"].GetString_() != "64Mi" || got.GetNodeSelector()["sandbox"] != "yes" || !tolerates {
		t.Errorf("the pod became %v", got)
	}
	for name, change := range map[string]func(*corev1.PodSpec){
		"other overhead":         func(s *corev1.PodSpec) { s.Overhead = map[string]*metav1.Quantity{"memory": {String_: "1Mi"}} },
		"other node selector":    func(s *corev1.PodSpec) { s.NodeSelector = map[string]string{"sandbox": "no"} },
		"overhead without class": func(s *corev1.PodSpec) { s.RuntimeClassName, s.Overhead = nil, got.GetOverhead() },
	} {
		p := newPod("b")
		p.Spec.RuntimeClassName = proto.String("sandboxed")
		change(p.Spec)
		if _, err := pods.Create(ctx, p); !apierror.IsForbidden(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	same := newPod("c")
	same.Spec.RuntimeClassName = proto.String("sandboxed")
	same.Spec.Overhead = map[string]*metav1.Quantity{"memory": {String_: "65536Ki"}}
	check(pods.Create(ctx, same))(t)
}
