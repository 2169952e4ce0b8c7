package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// TestPods is what a node does for a pod, feature by feature, on one cluster.
func TestPods(t *testing.T) {
	newRig(t).each(t, map[string]func(*rig){
		"init containers": initContainers, "environment": environment, "volumes": mounts, "volumes follow": volumesFollow,
		"out of memory": outOfMemory, "security context": securityContext, "run as non-root": runAsNonRoot,
		"liveness": liveness, "readiness and startup": readiness, "hooks": hooks, "killed after its grace": killedAfterGrace,
		"ends": ends, "crash loop": crashLoop, "images that are not there": absentImages, "pull secrets": pullSecrets,
		"absent configuration": absentConfiguration, "deadline": deadline, "host network and ports": hostNetwork,
		"names": names, "runtime class": runtimeClass, "exec": execTerminal, "logs": logs,
		"ephemeral containers": ephemeralContainers, "debug a copy": debugCopy, "debug a node": debugNode,
	})
}

func initContainers(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: init}
spec:
  restartPolicy: Never
  volumes: [{name: d, emptyDir: {}}]
  initContainers:
  - {name: one, image: IMAGE, command: [sh, -c, 'sleep 0.5; echo one >> /d/order'], volumeMounts: [{name: d, mountPath: /d}]}
  - name: side
    image: IMAGE
    restartPolicy: Always
    command: [sh, -c, 'sleep 0.5; echo side >> /d/order; trap "echo ended; exit 0" TERM; while :; do sleep 0.1; done']
    startupProbe: {exec: {command: [grep, side, /d/order]}, periodSeconds: 1}
    volumeMounts: [{name: d, mountPath: /d}]
  - {name: two, image: IMAGE, command: [sh, -c, 'echo two >> /d/order'], volumeMounts: [{name: d, mountPath: /d}]}
  containers:
  - {name: main, image: IMAGE, command: [cat, /d/order], volumeMounts: [{name: d, mountPath: /d}]}
`)
	p := r.phase("init", "Succeeded")
	if out := r.kaji("logs", "init"); out != "one\nside\ntwo\n" {
		r.t.Errorf("order: %q", out)
	}
	if out := r.kaji("logs", "init", "-c", "side"); out != "ended\n" {
		r.t.Errorf("the sidecar was not asked to end after the others: %q", out)
	}
	if got := p.GetStatus().GetInitContainerStatuses(); len(got) != 3 || condition(p, "Initialized") != "True" {
		r.t.Errorf("%v", p.GetStatus())
	}
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: init-fails}
spec:
  restartPolicy: Never
  initContainers: [{name: one, image: IMAGE, command: [sh, -c, 'exit 4']}]
  containers: [{name: main, image: IMAGE, command: ["true"]}]
`)
	p = r.phase("init-fails", "Failed")
	if end := p.GetStatus().GetInitContainerStatuses()[0].GetState().GetTerminated(); end.GetExitCode() != 4 {
		r.t.Errorf("%v", p.GetStatus())
	}
	if state(p, 0).GetRunning() != nil || p.GetStatus().GetContainerStatuses()[0].GetContainerId() != "" {
		r.t.Errorf("the container ran although its init container failed: %v", p.GetStatus())
	}
}

func environment(r *rig) {
	r.run(`
apiVersion: v1
kind: ConfigMap
metadata: {name: env}
data: {a: from-map}
---
apiVersion: v1
kind: Secret
metadata: {name: env}
stringData: {pw: from-secret}
---
apiVersion: v1
kind: Pod
metadata: {name: env, labels: {l: label}, annotations: {an: annotation}}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: IMAGE
    command: [sh, -c]
    args: ['env; echo "arg=$(A)/$$(A)/$(NOT)" | cat', "$(A)"]
    envFrom:
    - {prefix: P_, configMapRef: {name: env}}
    - {secretRef: {name: env}}
    - {configMapRef: {name: absent, optional: true}}
    resources: {limits: {memory: 64Mi, cpu: 500m}, requests: {memory: 32Mi, cpu: 100m}}
    env:
    - {name: A, value: first}
    - {name: B, value: "$(A)-$$(A)-$(LATER)"}
    - {name: LATER, value: x}
    - {name: pw, value: explicit}
    - {name: CM, valueFrom: {configMapKeyRef: {name: env, key: a}}}
    - {name: OPTIONAL, valueFrom: {configMapKeyRef: {name: env, key: none, optional: true}}}
    - {name: SECRET, valueFrom: {secretKeyRef: {name: env, key: pw}}}
    - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
    - {name: PODUID, valueFrom: {fieldRef: {fieldPath: metadata.uid}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
    - {name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    - {name: LABEL, valueFrom: {fieldRef: {fieldPath: "metadata.labels['l']"}}}
    - {name: ANNOTATION, valueFrom: {fieldRef: {fieldPath: "metadata.annotations['an']"}}}
    - {name: MEMORY, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
    - {name: CPU, valueFrom: {resourceFieldRef: {resource: requests.cpu, divisor: 1m}}}
    - {name: CPUS, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
`)
	p := r.phase("env", "Succeeded")
	got := lines(r.kaji("logs", "env"))
	for _, want := range []string{
		"A=first", "B=first-$(A)-$(LATER)", "P_a=from-map", "pw=explicit", "CM=from-map", "SECRET=from-secret", "NAME=env", "NAMESPACE=default",
		"PODUID=" + p.GetMetadata().GetUid(), "IP=" + p.GetStatus().GetPodIp(), "HOST=" + p.GetStatus().GetHostIp(), "NODE=node-1",
		"LABEL=label", "ANNOTATION=annotation", "MEMORY=64", "CPU=100", "CPUS=1", "HOSTNAME=env",
	} {
		if !slices.Contains(got, want) {
			r.t.Errorf("no %q in %q", want, got)
		}
	}
	for _, line := range got {
		if strings.HasPrefix(line, "OPTIONAL=") || strings.HasPrefix(line, "arg=") && !strings.HasPrefix(line, "arg=first/") {
			r.t.Errorf("unexpected: %q", line)
		}
	}
}

