package e2e

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/deploy/supervise"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// TestScheduling is where pods go on a cluster of three nodes, and what becomes of them when one is lost.
func TestScheduling(t *testing.T) {
	r := newRig(t, "--nodes=3", "--separate")
	for _, test := range []struct {
		name string
		run  func(*rig)
	}{
		{"selectors and affinity", selectors}, {"taints", taints}, {"cordon", cordon}, {"drain", drain}, {"too big", tooBig}, {"lost node", lostNode},
	} {
		t.Run(test.name, func(t *testing.T) {
			mine := *r
			mine.Cluster = r.in(t)
			test.run(&mine)
		})
	}
}

// sleeper is a pod that sleeps; more goes into its spec.
func sleeper(name, more string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, labels: {app: %[1]s}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: IMAGE, command: [sleep, "1000"]}]
  %s
---`, name, more)
}

func (r *rig) unschedulable(name, text string) {
	r.t.Helper()
	r.event(name, "FailedScheduling", text)
	p := r.pod(name, "is told unschedulable", func(p *corev1.Pod) bool { return condition(p, "PodScheduled") == "False" })
	for _, c := range p.GetStatus().GetConditions() {
		if c.GetType() == "PodScheduled" && (c.GetReason() != "Unschedulable" || !strings.Contains(c.GetMessage(), text)) {
			r.t.Errorf("%v, want %q", c, text)
		}
	}
}

func (r *rig) on(name, node string) {
	r.t.Helper()
	if got := r.ready(name).GetSpec().GetNodeName(); got != node {
		r.t.Errorf("%s is on %s, want %s", name, got, node)
	}
}

func selectors(r *rig) {
	r.kaji("label", "node", "node-2", "zone=b")
	r.run(sleeper("selects", "nodeSelector: {zone: b}") +
		sleeper("waits", "nodeSelector: {zone: c}") +
		sleeper("required", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: Exists}]}]}}}") +
		sleeper("field", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: [node-3]}]}]}}}") +
		sleeper("preferred", "affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 100, preference: {matchExpressions: [{key: zone, operator: In, values: [b]}]}}]}}") +
		sleeper("bound", "nodeName: node-1"))
	for name, node := range map[string]string{"selects": "node-2", "required": "node-2", "field": "node-3", "preferred": "node-2", "bound": "node-1"} {
		r.on(name, node)
	}
	r.unschedulable("waits", "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector")
	why := r.kaji("why", "waits")
	contains(r.t, "why", why, "0/3 nodes are available", "node-1", "node-2", "node-3", "What would help", "label a node")
	contains(r.t, "describe", r.kaji("describe", "pod", "waits"), "FailedScheduling")
	r.kaji("label", "node", "node-3", "zone=c")
	begun := time.Now()
	r.on("waits", "node-3")
	if took := time.Since(begun); took > 30*time.Second {
		r.t.Errorf("a label that helps woke the pod after %v", took)
	}
	contains(r.t, "why", r.kaji("why", "waits"), "on node node-3")
	for _, name := range []string{"selects", "waits", "required", "field", "preferred", "bound"} {
		r.remove(name)
	}
}

func taints(r *rig) {
	for _, n := range []string{"node-1", "node-2", "node-3"} {
		r.taint(n, "dedicated=db:NoSchedule")
	}
	r.run(sleeper("intolerant", "") + sleeper("tolerant", "tolerations: [{key: dedicated, operator: Equal, value: db, effect: NoSchedule}]"))
	r.ready("tolerant")
	r.unschedulable("intolerant", "3 node(s) had untolerated taint")
	contains(r.t, "why", r.kaji("why", "intolerant"), "dedicated")
	r.taint("node-2", "")
	r.on("intolerant", "node-2")
	r.taint("node-1", "")
	r.taint("node-3", "")
	// NoExecute drives those away that do not tolerate it.
	r.run(sleeper("stays", "nodeName: node-2\n  tolerations: [{operator: Exists}]"))
	r.ready("stays")
	r.taint("node-2", "fire=:NoExecute")
	until(r.t, "the pod is driven away", func() error {
		if p := r.fresh("intolerant"); p != nil {
			return fmt.Errorf("%v", p.GetStatus())
		}
		return nil
	})
	if p := r.fresh("stays"); !isReady(p) {
		r.t.Errorf("a pod that tolerates all was driven away: %v", p.GetStatus())
	}
	r.taint("node-2", "")
	r.remove("stays")
	r.remove("tolerant")
}

// taint gives a node that one taint (key=value:effect), or none.
func (r *rig) taint(node, taint string) {
	r.t.Helper()
	list := "null"
	if taint != "" {
		kv, effect, _ := strings.Cut(taint, ":")
		key, value, _ := strings.Cut(kv, "=")
		list = fmt.Sprintf(`[{"key":%q,"value":%q,"effect":%q}]`, key, value, effect)
	}
	r.kaji("patch", "node", node, "--type=merge", "-p", fmt.Sprintf(`{"spec":{"taints":%s}}`, list))
}

func cordon(r *rig) {
	r.kaji("cordon", "node-1")
	r.kaji("cordon", "node-2")
	contains(r.t, "get nodes", r.kaji("get", "nodes"), "Ready,SchedulingDisabled")
	var all string
	for i := range 4 {
		all += sleeper(fmt.Sprint("cordon-", i), "")
	}
	r.run(all)
	for i := range 4 {
		r.on(fmt.Sprint("cordon-", i), "node-3")
	}
	r.kaji("cordon", "node-3")
	r.run(sleeper("cordon-waits", ""))
	r.unschedulable("cordon-waits", "3 node(s) were unschedulable")
	r.kaji("uncordon", "node-1")
	r.on("cordon-waits", "node-1")
	r.kaji("uncordon", "node-2")
	r.kaji("uncordon", "node-3")
	for i := range 4 {
		r.remove(fmt.Sprint("cordon-", i))
	}
	r.remove("cordon-waits")
}

// drain moves what runs on a node elsewhere, and keeps new pods off it.
func drain(r *rig) {
	r.run(deployment("drains", 6, "") + "---\n" + sleeper("lone", "nodeName: node-3\n  volumes: [{name: v, emptyDir: {}}]"))
	r.kaji("rollout", "status", "deployment/drains", "--timeout=2m")
	r.ready("lone")
	refused, err := r.try("drain", "node-3")
	if err == nil {
		r.t.Error("node-3 was drained without a word about lone")
	}
	contains(r.t, "drain", refused+fmt.Sprint(err), "default/lone", "--force", "--delete-emptydir-data")
	r.ready("lone")
	out := r.kaji("drain", "node-3", "--force", "--delete-emptydir-data", "--timeout=2m")
	contains(r.t, "drain", out, "node/node-3 already cordoned", "evicting pod default/lone", "pod/lone evicted", "node/node-3 drained")
	if left := r.kaji("get", "pods", "--field-selector=spec.nodeName=node-3", "-o", "name"); left != "" {
		r.t.Errorf("still on the node: %s", left)
	}
	r.kaji("rollout", "status", "deployment/drains", "--timeout=2m")
	for _, p := range r.podsOf("drains") {
		if p.GetSpec().GetNodeName() == "node-3" {
			r.t.Errorf("%s went to the drained node", p.GetMetadata().GetName())
		}
	}
	r.kaji("uncordon", "node-3")
	budgeted(r)
	r.kaji("taint", "nodes", "node-1", "node-2", "busy:NoSchedule")
	r.run(sleeper("untainted", ""))
	r.on("untainted", "node-3")
	r.kaji("taint", "nodes", "node-1", "node-2", "busy-")
	r.kaji("delete", "deployment", "drains")
	r.remove("untainted")
}

// budgeted drains a node of pods that a budget lets go one at a time: never are fewer ready than it says.
func budgeted(r *rig) {
	r.run(`
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: drains}
spec: {minAvailable: 5, selector: {matchLabels: {app: drains}}}
`)
	until(r.t, "the budget is reckoned", func() error {
		if out := r.kaji("get", "pdb", "drains", "-o", "jsonpath={.status.disruptionsAllowed}"); out != "1" {
			return fmt.Errorf("%q may go", out)
		}
		return nil
	})
	node := ""
	on := map[string]int{}
	for _, p := range r.podsOf("drains") {
		if on[p.GetSpec().GetNodeName()]++; on[p.GetSpec().GetNodeName()] > on[node] {
			node = p.GetSpec().GetNodeName()
		}
	}
	ended, least := make(chan struct{}), make(chan int)
	go func() {
		fewest := 6
		for {
			select {
			case <-ended:
				least <- fewest
				return
			case <-time.After(50 * time.Millisecond):
			}
			pods, _, err := client.Of[*corev1.Pod](r.api).List(context.Background(), "default", &metav1.ListOptions{LabelSelector: "app=drains"})
			if err != nil {
				continue // the drain itself tells of a cluster that does not answer
			}
			ready := 0
			for _, p := range pods {
				if isReady(p) && p.GetMetadata().GetDeletionTimestamp() == nil {
					ready++
				}
			}
			fewest = min(fewest, ready)
		}
	}()
	out, err := r.try("drain", node, "--timeout=2m")
	close(ended)
	if fewest := <-least; err != nil || fewest < 5 {
		r.t.Errorf("at some time %d were ready: %v\n%s", fewest, err, out)
	}
	contains(r.t, "drain", out, "node/"+node+" drained")
	// One that can never be met: drain says for whom it waits, and gives up in time.
	r.kaji("uncordon", node)
	r.kaji("patch", "pdb", "drains", "-p", `{"spec":{"minAvailable":"100%"}}`)
	r.kaji("rollout", "status", "deployment/drains", "--timeout=2m")
	for node := range on {
		if len(r.kaji("get", "pods", "-l", "app=drains", "--field-selector=spec.nodeName="+node, "-o", "name")) == 0 {
			continue
		}
		out, err := r.try("drain", node, "--pod-selector=app=drains", "--timeout=3s")
		if err == nil {
			r.t.Errorf("%s was drained: %s", node, out)
		}
		contains(r.t, "drain", out, "waiting for pod default/drains-", "the disruption budget drains needs 6 healthy pods", "is not drained after 3s")
		r.kaji("uncordon", node)
		break
	}
	r.kaji("delete", "pdb", "drains")
}

func tooBig(r *rig) {
	big := strings.Replace(sleeper("big", ""), `"1000"]`, `"1000"], resources: {requests: {cpu: "1000", memory: 1000Ti}}`, 1)
	r.run(big)
	r.unschedulable("big", "0/3 nodes are available: 3 Insufficient cpu, 3 Insufficient memory")
	contains(r.t, "why", r.kaji("why", "big"), "Insufficient cpu", "ask for less")
	r.remove("big")
}

// lostNode stops a node's agent as a frozen machine does. The node is given up, its pods get a new home, and when it
// comes back it is taken in again.
func lostNode(r *rig) {
	tolerations := `tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 2}, {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 2}]`
	r.run(strings.Replace(deployment("moves", 3, ""), "terminationGrace", tolerations+"\n      terminationGrace", 1) +
		"---\n" + strings.TrimSuffix(sleeper("endures", "nodeName: node-2"), "---"))
	r.kaji("rollout", "status", "deployment/moves", "--timeout=2m")
	r.ready("endures")
	before := map[string]bool{}
	for uid, p := range r.podsOf("moves") {
		if p.GetSpec().GetNodeName() == "node-2" {
			before[uid] = true
		}
	}
	if len(before) == 0 {
		r.t.Fatal("no pod of the Deployment is on node-2")
	}
	pid := supervise.Running(r.cfg.RunDir())["node-2"]
	if pid == 0 {
		r.t.Fatal("the agent of node-2 does not run")
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		r.t.Fatal(err)
	}
	goOn := func() { _ = syscall.Kill(pid, syscall.SIGCONT) }
	r.t.Cleanup(goOn)
	until(r.t, "the node is given up", func() error {
		n, err := client.Of[*corev1.Node](r.api).Get(r.t.Context(), "", "node-2")
		if err != nil {
			return err
		}
		effects := map[string]bool{}
		for _, taint := range n.GetSpec().GetTaints() {
			if taint.GetKey() == "node.kubernetes.io/unreachable" {
				effects[taint.GetEffect()] = true
			}
		}
		if !effects["NoExecute"] || !effects["NoSchedule"] {
			return fmt.Errorf("taints %v", n.GetSpec().GetTaints())
		}
		return nil
	})
	contains(r.t, "get nodes", r.kaji("get", "node", "node-2"), "NotReady")
	until(r.t, "three pods are Ready on the other nodes", func() error {
		elsewhere := 0
		for uid, p := range r.podsOf("moves") {
			if !before[uid] && isReady(p) && p.GetSpec().GetNodeName() != "node-2" && p.GetMetadata().GetDeletionTimestamp() == nil {
				elsewhere++
			}
		}
		if elsewhere != 3 {
			return fmt.Errorf("%d", elsewhere)
		}
		return nil
	})
	r.pod("endures", "is not Ready", func(p *corev1.Pod) bool {
		return !isReady(p) && p.GetMetadata().GetDeletionTimestamp() == nil
	})
	ids := containerIDs(r.fresh("endures"))
	goOn()
	r.kaji("wait", "node/node-2", "--for=condition=Ready", "--timeout=60s")
	until(r.t, "the taints are gone", func() error {
		n, err := client.Of[*corev1.Node](r.api).Get(r.t.Context(), "", "node-2")
		if err == nil && len(n.GetSpec().GetTaints()) > 0 {
			err = fmt.Errorf("%v", n.GetSpec().GetTaints())
		}
		return err
	})
	if now := containerIDs(r.ready("endures")); now != ids {
		r.t.Errorf("the pod that stayed was restarted: %s, was %s", now, ids)
	}
	until(r.t, "the pods that moved are gone", func() error {
		for uid := range r.podsOf("moves") {
			if before[uid] {
				return fmt.Errorf("%s is still there", uid)
			}
		}
		return nil
	})
	r.kaji("delete", "deployment", "moves")
	r.remove("endures")
}
