package e2e

import (
	"fmt"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// added is the state of an ephemeral container.
func added(p *corev1.Pod, name string) *corev1.ContainerState {
	for _, c := range p.GetStatus().GetEphemeralContainerStatuses() {
		if c.GetName() == name {
			return c.GetState()
		}
	}
	return nil
}

// ephemeralContainers adds containers to a pod that runs.
func ephemeralContainers(r *rig) {
	r.run(sleeper("looked-at", ""))
	r.ready("looked-at")
	r.kaji("debug", "looked-at", "--image="+r.image, "-c", "look", "--target=main", "--", "sh", "-c", "tr '\\000' ' ' </proc/1/cmdline; echo; exec sleep 1000")
	r.pod("looked-at", "has a running debugger", func(p *corev1.Pod) bool { return added(p, "look").GetRunning() != nil })
	until(r.t, "the debugger sees the target's processes", func() error {
		if out := r.kaji("logs", "looked-at", "-c", "look"); !strings.Contains(out, "sleep 1000") {
			return fmt.Errorf("it sees %q", out)
		}
		return nil
	})
	if out := r.kaji("exec", "looked-at", "-c", "look", "--", "cat", "/etc/hostname"); !strings.HasPrefix(out, "looked-at") {
		r.t.Errorf("exec: %q", out)
	}
	contains(r.t, "describe", r.kaji("describe", "pod", "looked-at"), "Ephemeral Containers", "look")

	// Without a target it sees itself alone. It ends with an error and is left at that.
	r.kaji("debug", "looked-at", "--image="+r.image, "-c", "once", "--", "sh", "-c", "tr '\\000' ' ' </proc/1/cmdline; echo; exit 3")
	p := r.pod("looked-at", "has an ended debugger", func(p *corev1.Pod) bool { return added(p, "once").GetTerminated() != nil })
	if end := added(p, "once").GetTerminated(); end.GetExitCode() != 3 || !isReady(p) || p.GetStatus().GetPhase() != "Running" {
		r.t.Errorf("%v", p.GetStatus())
	}
	if out := r.kaji("logs", "looked-at", "-c", "once"); strings.Contains(out, "sleep 1000") {
		r.t.Errorf("it sees others: %q", out)
	}
	for name, patch := range map[string]string{
		"changed": `{"spec":{"ephemeralContainers":[{"name":"once","image":"other"}]}}`,
		"removed": `{"spec":{"ephemeralContainers":[{"name":"once","$patch":"delete"}]}}`,
	} {
		if out, err := r.try("patch", "pod", "looked-at", "--subresource=ephemeralcontainers", "--type=strategic", "-p", patch); err == nil || !strings.Contains(out, "may not be "+name) {
			r.t.Errorf("%s: %v, %q", name, err, out)
		}
	}
	// With a terminal one is in at once.
	c := r.console("debug", "-it", "looked-at", "--image="+r.image, "-c", "shell", "--target=main", "--", "sh")
	c.types("echo se''en $(tr '\\000' ' ' </proc/1/cmdline)\n")
	c.shows("seen sleep 1000")
	c.types("exit 7\n")
	c.ends(0)
	r.pod("looked-at", "has an ended shell", func(p *corev1.Pod) bool { return added(p, "shell").GetTerminated().GetExitCode() == 7 })
	// An image that is not there: it says so, and the pod goes on.
	r.kaji("debug", "looked-at", "--image="+r.cfg.Registry()+"/none:1", "-c", "absent")
	p = r.pod("looked-at", "waits for an image", func(p *corev1.Pod) bool {
		return strings.Contains(added(p, "absent").GetWaiting().GetReason(), "ImagePull")
	})
	if !isReady(p) {
		r.t.Errorf("%v", p.GetStatus())
	}
	r.remove("looked-at")
}

// debugCopy makes a copy of a pod with a debugger in it that sees the others' processes.
func debugCopy(r *rig) {
	r.run(sleeper("original", ""))
	r.ready("original")
	r.kaji("debug", "original", "--copy-to=copied", "--image="+r.image, "-c", "look", "--set-image=main="+r.image, "--", "sleep", "2000")
	p := r.ready("copied")
	if len(p.GetMetadata().GetLabels()) > 0 || len(p.GetSpec().GetContainers()) != 2 || !p.GetSpec().GetShareProcessNamespace() {
		r.t.Errorf("%v", p)
	}
	contains(r.t, "ps", r.kaji("exec", "copied", "-c", "look", "--", "ps"), "sleep 1000", "sleep 2000")
	r.remove("original")
	r.remove("copied")
}

// debugNode makes a pod that sees its host.
func debugNode(r *rig) {
	node := strings.TrimPrefix(strings.Fields(r.kaji("get", "nodes", "-o", "name"))[0], "node/")
	r.kaji("debug", "node/"+node, "--image="+r.image, "--", "sleep", "3000")
	name := strings.TrimPrefix(strings.Fields(r.kaji("get", "pods", "-l", "app.kubernetes.io/managed-by=kaji-debug", "-o", "name"))[0], "pod/")
	p := r.ready(name)
	if s := p.GetSpec(); s.GetNodeName() != node || !s.GetHostPid() || !s.GetHostNetwork() || !s.GetHostIpc() {
		r.t.Errorf("%v", s)
	}
	contains(r.t, "host", r.kaji("exec", name, "--", "sh", "-c", "ls /host/etc; ps"), "passwd", "kaji")
	r.remove(name)
}
