package kind_test

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func TestLookup(t *testing.T) {
	for word, want := range map[string]string{
		"po": "pods.core", "pods": "pods.core", "Pod": "pods.core", "deploy": "deployments.apps",
		"deployments.apps": "deployments.apps", "deployment.apps": "deployments.apps", "rs": "replicasets.apps",
		"leases": "leases.coordination.k8s.io", "runtimeclass": "runtimeclasses.node.k8s.io", "svc": "services.core",
	} {
		k := kind.Lookup(word)
		if k == nil || k.String() != want {
			t.Errorf("Lookup(%q) = %v, want %s", word, k, want)
		}
	}
	if k := kind.Lookup("nonsense"); k != nil {
		t.Errorf("Lookup(nonsense) = %v, want nil", k)
	}
}

// Every kind has the verbs that the registry and the clients build on.
func TestEveryKindHasItsVerbs(t *testing.T) {
	if len(kind.All()) < 12 {
		t.Fatalf("only %d kinds found", len(kind.All()))
	}
	for _, k := range kind.All() {
		for _, v := range []metav1.Verb{
			metav1.Verb_VERB_GET, metav1.Verb_VERB_LIST, metav1.Verb_VERB_WATCH, metav1.Verb_VERB_CREATE,
			metav1.Verb_VERB_UPDATE, metav1.Verb_VERB_PATCH, metav1.Verb_VERB_DELETE,
			metav1.Verb_VERB_DELETE_COLLECTION, metav1.Verb_VERB_APPLY,
		} {
			if k.Method(v, "") == nil {
				t.Errorf("%s has no %s", k, v)
			}
		}
		if got := k.Method(metav1.Verb_VERB_UPDATE, "status") != nil; got != k.Options.GetHasStatus() {
			t.Errorf("%s: has UpdateStatus = %v, has_status = %v", k, got, k.Options.GetHasStatus())
		}
		if got := k.Method(metav1.Verb_VERB_GET, "scale") != nil; got != k.Options.GetHasScale() {
			t.Errorf("%s: has GetScale = %v, has_scale = %v", k, got, k.Options.GetHasScale())
		}
		if kind.Of(k.New()) != k {
			t.Errorf("%s does not make its own objects", k)
		}
		if kind.ByAPIVersionKind(k.APIVersion(), k.Name()) != k {
			t.Errorf("%s is not found by %s %s", k, k.APIVersion(), k.Name())
		}
	}
}

func TestKeysAndNames(t *testing.T) {
	pods, nodes := kind.Lookup("pods"), kind.Lookup("nodes")
	if got := pods.Key("default", "web"); got != "/pods.core/default/web" {
		t.Error(got)
	}
	if got := nodes.Key("", "n1"); got != "/nodes.core/-/n1" {
		t.Error(got)
	}
	if got := pods.NamespacePrefix("default"); got != "/pods.core/default/" {
		t.Error(got)
	}
	if got := pods.NamespacePrefix(""); got != "/pods.core/" {
		t.Error(got)
	}
	if got := pods.MethodName(metav1.Verb_VERB_LIST, ""); got != "/kaji.core.v1.PodService/ListPods" {
		t.Error(got)
	}
	if got := pods.MethodName(metav1.Verb_VERB_CREATE, "binding"); got != "/kaji.core.v1.PodService/BindPods" {
		t.Error(got)
	}
	p := &corev1.Pod{}
	kind.Metadata(p).Name = "x"
	if p.GetMetadata().GetName() != "x" {
		t.Error("Metadata did not reach the object")
	}
}
