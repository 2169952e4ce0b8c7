package e2e

import (
	"fmt"
	"strings"
	"testing"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/quantity"
)

// TestResize gives running containers more and less, and reads what the kernel holds them to.
func TestResize(t *testing.T) {
	newRig(t).each(t, map[string]func(*rig){"in place": resizeInPlace, "too much": resizeTooMuch, "by a restart": resizeByRestart})
}

// resizer is a pod of one container that asks for a tenth of a CPU and 64Mi, may use twice that, and carries more of its container's fields.
func resizer(name, more string) string {
	return `apiVersion: v1
kind: Pod
metadata: {name: ` + name + `}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: IMAGE
    command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1; done"]
    resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 64Mi}}
` + more
}

// kernel waits until the kernel holds a pod's container to that, by the files of cgroup v1 or v2 as the machine has.
func (r *rig) kernel(pod string, shares, quota, memory int) {
	r.t.Helper()
	const read = `if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then cat /sys/fs/cgroup/cpu/cpu.shares /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/memory/memory.limit_in_bytes
else cat /sys/fs/cgroup/cpu.weight; cut -d" " -f1 /sys/fs/cgroup/cpu.max; cat /sys/fs/cgroup/memory.max; fi`
	until(r.t, "the kernel holds "+pod+" to its new resources", func() error {
		got := strings.Fields(r.kaji("exec", pod, "--", "sh", "-c", read))
		weight := 1 + (shares-2)*9999/262142 // of cgroup v2
		if len(got) == 3 && (got[0] == fmt.Sprint(shares) || got[0] == fmt.Sprint(weight)) && got[1] == fmt.Sprint(quota) && got[2] == fmt.Sprint(memory) {
			return nil
		}
		return fmt.Errorf("it has %v, not %d, %d, %d", got, shares, quota, memory)
	})
}

// resized is a pod whose status says that it has its new resources and nothing is under way.
func (r *rig) resized(name, cpu, memory string) *corev1.Pod {
	r.t.Helper()
	return r.pod(name, "has been resized", func(p *corev1.Pod) bool {
		st := p.GetStatus().GetContainerStatuses()
		return len(st) > 0 && st[0].GetAllocatedResources()["cpu"].GetString_() == cpu && st[0].GetResources().GetLimits()["memory"].GetString_() == memory &&
			state(p, 0).GetRunning() != nil && condition(p, "PodResizePending") == "" && condition(p, "PodResizeInProgress") == "" &&
			p.GetStatus().GetObservedGeneration() == p.GetMetadata().GetGeneration()
	})
}

func resizePatch(cpu, limit, memory string) string {
	return fmt.Sprintf(`{"spec":{"containers":[{"name":"main","resources":{"requests":{"cpu":%q,"memory":%q},"limits":{"cpu":%q,"memory":%q}}}]}}`, cpu, memory, limit, memory)
}

func resizeInPlace(r *rig) {
	r.run(resizer("grow", ""))
	before := r.ready("grow")
	r.kernel("grow", 102, 20000, 64<<20)
	r.kaji("patch", "pod", "grow", "--subresource", "resize", "--type", "strategic", "-p", resizePatch("200m", "400m", "128Mi"))
	r.kernel("grow", 204, 40000, 128<<20)
	after := r.resized("grow", "200m", "128Mi")
	r.event("grow", "ResizeCompleted", "main")
	r.kaji("patch", "pod", "grow", "--subresource", "resize", "--type", "strategic", "-p", resizePatch("50m", "100m", "32Mi"))
	r.kernel("grow", 51, 10000, 32<<20)
	last := r.resized("grow", "50m", "32Mi")
	for _, p := range []*corev1.Pod{after, last} {
		is, was := p.GetStatus().GetContainerStatuses()[0], before.GetStatus().GetContainerStatuses()[0]
		if is.GetRestartCount() != 0 || is.GetContainerId() != was.GetContainerId() {
			r.t.Errorf("the container was made anew: %v", is)
		}
	}
	if last.GetMetadata().GetGeneration() != before.GetMetadata().GetGeneration()+2 {
		r.t.Errorf("generation %d after %d and two resizes", last.GetMetadata().GetGeneration(), before.GetMetadata().GetGeneration())
	}
	r.fails(1, []string{"only cpu and memory resources are mutable"}, "patch", "pod", "grow", "--subresource", "resize", "--type", "strategic", "-p",
		`{"spec":{"containers":[{"name":"main","resources":{"requests":{"ephemeral-storage":"1Gi"}}}]}}`)
	r.kaji("delete", "pod", "grow")
}

