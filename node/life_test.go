package node

import (
	"context"
	"strings"
	"testing"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/observed"
)

func containerOf(p *corev1.Pod, name string) *corev1.ContainerStatus {
	for _, all := range [][]*corev1.ContainerStatus{p.GetStatus().GetInitContainerStatuses(), p.GetStatus().GetContainerStatuses()} {
		for _, c := range all {
			if c.GetName() == name {
				return c
			}
		}
	}
	return nil
}

func TestRestartedAgentAdoptsItsPods(t *testing.T) {
	w := newWorld(t, "adopts")
	stop := w.start()
	w.create(pod("web", "httpd -p 8080; "+sleeper, func(p *corev1.Pod) {
		at := &metav1.IntOrString{IntVal: 8080}
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 1, SuccessThreshold: 1,
			Handler: &corev1.ProbeHandler{TcpSocket: &corev1.TCPSocketAction{Port: at}}}
		p.Spec.Containers[0].LivenessProbe = &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 1, SuccessThreshold: 1, InitialDelaySeconds: 1,
			Handler: &corev1.ProbeHandler{TcpSocket: &corev1.TCPSocketAction{Port: at}}}
	}))
	before := w.await("web", "running", isRunning)
	stop()
	// While no agent runs, a pod is deleted and another is made.
	unready := false
	w.start()
	// Its own probe makes it ready when the first one's has had its turns.
	w.create(pod("next", sleeper, func(p *corev1.Pod) {
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 1, SuccessThreshold: 1, InitialDelaySeconds: 3,
			Handler: &corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
	}))
	w.await("next", "running", isRunning)
	after := w.await("web", "running", func(p *corev1.Pod) bool {
		unready = unready || !isRunning(p)
		return isRunning(p)
	})
	a, b := containerOf(before, "main"), containerOf(after, "main")
	if a.GetContainerId() != b.GetContainerId() || b.GetRestartCount() != 0 || unready || before.Status.PodIp != after.Status.PodIp {
		t.Errorf("before %v, after %v, unready %v", a, b, unready)
	}
	w.delete("web", 5)
	w.delete("next", 5)
	w.await("web", "gone", isGone)
	w.await("next", "gone", isGone)
	w.nothingLeft()
}

func TestPodsDeletedWhileTheAgentWasAway(t *testing.T) {
	w := newWorld(t, "away")
	stop := w.start()
	w.create(pod("forced", sleeper))
	w.create(pod("gentle", sleeper))
	w.await("forced", "running", isRunning)
	w.await("gentle", "running", isRunning)
	stop()
	w.delete("forced", 0) // leaves the API at once
	w.delete("gentle", 5)
	w.start()
	w.await("gentle", "gone", isGone)
	w.create(pod("last", "exit 0", func(p *corev1.Pod) { p.Spec.RestartPolicy = "Never" }))
	w.await("last", "succeeded", func(p *corev1.Pod) bool { return p.GetStatus().GetPhase() == "Succeeded" })
	w.delete("last", 0)
	w.awaitRuntime("empty", func(seen map[string]observed.Pod) bool { return len(seen) == 0 })
	w.awaitDisk()
	w.nothingLeft()
}