func outOfMemory(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: oom}
spec:
  restartPolicy: Never
  containers:
  - {name: main, image: IMAGE, command: [sh, -c, 'x=a; while :; do x=$x$x; done'], resources: {limits: {memory: 16Mi}}}
`)
	p := r.phase("oom", "Failed")
	if end := state(p, 0).GetTerminated(); end.GetReason() != "OOMKilled" || end.GetExitCode() != 137 {
		r.t.Errorf("%v", end)
	}
	contains(r.t, "get", r.kaji("get", "pod", "oom"), "OOMKilled")
}

func securityContext(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: security}
spec:
  restartPolicy: Never
  securityContext: {runAsUser: 1234, runAsGroup: 2345, fsGroup: 3456, supplementalGroups: [4567]}
  volumes: [{name: d, emptyDir: {}}]
  containers:
  - name: tight
    image: IMAGE
    command: [sh, -c, 'id -u; id -g; id -G; touch /x || echo read-only; touch /d/f && stat -c %g /d/f; grep -E "CapBnd|NoNewPrivs|Seccomp:" /proc/self/status']
    volumeMounts: [{name: d, mountPath: /d}]
    securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}, seccompProfile: {type: RuntimeDefault}}
  - name: root
    image: IMAGE
    command: [sh, -c, 'id -u; grep CapEff /proc/self/status; touch /x && echo written']
    securityContext: {runAsUser: 0, capabilities: {add: [NET_ADMIN], drop: [CHOWN]}}
  - name: privileged
    image: IMAGE
    command: [sh, -c, 'mount -t tmpfs t /mnt && echo mounted || mkdir /m && mount -t tmpfs t /m && echo mounted']
    securityContext: {runAsUser: 0, privileged: true}
`)
	r.phase("security", "Succeeded")
	tight := r.kaji("logs", "security", "-c", "tight")
	contains(r.t, "the container", tight, "1234\n2345\n", "3456", "4567", "read-only\n", "CapBnd:\t0000000000000400", "NoNewPrivs:\t1", "Seccomp:\t2")
	root := r.kaji("logs", "security", "-c", "root")
	// The usual capabilities are a80425fb; NET_ADMIN is bit 12, CHOWN bit 0.
	contains(r.t, "the root container", root, "0\n", "CapEff:\t00000000a80435fa", "written\n")
	contains(r.t, "the privileged container", r.kaji("logs", "security", "-c", "privileged"), "mounted\n")
}

func runAsNonRoot(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: non-root}
spec:
  securityContext: {runAsNonRoot: true}
  containers: [{name: main, image: IMAGE, command: [id]}]
`)
	p := r.waits("non-root", "CreateContainerConfigError")
	contains(r.t, "the reason", state(p, 0).GetWaiting().GetMessage(), "runAsNonRoot")
	r.remove("non-root")
}

func killedAfterGrace(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: stubborn}
spec:
  terminationGracePeriodSeconds: 2
  containers: [{name: main, image: IMAGE, command: [sh, -c, 'trap "" TERM; while :; do sleep 1; done']}]
`)
	r.ready("stubborn")
	begun := time.Now()
	r.kaji("delete", "pod", "stubborn")
	if took := time.Since(begun); took < 2*time.Second || took > 20*time.Second {
		r.t.Errorf("a container that ignores SIGTERM with 2s of grace was gone after %v", took)
	}
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: stubborn-60}
spec:
  terminationGracePeriodSeconds: 600
  containers: [{name: main, image: IMAGE, command: [sh, -c, 'trap "" TERM; while :; do sleep 1; done']}]
