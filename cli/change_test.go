package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestDelete(t *testing.T) {
	api := server(t, running)
	s := newShell(t, api.Client())
	s.fails([]string{"delete which pods?"}, "delete", "pods")
	s.fails([]string{"give --now or --grace-period"}, "delete", "pod", "web-1", "--now", "--grace-period=3")
	s.fails([]string{"--cascade is"}, "delete", "pod", "web-1", "--cascade=up")
	s.fails([]string{`web-9" not found`, "did you mean"}, "delete", "pod", "web-9")
	same(t, s.ok("delete", "pod", "web-9", "--ignore-not-found"), "")
	same(t, s.ok("delete", "pod", "web-2", "--dry-run=client"), `pod "web-2" deleted from default namespace (dry run)`)
	same(t, s.ok("delete", "svc/web", "pod/web-2", "-o", "name"), "service/web\npod/web-2")
	same(t, s.ok("delete", "node", "n1"), `node "n1" deleted`)
	s.fails([]string{"not found"}, "get", "pod", "web-2")
	if r := s.run("delete", "pods", "--all", "-n", "nowhere"); r.code != 0 || !strings.Contains(r.err, "No resources found") {
		t.Errorf("%+v", r)
	}
}

// TestDeleteWaits deletes a pod that its node has to end first.
func TestDeleteWaits(t *testing.T) {
	api := server(t, running)
	s := newShell(t, api.Client())
	out, errs := newBuffer(), newBuffer()
	code := s.start(t.Context(), out, errs, "delete", "pod", "web-1", "--grace-period=5")
	out.await(t, `pod "web-1" deleted`)
	pods := client.Of[*corev1.Pod](s.client)
	p, err := pods.Get(t.Context(), "default", "web-1")
	if err != nil || p.GetMetadata().GetDeletionTimestamp() == nil || p.GetMetadata().GetDeletionGracePeriodSeconds() != 5 {
		t.Fatalf("%v, %v", p, err)
	}
	api.BreakWatches()
	// The node is done with it.
	if err := pods.Delete(t.Context(), "default", "web-1", &metav1.DeleteOptions{GracePeriodSeconds: proto.Int64(0)}); err != nil {
		t.Fatal(err)
	}
	if c := code(); c != 0 {
		t.Errorf("exit status %d: %s", c, errs)
	}
}