func TestInitSidecarAndMain(t *testing.T) {
	w := newWorld(t, "order")
	w.start()
	always := "Always"
	w.create(pod("web", "cat /shared/word && test \"$WORD\" = hello && "+sleeper, func(p *corev1.Pod) {
		shared := []*corev1.VolumeMount{{Name: "shared", MountPath: "/shared"}}
		p.Spec.Volumes = []*corev1.Volume{{Name: "shared", VolumeSource: &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		p.Spec.InitContainers = []*corev1.Container{
			{Name: "first", Image: machine.Image, Command: []string{"sh", "-c", "echo one > /shared/word"}, VolumeMounts: shared},
			{Name: "car", Image: machine.Image, Command: []string{"sh", "-c", sleeper}, RestartPolicy: &always},
			{Name: "second", Image: machine.Image, Command: []string{"sh", "-c", "grep one /shared/word"}, VolumeMounts: shared},
		}
		p.Spec.Containers[0].VolumeMounts = shared
		p.Spec.Containers[0].Env = []*corev1.EnvVar{{Name: "WORD", Value: "hello"}}
	}))
	p := w.await("web", "running", isRunning)
	for _, name := range []string{"first", "second"} {
		if c := containerOf(p, name); c.GetState().GetTerminated().GetReason() != "Completed" || !c.GetReady() {
			t.Errorf("%s: %v", name, c)
		}
	}
	if c := containerOf(p, "car"); c.GetState().GetRunning() == nil || !c.GetReady() || !c.GetStarted() {
		t.Errorf("car: %v", c)
	}
	w.delete("web", 5)
	w.await("web", "gone", isGone)
	w.nothingLeft()
}

func TestCrashLoop(t *testing.T) {
	w := newWorld(t, "crash")
	w.start()
	w.create(pod("web", "echo last words > /dev/termination-log; exit 3"))
	p := w.await("web", "in back-off", func(p *corev1.Pod) bool {
		return containerOf(p, "main").GetState().GetWaiting().GetReason() == "CrashLoopBackOff"
	})
	c := containerOf(p, "main")
	if last := c.GetLastState().GetTerminated(); last.GetExitCode() != 3 || last.GetReason() != "Error" || last.GetMessage() != "last words\n" || c.GetRestartCount() != 1 {
		t.Errorf("%v", c)
	}
	if p.GetStatus().GetPhase() != "Running" {
		t.Errorf("phase %s", p.GetStatus().GetPhase())
	}
	w.delete("web", 0)
	w.await("web", "gone", isGone)
	w.awaitRuntime("empty", func(seen map[string]observed.Pod) bool { return len(seen) == 0 })
}

func TestOutOfMemory(t *testing.T) {
	w := newWorld(t, "oom")
	w.start()
	w.create(pod("web", "x=a; while :; do x=$x$x; done", func(p *corev1.Pod) {
		p.Spec.RestartPolicy = "Never"
		p.Spec.Containers[0].Resources = &corev1.ResourceRequirements{Limits: map[string]*metav1.Quantity{"memory": {String_: "16Mi"}}}
	}))
	p := w.await("web", "failed", func(p *corev1.Pod) bool { return p.GetStatus().GetPhase() == "Failed" })
	if end := containerOf(p, "main").GetState().GetTerminated(); end.GetReason() != "OOMKilled" || end.GetExitCode() != 137 {
		t.Errorf("%v", end)
	}
}

func TestFailuresToStart(t *testing.T) {
	w := newWorld(t, "fails")
	w.start()
	for name, c := range map[string]struct {
		reason string
		change func(*corev1.Pod)
	}{
		"missing": {"ImagePullBackOff", func(p *corev1.Pod) { p.Spec.Containers[0].Image = machine.Registry + "/none:1" }},
		"never": {"ErrImageNeverPull", func(p *corev1.Pod) {
			p.Spec.Containers[0].Image, p.Spec.Containers[0].ImagePullPolicy = machine.Registry+"/none:2", "Never"
		}},
		"name": {"InvalidImageName", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "A B" }},
		"config": {"CreateContainerConfigError", func(p *corev1.Pod) {
			p.Spec.Containers[0].Env = []*corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
				LocalObjectReference: &corev1.LocalObjectReference{Name: "none"}, Key: "k"}}}}
		}},
		"command": {"RunContainerError", func(p *corev1.Pod) { p.Spec.Containers[0].Command = []string{"/none"} }},
	} {
		w.create(pod(name, sleeper, c.change))
		p := w.await(name, c.reason, func(p *corev1.Pod) bool {
			return containerOf(p, "main").GetState().GetWaiting().GetReason() == c.reason
		})
		if m := containerOf(p, "main").GetState().GetWaiting().GetMessage(); m == "" {
			t.Errorf("%s without a message", name)
		}
		w.delete(name, 5)
		w.await(name, "gone", isGone)
	}
	w.nothingLeft()
}

func TestConfigErrorHealsByItself(t *testing.T) {
	w := newWorld(t, "heals")
	w.start()
	w.create(pod("web", `test "$X" = v && `+sleeper, func(p *corev1.Pod) {
		p.Spec.Containers[0].Env = []*corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
			LocalObjectReference: &corev1.LocalObjectReference{Name: "late"}, Key: "k"}}}}
	}))
	w.await("web", "waiting", func(p *corev1.Pod) bool {
		return containerOf(p, "main").GetState().GetWaiting().GetReason() == "CreateContainerConfigError"
	})
	if _, err := client.Of[*corev1.ConfigMap](w.api).Create(context.Background(), &corev1.ConfigMap{
		Metadata: &metav1.ObjectMeta{Name: "late", Namespace: "default"}, Data: map[string]string{"k": "v"}}); err != nil {
		t.Fatal(err)
	}
	p := w.await("web", "running", isRunning)
	if c := containerOf(p, "main"); c.GetRestartCount() != 0 {
		t.Errorf("%v", c)
	}
}