`)
	r.ready("stubborn-60")
	r.kaji("delete", "pod", "stubborn-60", "--wait=false")
	r.pod("stubborn-60", "ends", func(p *corev1.Pod) bool { return p.GetMetadata().GetDeletionTimestamp() != nil })
	contains(r.t, "get", r.kaji("get", "pod", "stubborn-60"), "Terminating")
	// A second deletion cuts the grace of the first.
	begun = time.Now()
	r.kaji("delete", "pod", "stubborn-60", "--now")
	if took := time.Since(begun); took > 30*time.Second {
		r.t.Errorf("--now took %v", took)
	}
}

func ends(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: fails}
spec:
  restartPolicy: Never
  containers:
  - {name: main, image: IMAGE, command: [sh, -c, 'echo dying > /dev/termination-log; exit 3']}
  - {name: well, image: IMAGE, command: ["true"]}
  - {name: told, image: IMAGE, command: [sh, -c, 'echo last words; exit 4'], terminationMessagePolicy: FallbackToLogsOnError}
  - {name: signal, image: IMAGE, command: [sh, -c, 'kill -KILL $$; sleep 9']}
---
apiVersion: v1
kind: Pod
metadata: {name: second-try}
spec:
  restartPolicy: OnFailure
  volumes: [{name: d, emptyDir: {}}]
  containers:
  - {name: main, image: IMAGE, command: [sh, -c, 'test -e /d/f && exit 0; touch /d/f; exit 1'], volumeMounts: [{name: d, mountPath: /d}]}
---
apiVersion: v1
kind: Pod
metadata: {name: no-program}
spec:
  restartPolicy: Never
  containers: [{name: main, image: IMAGE, command: [/no/such/program]}]
`)
	p := r.phase("fails", "Failed")
	for i, want := range []struct {
		code    int32
		reason  string
		message string
	}{{3, "Error", "dying\n"}, {0, "Completed", ""}, {4, "Error", "last words\n"}} {
		end := state(p, i).GetTerminated()
		if end.GetExitCode() != want.code || end.GetReason() != want.reason || end.GetMessage() != want.message || end.GetStartedAt() == nil || end.GetFinishedAt() == nil {
			r.t.Errorf("container %d: %v, want %v", i, end, want)
		}
	}
	p = r.phase("second-try", "Succeeded")
	if n := p.GetStatus().GetContainerStatuses()[0].GetRestartCount(); n != 1 {
		r.t.Errorf("%d restarts, want 1", n)
	}
	p = r.phase("no-program", "Failed")
	if end := state(p, 0).GetTerminated(); end.GetExitCode() != 128 && end.GetExitCode() != 127 || !strings.Contains(end.GetMessage(), "/no/such/program") {
		r.t.Errorf("%v", end)
	}
}

func crashLoop(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: crash}
spec:
  containers: [{name: main, image: IMAGE, command: [sh, -c, 'echo run; exit 5']}]
`)
	p := r.pod("crash", "backs off after a restart", func(p *corev1.Pod) bool {
		return state(p, 0).GetWaiting().GetReason() == "CrashLoopBackOff" && p.GetStatus().GetContainerStatuses()[0].GetRestartCount() > 0
	})
	if last := p.GetStatus().GetContainerStatuses()[0].GetLastState().GetTerminated(); last.GetExitCode() != 5 || p.GetStatus().GetPhase() != "Running" {
		r.t.Errorf("%v", p.GetStatus())
	}
	contains(r.t, "the message", state(p, 0).GetWaiting().GetMessage(), "back-off", "restarting failed container=main")
	contains(r.t, "get", r.kaji("get", "pod", "crash"), "CrashLoopBackOff")
	contains(r.t, "logs --previous", r.kaji("logs", "crash", "--previous"), "run\n")
	r.event("crash", "BackOff", "restarting failed container")
	r.remove("crash")
}

func absentImages(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: absent}
spec:
  containers: [{name: main, image: REGISTRY/test/absent:1}]
---
apiVersion: v1
kind: Pod
metadata: {name: never}
spec:
  containers: [{name: main, image: REGISTRY/test/absent:2, imagePullPolicy: Never}]
---
apiVersion: v1
kind: Pod
metadata: {name: misnamed}
spec:
  containers: [{name: main, image: "Upper/Case::x"}]
`)
	r.event("absent", "Failed", r.cfg.Registry()+"/test/absent:1: not found")
	p := r.waits("absent", "ImagePullBackOff")
	contains(r.t, "the message", state(p, 0).GetWaiting().GetMessage(), r.cfg.Registry()+"/test/absent:1: not found")
	contains(r.t, "why", r.kaji("why", "absent"), "not found", "check the image's name")
	p = r.waits("never", "ErrImageNeverPull")
	contains(r.t, "the message", state(p, 0).GetWaiting().GetMessage(), "test/absent:2")
	p = r.waits("misnamed", "InvalidImageName")
	contains(r.t, "the message", state(p, 0).GetWaiting().GetMessage(), "Upper/Case::x")
	// The image that comes to be is pulled in the end, and a new name takes the place of a wrong one.
	r.kaji("image", "build", "test/absent:1", "/bin/busybox", "--dir="+r.cfg.Dir)
	r.kaji("set", "image", "pod/misnamed", "main="+r.image)
	r.pod("misnamed", "runs", func(p *corev1.Pod) bool { return p.GetStatus().GetContainerStatuses()[0].GetContainerId() != "" })
	r.pod("absent", "runs", func(p *corev1.Pod) bool { return p.GetStatus().GetContainerStatuses()[0].GetContainerId() != "" })
	for _, name := range []string{"absent", "never", "misnamed"} {
		r.remove(name)
	}
}