// resizeReason is why a resize of the pod waits.
func resizeReason(p *corev1.Pod) string {
	for _, c := range p.GetStatus().GetConditions() {
		if c.GetType() == "PodResizePending" {
			return c.GetReason()
		}
	}
	return ""
}

// cores is what the node can give to pods, in thousandths of a CPU.
func (r *rig) cores() int64 {
	r.t.Helper()
	node, err := client.Of[*corev1.Node](r.api).Get(r.t.Context(), "", "node-1")
	if err != nil {
		r.t.Fatal(err)
	}
	q, err := quantity.Parse(node.GetStatus().GetAllocatable()["cpu"])
	if err != nil {
		r.t.Fatal(err)
	}
	return q.MilliValue()
}

func resizeTooMuch(r *rig) {
	r.run(resizer("greedy", ""))
	r.ready("greedy")
	r.kaji("patch", "pod", "greedy", "--subresource", "resize", "--type", "strategic", "-p", resizePatch("1000", "2000", "64Mi"))
	r.pod("greedy", "is told that its resize is infeasible", func(p *corev1.Pod) bool {
		return resizeReason(p) == "Infeasible"
	})
	r.event("greedy", "ResizeInfeasible", "enough capacity: cpu, requested: 1k")
	r.kernel("greedy", 102, 20000, 64<<20) // as before
	// With most of the node set aside for another pod it has to wait until that is gone.
	most := fmt.Sprintf("%dm", r.cores()*6/10)
	r.run(strings.Replace(resizer("hog", ""), "{cpu: 100m, memory: 64Mi}, limits: {cpu: 200m,", "{cpu: "+most+", memory: 64Mi}, limits: {cpu: 2000,", 1))
	r.ready("hog")
	r.kaji("patch", "pod", "greedy", "--subresource", "resize", "--type", "strategic", "-p", resizePatch(most, "2000", "64Mi"))
	r.pod("greedy", "is told that its resize has to wait", func(p *corev1.Pod) bool { return resizeReason(p) == "Deferred" })
	r.event("greedy", "ResizeDeferred", "used by other pods")
	r.kaji("delete", "pod", "hog")
	r.pod("greedy", "has been given room", func(p *corev1.Pod) bool {
		return condition(p, "PodResizePending") == "" && p.GetStatus().GetContainerStatuses()[0].GetAllocatedResources()["cpu"].GetString_() == most
	})
	r.kaji("patch", "pod", "greedy", "--subresource", "resize", "--type", "strategic", "-p", resizePatch("150m", "200m", "64Mi"))
	r.kernel("greedy", 153, 20000, 64<<20)
	r.resized("greedy", "150m", "64Mi")
	r.kaji("delete", "pod", "greedy")
}

func resizeByRestart(r *rig) {
	r.run(resizer("again", "    resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}]\n"))
	r.ready("again")
	r.kaji("patch", "pod", "again", "--subresource", "resize", "--type", "strategic", "-p", resizePatch("150m", "300m", "64Mi"))
	r.kernel("again", 153, 30000, 64<<20)
	if n := r.resized("again", "150m", "64Mi").GetStatus().GetContainerStatuses()[0].GetRestartCount(); n != 0 {
		r.t.Errorf("restarted %d times for its CPU", n)
	}
	r.kaji("patch", "pod", "again", "--subresource", "resize", "--type", "strategic", "-p", resizePatch("150m", "300m", "96Mi"))
	if n := r.resized("again", "150m", "96Mi").GetStatus().GetContainerStatuses()[0].GetRestartCount(); n != 1 {
		r.t.Errorf("restarted %d times for its memory, not once", n)
	}
	r.kernel("again", 153, 30000, 96<<20)
	r.kaji("delete", "pod", "again")
}