func TestNewImageRestartsTheContainerInItsSandbox(t *testing.T) {
	w := newWorld(t, "image")
	w.start()
	w.create(pod("web", sleeper, func(p *corev1.Pod) {
		p.Spec.Containers = append(p.Spec.Containers, &corev1.Container{Name: "other", Image: machine.Image, Command: []string{"sh", "-c", sleeper}})
	}))
	before := w.await("web", "running", isRunning)
	pods := client.Of[*corev1.Pod](w.api)
	for {
		p, err := pods.Get(context.Background(), "default", "web")
		if err != nil {
			t.Fatal(err)
		}
		p.Spec.Containers[0].Image = machine.Image2
		if _, err = pods.Update(context.Background(), p); err == nil {
			break
		}
	}
	after := w.await("web", "restarted", func(p *corev1.Pod) bool { return isRunning(p) && containerOf(p, "main").GetRestartCount() == 1 })
	if before.Status.PodIp != after.Status.PodIp || containerOf(before, "other").GetContainerId() != containerOf(after, "other").GetContainerId() {
		t.Errorf("more than the container changed: %v %v", before.Status, after.Status)
	}
	if got := containerOf(after, "main").GetImage(); !strings.Contains(got, "box:") {
		t.Errorf("image %q", got)
	}
}

func TestRuntimeRestart(t *testing.T) {
	w := newWorld(t, "runtime")
	w.start()
	w.create(pod("web", sleeper))
	before := w.await("web", "running", isRunning)
	machine.Kill()
	if err := machine.Up(); err != nil {
		t.Fatal(err)
	}
	// Its own probe makes it ready when the first one's has had its turns.
	w.create(pod("next", sleeper, func(p *corev1.Pod) {
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 1, SuccessThreshold: 1, InitialDelaySeconds: 3,
			Handler: &corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"true"}}}}
	}))
	w.await("next", "running", isRunning)
	after := w.await("web", "running", isRunning)
	if a, b := containerOf(before, "main"), containerOf(after, "main"); a.GetContainerId() != b.GetContainerId() || b.GetRestartCount() != 0 {
		t.Errorf("before %v, after %v", a, b)
	}
	w.delete("web", 5)
	w.delete("next", 5)
	w.await("web", "gone", isGone)
	w.await("next", "gone", isGone)
	w.nothingLeft()
}

func TestLivenessAndPreStop(t *testing.T) {
	w := newWorld(t, "live")
	w.start()
	w.create(pod("web", "touch /tmp/well; "+sleeper, func(p *corev1.Pod) {
		c := p.Spec.Containers[0]
		c.LivenessProbe = &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 1, SuccessThreshold: 1,
			Handler: &corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"cat", "/tmp/well"}}}}
		c.Lifecycle = &corev1.Lifecycle{
			PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "echo started > /proc/1/fd/1"}}},
			PreStop:   &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "echo stopping > /proc/1/fd/1"}}},
		}
	}))
	p := w.await("web", "running", isRunning)
	rt, err := machine.Client(w.node)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	_, id, _ := strings.Cut(containerOf(p, "main").GetContainerId(), "://")
	if _, _, _, err := rt.ExecSync(context.Background(), id, []string{"rm", "/tmp/well"}, patience); err != nil {
		t.Fatal(err)
	}
	w.await("web", "restarted", func(p *corev1.Pod) bool { return containerOf(p, "main").GetRestartCount() == 1 && isRunning(p) })
	out := w.logs(t, &corev1.PodLogsRequest{Namespace: "default", Name: "web", Options: &corev1.PodLogOptions{Previous: true}})
	if !strings.Contains(out, "started\n") || !strings.Contains(out, "stopping\n") {
		t.Errorf("the hooks left %q", out)
	}
	w.delete("web", 5)
	w.await("web", "gone", isGone)
	w.nothingLeft()
}

func TestNothingIsTouchedWithoutTheAPI(t *testing.T) {
	w := newWorld(t, "alone")
	w.start()
	w.create(pod("web", "trap 'exit 1' USR1; "+sleeper))
	before := w.await("web", "running", isRunning)
	w.silent.Store(true)
	w.fake.BreakWatches()
	// The agent goes on by itself: a container that ends is started again.
	rt, err := machine.Client(w.node)
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close()
	_, id, _ := strings.Cut(containerOf(before, "main").GetContainerId(), "://")
	if _, _, _, err := rt.ExecSync(context.Background(), id, []string{"kill", "-USR1", "1"}, patience); err != nil {
		t.Fatal(err)
	}
	w.awaitRuntime("restarted", func(seen map[string]observed.Pod) bool {
		for _, p := range seen {
			for _, c := range p.Containers {
				if c.Attempt == 1 && c.State == observed.Running {
					return true
				}
			}
		}
		return false
	})
	w.silent.Store(false)
	p := w.await("web", "told", func(p *corev1.Pod) bool { return isRunning(p) && containerOf(p, "main").GetRestartCount() == 1 })
	if p.GetStatus().GetPodIp() != before.GetStatus().GetPodIp() {
		t.Errorf("the address changed")
	}
}
