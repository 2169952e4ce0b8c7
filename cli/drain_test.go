package cli_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/apiserver/apitest"
)

const drainPods = `
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {rack: "7"}}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: u1, controller: true}]}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: agent, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: agent, uid: u2, controller: true}]}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: lone}
spec: {nodeName: n1, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: scratch, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web, uid: u1, controller: true}]}
spec: {nodeName: n1, containers: [{name: c, image: i}], volumes: [{name: v, emptyDir: {}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: elsewhere}
spec: {nodeName: n2, containers: [{name: c, image: i}]}
`

// drainShell is an API server with nodes and pods that run. Nothing ends pods there, so tests drain with no grace.
func drainShell(t *testing.T) (*shell, *apitest.Server) {
	t.Helper()
	s, api := realShell(t)
	s.ok("apply", "-f", write(t, "pods.yaml", drainPods))
	pods := client.Of[*corev1.Pod](api.Client())
	items, _, err := pods.List(context.Background(), "default", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range items {
		p = proto.CloneOf(p)
		p.Status.Phase = "Running"
		if _, err := pods.UpdateStatus(context.Background(), p); err != nil {
			t.Fatal(err)
		}
	}
	return s, api
}

func TestDrainAsksBeforeItLosesAnything(t *testing.T) {
	s, _ := drainShell(t)
	s.fails([]string{
		`Pods of a DaemonSet: default/agent`, "--ignore-daemonsets",
		"emptyDir volumes, whose data would be lost: default/scratch", "--delete-emptydir-data",
		"no controller makes anew: default/lone", "--force",
	}, "drain", "n1")
	same(t, s.ok("get", "node", "n1", "-o", "jsonpath={.spec.unschedulable}"), "true")
	same(t, s.ok("get", "pods", "-o", "name"), "pod/agent\npod/elsewhere\npod/lone\npod/scratch\npod/web")
	s.fails([]string{"not found"}, "drain", "n3")
	s.fails([]string{`no nodes match "rack=8"`}, "drain", "-l", "rack=8")
	for _, args := range [][]string{{"drain"}, {"drain", "n1", "-l", "a=b"}, {"drain", "n1", "--dry-run=maybe"}} {
		if r := s.run(args...); r.code == 0 {
			t.Errorf("%v went well: %+v", args, r)
		}
	}
}

func TestDrain(t *testing.T) {
	s, _ := drainShell(t)
	all := []string{"--ignore-daemonsets", "--delete-emptydir-data", "--force", "--grace-period=0"}
	dry := s.ok(append([]string{"drain", "-l", "rack=7", "--dry-run=server"}, all...)...)
	same(t, dry, `node/n1 cordoned (server dry run)
evicting pod default/lone (server dry run)
evicting pod default/scratch (server dry run)
evicting pod default/web (server dry run)
node/n1 drained (server dry run)`)
	same(t, s.ok("get", "node", "n1", "-o", "jsonpath={.spec.unschedulable}"), "")
	same(t, s.ok(append([]string{"drain", "n1", "--pod-selector=app=web"}, all...)...), `node/n1 cordoned
evicting pod default/web
pod/web evicted
node/n1 drained`)
	r := s.run(append([]string{"drain", "n1", "--disable-eviction"}, all...)...)
	same(t, r.out, `node/n1 already cordoned
evicting pod default/lone
evicting pod default/scratch
pod/lone deleted
pod/scratch deleted
node/n1 drained`)
	for _, want := range []string{"ignoring Pods of a DaemonSet: default/agent", "evicting Pods that no controller makes anew: default/lone"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("no %q in %s", want, r.err)
		}
	}
	same(t, s.ok("get", "pods", "-o", "name"), "pod/agent\npod/elsewhere")
	same(t, s.ok("uncordon", "n1"), "node/n1 uncordoned")
}

func TestDrainGivesUpInTime(t *testing.T) {
	s, _ := drainShell(t)
	// No agent ends the pod.
	s.fails([]string{`node "n1" is not drained after 300ms`, "pod/web", "they stay cordoned"},
		"drain", "n1", "--pod-selector=app=web", "--timeout=300ms")
}

func TestDrainWaitsForBudgets(t *testing.T) {
	api := server(t, strings.ReplaceAll(drainPods, "kind: Pod\nmetadata: {", "kind: Pod\nmetadata: {namespace: default, "))
	s := &shell{t: t, client: client.New(api)}
	refusals := 0
	api.Intercept(func(_ context.Context, c fake.Call) error {
		if c.Subresource != "eviction" || c.Name != "web" || refusals == 2 {
			return nil
		}
		refusals++
		return apierror.DisruptionBudget("default", "web", "the disruption budget web needs 1 healthy pods and has 1 currently", 1)
	})
	r := s.run("drain", "n1", "--pod-selector=app=web", "--grace-period=0")
	if r.code != 0 || refusals != 2 {
		t.Fatalf("%d refusals: %+v", refusals, r)
	}
	if n := strings.Count(r.err, "waiting for pod default/web: "); n != 1 || !strings.Contains(r.err, "needs 1 healthy pods") {
		t.Errorf("it said %q", r.err)
	}
	if n := strings.Count(r.out, "evicting pod default/web"); n != 1 {
		t.Errorf("it said %q", r.out)
	}
}

func TestTaint(t *testing.T) {
	s, _ := drainShell(t)
	taints := func() string {
		t.Helper()
		return s.ok("get", "node", "n1", "-o", "jsonpath={range .spec.taints[*]}{.key}={.value}:{.effect} {end}")
	}
	same(t, s.ok("taint", "nodes", "n1", "dedicated=db:NoSchedule", "slow:PreferNoSchedule"), "node/n1 tainted")
	same(t, taints(), "dedicated=db:NoSchedule slow=:PreferNoSchedule")
	same(t, s.ok("taint", "node", "n1", "dedicated=db:NoExecute", "--dry-run=server"), "node/n1 tainted (server dry run)")
	same(t, taints(), "dedicated=db:NoSchedule slow=:PreferNoSchedule")
	s.fails([]string{"is there already", `"db"`, "--overwrite"}, "taint", "nodes", "n1", "dedicated=web:NoSchedule")
	same(t, s.ok("taint", "nodes", "n1", "dedicated=web:NoSchedule", "slow-", "--overwrite"), "node/n1 tainted")
	same(t, taints(), "dedicated=web:NoSchedule")
	same(t, s.ok("taint", "nodes", "-l", "rack=7", "dedicated:NoSchedule-"), "node/n1 untainted")
	same(t, taints(), "")
	s.fails([]string{`taint "dedicated" not found`}, "taint", "nodes", "n1", "dedicated-")
	same(t, s.ok("taint", "nodes", "--all", "a:NoSchedule"), "node/n1 tainted\nnode/n2 tainted")
	for _, args := range []string{"nodes n1", "pods n1 a:NoSchedule", "nodes n1 a=b", "nodes n1 a:Never", "nodes n1 a:NoSchedule a-", "nodes a:NoSchedule", "nodes n1 a:NoSchedule n2"} {
		if r := s.run(append([]string{"taint"}, strings.Fields(args)...)...); r.code == 0 {
			t.Errorf("taint %s went well: %+v", args, r)
		}
	}
}