func absentConfiguration(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: no-env}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: IMAGE, command: [sleep, "1000"], envFrom: [{configMapRef: {name: later}}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: no-volume}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: v, secret: {secretName: later}}]
  containers: [{name: main, image: IMAGE, command: [sleep, "1000"], volumeMounts: [{name: v, mountPath: /v}]}]
`)
	p := r.waits("no-env", "CreateContainerConfigError")
	contains(r.t, "the message", state(p, 0).GetWaiting().GetMessage(), `"default/later" not found`)
	r.event("no-volume", "FailedMount", `"default/later" not found`)
	r.run(`
apiVersion: v1
kind: ConfigMap
metadata: {name: later}
data: {a: b}
---
apiVersion: v1
kind: Secret
metadata: {name: later}
stringData: {a: b}
`)
	r.ready("no-env")
	r.ready("no-volume")
	r.remove("no-env")
	r.remove("no-volume")
}

func deadline(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: deadline}
spec:
  activeDeadlineSeconds: 2
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: IMAGE, command: [sleep, "1000"]}]
`)
	p := r.phase("deadline", "Failed")
	if p.GetStatus().GetReason() != "DeadlineExceeded" {
		r.t.Errorf("%v", p.GetStatus())
	}
	r.event("deadline", "DeadlineExceeded", "longer than")
}

func runtimeClass(r *rig) {
	r.run(`
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: known}
handler: runc
overhead: {podFixed: {memory: 1Mi}}
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: martian}
handler: martian
---
apiVersion: v1
kind: Pod
metadata: {name: class-known}
spec:
  runtimeClassName: known
  restartPolicy: Never
  containers: [{name: main, image: IMAGE, command: ["true"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: class-martian}
spec:
  runtimeClassName: martian
  containers: [{name: main, image: IMAGE, command: ["true"]}]
`)
	p := r.phase("class-known", "Succeeded")
	if q := p.GetSpec().GetOverhead()["memory"]; q.GetString_() != "1Mi" {
		r.t.Errorf("the class's overhead is not in the pod: %v", p.GetSpec().GetOverhead())
	}
	r.event("class-martian", "FailedCreatePodSandBox", "martian")
	r.failsIn(fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: class-none}
spec:
  runtimeClassName: none-such
  containers: [{name: main, image: %s}]
`, r.image), 1, []string{"none-such", "not found"}, "apply", "-f", "-")
	r.remove("class-martian")
}

// names are the names a pod has and knows.
func names(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: names}
spec:
  hostname: hh
  subdomain: ss
  hostAliases: [{ip: 1.2.3.4, hostnames: [four, vier]}]
  dnsPolicy: None
  dnsConfig: {nameservers: [9.9.9.9], searches: [a.b], options: [{name: ndots, value: "3"}]}
  shareProcessNamespace: true
  restartPolicy: Never
  containers: [{name: main, image: IMAGE, command: [sh, -c, 'hostname; cat /etc/hosts /etc/resolv.conf; ps; pwd'], workingDir: /tmp}]
`)
	p := r.phase("names", "Succeeded")
	contains(r.t, "the pod", r.kaji("logs", "names"), "hh\n", p.GetStatus().GetPodIp()+"\thh.ss.default.svc.cluster.local\thh", "1.2.3.4\tfour\tvier",
		"nameserver 9.9.9.9", "search a.b", "options ndots:3", "/pause", "/tmp\n")
}

// hostDirectory is a directory of the node for a hostPath volume.
func (r *rig) hostDirectory() string {
	dir, err := os.MkdirTemp("", "kaji-e2e-")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
