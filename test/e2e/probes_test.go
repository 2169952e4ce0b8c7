package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func liveness(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: liveness}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: IMAGE
    command: [sh, -c, 'touch /alive; sleep 1000']
    livenessProbe: {exec: {command: [test, -e, /alive]}, periodSeconds: 1, failureThreshold: 2}
  - name: steady
    image: IMAGE
    command: [sh, -c, 'trap "exit 0" TERM; while :; do sleep 0.2; done']
`)
	before := r.ready("liveness")
	r.kaji("exec", "liveness", "-c", "main", "--", "rm", "/alive")
	after := r.pod("liveness", "has been restarted and is Ready", func(p *corev1.Pod) bool {
		return isReady(p) && p.GetStatus().GetContainerStatuses()[0].GetRestartCount() == 1
	})
	was, is := before.GetStatus().GetContainerStatuses(), after.GetStatus().GetContainerStatuses()
	if was[0].GetContainerId() == is[0].GetContainerId() || was[1].GetContainerId() != is[1].GetContainerId() || is[1].GetRestartCount() != 0 {
		r.t.Errorf("%v, was %v", is, was)
	}
	r.event("liveness", "Unhealthy", "Liveness probe failed")
	r.event("liveness", "Killing", "failed liveness probe, will be restarted")
	r.remove("liveness")
}

func readiness(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: readiness}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: IMAGE
    command: [sh, -c, 'mkdir /w; httpd -f -p 8080 -h /w']
    ports: [{name: web, containerPort: 8080}]
    startupProbe: {httpGet: {path: /started, port: web}, periodSeconds: 1, failureThreshold: 600}
    livenessProbe: {exec: {command: [test, -e, /w/started]}, periodSeconds: 1, failureThreshold: 1}
    readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1, failureThreshold: 1}
  - name: tcp
    image: IMAGE
    command: [sh, -c, 'while ! test -e /go; do sleep 0.1; done; httpd -f -p 9090']
    readinessProbe: {tcpSocket: {port: 9090}, periodSeconds: 1, failureThreshold: 1}
`)
	status := func(p *corev1.Pod) (main, tcp *corev1.ContainerStatus) {
		s := p.GetStatus().GetContainerStatuses()
		if len(s) != 2 {
			return nil, nil
		}
		return s[0], s[1]
	}
	until(r.t, "the startup probe fails", func() error {
		_, err := r.try("exec", "readiness", "-c", "main", "--", "touch", "/w/ready")
		return err
	})
	r.event("readiness", "Unhealthy", "Startup probe failed")
	p := r.pod("readiness", "runs", func(p *corev1.Pod) bool { _, tcp := status(p); return tcp.GetStarted() })
	if main, tcp := status(p); main.GetStarted() || main.GetReady() || tcp.GetReady() || main.GetRestartCount() != 0 {
		r.t.Errorf("before its startup probe succeeds: %v", p.GetStatus())
	}
	r.kaji("exec", "readiness", "-c", "main", "--", "touch", "/w/started")
	p = r.pod("readiness", "has one container ready", func(p *corev1.Pod) bool { main, _ := status(p); return main.GetReady() })
	if isReady(p) {
		r.t.Errorf("the pod is Ready with a container that is not: %v", p.GetStatus())
	}
	r.kaji("exec", "readiness", "-c", "tcp", "--", "touch", "/go")
	r.ready("readiness")
	r.kaji("exec", "readiness", "-c", "main", "--", "rm", "/w/ready")
	r.kaji("wait", "pod/readiness", "--for=condition=Ready=false", "--timeout=60s")
	r.event("readiness", "Unhealthy", "Readiness probe failed: HTTP")
	p = r.fresh("readiness")
	if main, _ := status(p); main.GetRestartCount() != 0 || main.GetState().GetRunning() == nil {
		r.t.Errorf("a failing readiness probe restarts: %v", p.GetStatus())
	}
	r.remove("readiness")
}

func hooks(r *rig) {
	host := r.hostDirectory()
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: hooks}
spec:
  terminationGracePeriodSeconds: 30
  volumes: [{name: h, hostPath: {path: ` + host + `}}]
  containers:
  - name: main
    image: IMAGE
    command: [sh, -c, 'trap "echo term >> /h/log; exit 0" TERM; while :; do sleep 0.1; done']
    lifecycle:
      postStart: {exec: {command: [sh, -c, 'echo post >> /h/log']}}
      preStop: {exec: {command: [sh, -c, 'sleep 0.5; echo pre >> /h/log']}}
    volumeMounts: [{name: h, mountPath: /h}]
---
apiVersion: v1
kind: Pod
metadata: {name: hook-fails}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: IMAGE
    command: [sleep, "1000"]
    lifecycle: {postStart: {exec: {command: [sh, -c, 'exit 3']}}}
`)
	r.ready("hooks")
	begun := time.Now()
	r.kaji("delete", "pod", "hooks")
	if took := time.Since(begun); took > 25*time.Second {
		r.t.Errorf("a container that ends when asked took %v to go", took)
	}
	if b, err := os.ReadFile(filepath.Join(host, "log")); err != nil || string(b) != "post\npre\nterm\n" {
		r.t.Errorf("hooks and signal: %q %v", b, err)
	}
	r.event("hook-fails", "FailedPostStartHook", "exited with 3")
	r.pod("hook-fails", "is restarted", func(p *corev1.Pod) bool {
		s := p.GetStatus().GetContainerStatuses()
		return len(s) == 1 && s[0].GetRestartCount() > 0
	})
	r.remove("hook-fails")
}

func hostNetwork(r *rig) {
	port := r.cfg.BasePort + 900
	r.run(fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: host-network}
spec:
  hostNetwork: true
  restartPolicy: Never
  containers: [{name: main, image: IMAGE, command: [sh, -c, 'ls /sys/class/net; cat /proc/net/dev; hostname']}]
---
apiVersion: v1
kind: Pod
metadata: {name: host-port}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: IMAGE
    command: [sh, -c, 'mkdir /w; echo -n hello > /w/index.html; httpd -f -p 8080 -h /w']
    ports: [{containerPort: 8080, hostPort: %d}]
    readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: host-port-taken}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: IMAGE, command: [sleep, "1000"], ports: [{containerPort: 8080, hostPort: %d}]}]
`, port, port))
	p := r.phase("host-network", "Succeeded")
	if p.GetStatus().GetPodIp() != p.GetStatus().GetHostIp() {
		r.t.Errorf("%v", p.GetStatus())
	}
	contains(r.t, "the network of the host", r.kaji("logs", "host-network"), r.cfg.Bridge())
	// One of the two has the port; the other waits for it.
	first, second := "host-port", "host-port-taken"
	until(r.t, "one has the port", func() error {
		if isReady(r.fresh(second)) {
			r.remove(second)
		}
		if !isReady(r.fresh(first)) {
			return fmt.Errorf("%v", r.fresh(first).GetStatus())
		}
		return nil
	})
	for _, ip := range []string{"127.0.0.1", strings.TrimSuffix(r.cfg.PodSubnet, ".0.0/16") + ".0.1"} {
		until(r.t, "the port answers on "+ip, func() error {
			body, err := get(fmt.Sprintf("http://%s:%d/", ip, port))
			if err == nil && body != "hello" {
				err = fmt.Errorf("%q", body)
			}
			return err
		})
	}
	if r.fresh(second) != nil {
		contains(r.t, "why", r.kaji("why", second), "free ports")
	}
	r.remove(first)
	r.remove(second)
}