// TestDeleteWaitsForThePodsOfADeployment plays the garbage collector and the node.
func TestDeleteWaitsForThePodsOfADeployment(t *testing.T) {
	s, api := rolledOut(t)
	sets, err := client.Of[*appsv1.ReplicaSet](s.client).Get(t.Context(), "default", "web-b")
	if err != nil {
		t.Fatal(err)
	}
	isTrue := true
	api.Seed(&corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: "web-b-1", Namespace: "default", OwnerReferences: []*metav1.OwnerReference{
			{ApiVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-b", Uid: sets.GetMetadata().GetUid(), Controller: &isTrue}}},
		Spec: &corev1.PodSpec{NodeName: "n1"},
	})
	s.fails([]string{"still there after the timeout: pod/web-b-1"}, "delete", "rs/web-b", "--timeout=200ms")
	// The replica set is gone: its pod is nobody's, and not waited for.
	if r := s.run("delete", "deployment/web"); r.code != 0 || strings.Contains(r.err, "Waiting") {
		t.Errorf("%+v", r)
	}
	s2, api := rolledOut(t)
	sets, err = client.Of[*appsv1.ReplicaSet](s2.client).Get(t.Context(), "default", "web-a")
	if err != nil {
		t.Fatal(err)
	}
	api.Seed(&corev1.Pod{
		Metadata: &metav1.ObjectMeta{Name: "web-a-1", Namespace: "default", OwnerReferences: []*metav1.OwnerReference{
			{ApiVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-a", Uid: sets.GetMetadata().GetUid(), Controller: &isTrue}}},
		Spec: &corev1.PodSpec{NodeName: "n1"},
	})
	out, errs := newBuffer(), newBuffer()
	code := s2.start(t.Context(), out, errs, "delete", "deployment/web")
	errs.await(t, "Waiting for 1 pods to end...")
	if err := client.Of[*corev1.Pod](s2.client).Delete(t.Context(), "default", "web-a-1", &metav1.DeleteOptions{GracePeriodSeconds: proto.Int64(0)}); err != nil {
		t.Fatal(err)
	}
	if c := code(); c != 0 {
		t.Errorf("exit status %d: %s", c, errs)
	}
}

func TestDeleteTimesOut(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	s.fails([]string{"still there after the timeout: pod/web-1: its containers on node n1 have not ended"}, "delete", "pod", "web-1", "--timeout=200ms")
	same(t, s.ok("delete", "pod", "web-1", "--force"), `pod "web-1" deleted from default namespace`)
}

func TestScale(t *testing.T) {
	s := newShell(t, server(t, strings.Replace(web, "name: web\n", "name: web\n  namespace: default\n", 1)+"---\n"+running).Client())
	same(t, s.ok("scale", "deployment/web", "--replicas=5"), "deployment.apps/web scaled")
	same(t, s.ok("get", "deploy/web", "-o", "jsonpath={.spec.replicas}"), "5")
	s.fails([]string{"has 5 replicas, not 3"}, "scale", "deploy", "web", "--replicas=1", "--current-replicas=3")
	s.fails([]string{"pods cannot be scaled"}, "scale", "pod/web-1", "--replicas=1")
	s.fails([]string{`required flag(s) "replicas"`}, "scale", "deploy/web")
	s.fails([]string{"0 or more"}, "scale", "deploy/web", "--replicas=-1")
	same(t, s.ok("scale", "deploy", "-l", "app=web", "--replicas=0"), "deployment.apps/web scaled")
}

func TestLabelAndAnnotate(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	same(t, s.ok("label", "pod", "web-1", "web-2", "tier=front"), "pod/web-1 labeled\npod/web-2 labeled")
	s.fails([]string{"label of pod/web-1 has tier=front already", "--overwrite"}, "label", "pod/web-1", "tier=back")
	same(t, s.ok("label", "pod/web-1", "tier=back", "app-", "--overwrite"), "pod/web-1 labeled")
	same(t, s.ok("label", "pod/web-1", "--list"), "tier=back")
	same(t, s.ok("label", "pods", "--all", "tier=back", "--overwrite"), "pod/web-1 not labeled: nothing to change\npod/web-2 labeled")
	same(t, s.ok("annotate", "pod", "web-1", "note=a=b c"), "pod/web-1 annotated")
	same(t, s.ok("get", "pod/web-1", "-o", "jsonpath={.metadata.annotations.note}"), "a=b c")
	s.fails([]string{"which label?"}, "label", "pod", "web-1")
	s.fails([]string{"both set and removed"}, "label", "pod", "web-1", "a=b", "a-")
}

func TestPatch(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	same(t, s.ok("patch", "pod/web-1", "-p", `{"metadata":{"labels":{"x":"1","app":null}}}`), "pod/web-1 patched")
	same(t, s.ok("get", "pod/web-1", "-o", "jsonpath={.metadata.labels}"), `{"x":"1"}`)
	same(t, s.ok("patch", "pod", "web-1", "-p", "metadata: {labels: {x: '1'}}"), "pod/web-1 patched (no change)")
	s.fails([]string{"spec.nodeNam: unknown field", `did you mean "nodeName"?`}, "patch", "pod/web-1", "-p", `{"spec":{"nodeNam":"n2"}}`)
	s.fails([]string{"--type is"}, "patch", "pod/web-1", "-p", "{}", "--type", "x")
	s.fails([]string{"give the patch"}, "patch", "pod/web-1")
	s.fails([]string{"not found"}, "patch", "pod/none", "-p", "{}")
}

func TestSet(t *testing.T) {
	s := newShell(t, server(t, strings.Replace(web, "name: web\n", "name: web\n  namespace: default\n", 1)).Client())
	same(t, s.ok("set", "image", "deployment/web", "web=registry/web:9"), "deployment.apps/web image updated")
	same(t, s.ok("set", "image", "deployment/web", "*=registry/web:9"), "deployment.apps/web unchanged")
	same(t, s.ok("get", "deploy/web", "-o", "jsonpath={.spec.template.spec.containers[0].image}"), "registry/web:9")
	s.fails([]string{`there is no container "wbe"`, `did you mean "web"?`}, "set", "image", "deployment/web", "wbe=x")
	same(t, s.ok("set", "env", "deploy/web", "B=2", "A=1"), "deployment.apps/web env updated")
	same(t, s.ok("set", "env", "deploy", "web", "A-", "B=3"), "deployment.apps/web env updated")
	same(t, s.ok("set", "env", "deploy/web", "--list"), "# deployment.apps/web, container web\nB=3")
	s.fails([]string{"give CONTAINER=VALUE"}, "set", "image", "deployment/web")
}

func TestCordon(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	same(t, s.ok("cordon", "n1"), "node/n1 cordoned")
	same(t, s.ok("cordon", "n1"), "node/n1 already cordoned")
	if out := s.ok("get", "nodes"); !strings.Contains(out, "Ready,SchedulingDisabled") {
		t.Error(out)
	}
	same(t, s.ok("uncordon", "n1"), "node/n1 uncordoned")
}

func TestEdit(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	script := filepath.Join(t.TempDir(), "editor")
	editor := func(text string) {
		t.Helper()
		if err := os.WriteFile(script, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("KAJI_EDITOR", script)
	editor(`sed -i 's/clusterIP: .*/clusterIP: 10.96.0.9/' "$1"`)
	same(t, s.ok("edit", "svc/web"), "service/web edited")
	same(t, s.ok("get", "svc/web", "-o", "jsonpath={.spec.clusterIP}"), "10.96.0.9")
	editor(`true`)
	if r := s.run("edit", "svc/web"); r.code != 0 || !strings.Contains(r.err, "cancelled") {
		t.Errorf("%+v", r)
	}
	// A part of an object is changed where only that part may be: the rest stays as it is.
	s.ok("create", "deployment", "edited", "--image=registry.local/web:1")
	editor(`sed -i '/^status:/,$d; s/replicas: 1/replicas: 7/' "$1"; printf 'status:\n  replicas: 2\n' >> "$1"`)
	same(t, s.ok("edit", "deployment/edited", "--subresource=status"), "deployment.apps/edited edited")
	same(t, s.ok("get", "deployment", "edited", "-o", "jsonpath={.spec.replicas} {.status.replicas}"), "1 2")
	// What is refused comes up again; saved as it was, the edit ends with the reason.
	editor(`sed -i 's/clusterIP:/clusterIQ:/' "$1"`)
	s.fails([]string{`unknown field; did you mean "clusterIP"?`}, "edit", "svc/web")
	editor(`exit 3`)
	s.fails([]string{"editor", "$EDITOR names another"}, "edit", "svc/web")
}

func TestWait(t *testing.T) {
	api := server(t, running)
	s := newShell(t, api.Client())
	out, errs := newBuffer(), newBuffer()
	code := s.start(t.Context(), out, errs, "wait", "pods", "-l", "app=web", "--for=condition=Ready", "--timeout=20s")
	pods := client.Of[*corev1.Pod](s.client)
	for _, name := range []string{"web-1", "web-2"} {
		p, err := pods.Get(t.Context(), "default", name)
		if err != nil {
			t.Fatal(err)
		}
		p = proto.CloneOf(p)
		p.Status.Conditions = []*corev1.PodCondition{{Type: "Ready", Status: "True"}}
		if _, err := pods.UpdateStatus(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if c := code(); c != 0 {
		t.Fatalf("exit status %d: %s", c, errs)
	}
	same(t, out.String(), "pod/web-1 condition met\npod/web-2 condition met")
	same(t, s.ok("wait", "pod/web-1", "--for=jsonpath={.status.phase}=Running"), "pod/web-1 condition met")
	same(t, s.ok("wait", "pod/web-1", "--for=condition=ready", "--timeout=0"), "pod/web-1 condition met")
	same(t, s.ok("wait", "pod/gone", "--for=delete"), "pod/gone deleted")
	same(t, s.ok("wait", "pod/gone", "--for=delete", "--timeout=0"), "pod/gone deleted")
	s.fails([]string{"timed out"}, "wait", "pod/web-1", "--for=delete", "--timeout=0")
	s.fails([]string{"timed out"}, "wait", "pod/gone", "--for=create", "--timeout=0")
	s.fails([]string{"timed out"}, "wait", "pod/web-1", "--for=condition=Luck", "--timeout=0")
	s.fails([]string{"timed out waiting for pod/web-2", "`kaji describe pod/web-2`"}, "wait", "pod/web-2", "--for=jsonpath={.status.phase}=Running", "--timeout=100ms")
	s.fails([]string{"timed out"}, "wait", "pod/web-2", "--for=delete", "--timeout=100ms")
	s.fails([]string{"--for is"}, "wait", "pod/web-1", "--for=luck")
	s.fails([]string{"not found"}, "wait", "pod/none", "--for=condition=Ready")

	code = s.start(t.Context(), out, errs, "wait", "pod/late", "--for=create")
	if _, err := pods.Create(t.Context(), &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "late"}}); err != nil {
		t.Fatal(err)
	}
	if c := code(); c != 0 || !strings.Contains(out.String(), "pod/late created") {
		t.Errorf("exit status %d: %s %s", c, out, errs)
	}
}

// rolledOut is an API with two revisions of a deployment.
func rolledOut(t *testing.T) (*shell, *fake.Server) {
	t.Helper()
	api := server(t, `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default, uid: d, annotations: {deployment.kubernetes.io/revision: "2", kubernetes.io/change-cause: second}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "web:2"}]}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-b, namespace: default, annotations: {deployment.kubernetes.io/revision: "2", kubernetes.io/change-cause: second}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]}
spec: {selector: {}, template: {metadata: {labels: {app: web, pod-template-hash: b}}, spec: {containers: [{name: web, image: "web:2"}]}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-a, namespace: default, annotations: {deployment.kubernetes.io/revision: "1", kubernetes.io/change-cause: first}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]}
spec: {selector: {}, template: {metadata: {labels: {app: web, pod-template-hash: a}}, spec: {containers: [{name: web, image: "web:1", env: [{name: A, value: b}]}]}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: other, namespace: default, annotations: {deployment.kubernetes.io/revision: "9"}}
spec: {selector: {}, template: {}}
`)
	return newShell(t, api.Client()), api
}

func TestRolloutHistoryAndUndo(t *testing.T) {
	s, _ := rolledOut(t)
	same(t, s.ok("rollout", "history", "deployment/web"), "deployment.apps/web\nREVISION   CHANGE-CAUSE\n1          first\n2          second")
	if out := s.ok("rollout", "history", "deploy/web", "--revision=1"); !strings.Contains(out, "revision #1") || !strings.Contains(out, "web:1") || !strings.Contains(out, "A=b") {
		t.Error(out)
	}
	s.fails([]string{"there is no revision 7; there are: 1, 2"}, "rollout", "undo", "deploy/web", "--to-revision=7")
	same(t, s.ok("rollout", "undo", "deployment/web", "--to-revision=2"), "deployment.apps/web skipped rollback (revision 2 is what runs already)")
	same(t, s.ok("rollout", "undo", "deployment/web"), "deployment.apps/web rolled back")
	d, err := client.Of[*appsv1.Deployment](s.client).Get(t.Context(), "default", "web")
	if err != nil {
		t.Fatal(err)
	}
	template := d.GetSpec().GetTemplate()
	if template.GetSpec().GetContainers()[0].GetImage() != "web:1" || template.GetMetadata().GetLabels()["pod-template-hash"] != "" ||
		d.GetMetadata().GetAnnotations()["kubernetes.io/change-cause"] != "first" {
		t.Errorf("%v", d)
	}
	s.fails([]string{"there is no rollout command \"stauts\""}, "rollout", "stauts")
	s.fails([]string{"only deployments roll out"}, "rollout", "undo", "rs/web-a")
	s.fails([]string{"which deployment?"}, "rollout", "undo", "deploy")
}

func TestRolloutPauseResumeRestart(t *testing.T) {
	s, _ := rolledOut(t)
	same(t, s.ok("rollout", "pause", "deployment/web"), "deployment.apps/web paused")
	s.fails([]string{"it is paused already"}, "rollout", "pause", "deployment/web")
	s.fails([]string{"paused", "rollout resume"}, "rollout", "restart", "deployment/web")
	s.fails([]string{"paused", "rollout resume"}, "rollout", "undo", "deployment/web")
	same(t, s.ok("rollout", "resume", "deployment/web"), "deployment.apps/web resumed")
	same(t, s.ok("rollout", "restart", "deployment/web"), "deployment.apps/web restarted")
	same(t, s.ok("get", "deploy/web", "-o", `jsonpath={.spec.template.metadata.annotations}`), `{"kubectl.kubernetes.io/restartedAt":"`+now.Format(time.RFC3339)+`"}`)
}

func TestRolloutStatus(t *testing.T) {
	s, _ := rolledOut(t)
	deployments := client.Of[*appsv1.Deployment](s.client)
	report := func(status *appsv1.DeploymentStatus) {
		t.Helper()
		d, err := deployments.Get(t.Context(), "default", "web")
		if err != nil {
			t.Fatal(err)
		}
		d = proto.CloneOf(d)
		status.ObservedGeneration = d.GetMetadata().GetGeneration()
		d.Status = status
		if _, err := deployments.UpdateStatus(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	out, errs := newBuffer(), newBuffer()
	code := s.start(t.Context(), out, errs, "rollout", "status", "deployment/web")
	out.await(t, "spec update to be observed")
	report(&appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 1})
	out.await(t, "1 out of 2 new replicas have been updated")
	report(&appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 2})
	out.await(t, "1 old replicas are pending termination")
	report(&appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 1})
	out.await(t, "1 of 2 updated replicas are available")
	report(&appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2})
	out.await(t, `deployment "web" successfully rolled out`)
	if c := code(); c != 0 {
		t.Errorf("exit status %d: %s", c, errs)
	}
	report(&appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 1})
	s.fails([]string{"not done in time"}, "rollout", "status", "deployment/web", "--timeout=100ms")
	report(&appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 1, Conditions: []*appsv1.DeploymentCondition{{Type: "Progressing", Status: "False", Reason: "ProgressDeadlineExceeded", Message: "stuck"}}})
	s.fails([]string{"exceeded its progress deadline: stuck", "rollout undo"}, "rollout", "status", "deployment/web")
	if r := s.run("rollout", "status", "deploy/none"); r.code != 1 {
		t.Errorf("%+v", r)
	}
}
