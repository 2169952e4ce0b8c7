package cli_test

import (
	"context"
	"strings"
	"testing"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestDebugAddsAContainer(t *testing.T) {
	s, api := drainShell(t)
	pods := client.Of[*corev1.Pod](api.Client())
	r := s.run("debug", "web", "--image=busybox", "-c", "look", "--target=c", "--env=A=b", "--", "sh", "-c", "date")
	if r.code != 0 || !strings.Contains(r.err, "kaji logs web -c look") {
		t.Fatalf("%+v", r)
	}
	p, err := pods.Get(context.Background(), "default", "web")
	if err != nil {
		t.Fatal(err)
	}
	e := p.GetSpec().GetEphemeralContainers()[0]
	c := e.GetEphemeralContainerCommon()
	if c.GetName() != "look" || c.GetImage() != "busybox" || e.GetTargetContainerName() != "c" || strings.Join(c.GetCommand(), " ") != "sh -c date" ||
		c.GetEnv()[0].GetValue() != "b" || strings.Join(c.GetSecurityContext().GetCapabilities().GetAdd(), " ") != "SYS_PTRACE" {
		t.Errorf("%v", e)
	}
	r = s.run("debug", "web", "--image=busybox", "--profile=restricted")
	if !strings.Contains(r.err, "Container debugger-") || !strings.Contains(r.err, "no processes but its own") {
		t.Errorf("%+v", r)
	}
	if p, err = pods.Get(context.Background(), "default", "web"); err != nil || len(p.GetSpec().GetEphemeralContainers()) != 2 {
		t.Fatalf("%v, %v", p, err)
	}
	for _, e := range p.GetSpec().GetEphemeralContainers() {
		c := e.GetEphemeralContainerCommon()
		if sc := c.GetSecurityContext(); c.GetName() != "look" && (!sc.GetRunAsNonRoot() || sc.AllowPrivilegeEscalation == nil) {
			t.Errorf("%v", sc)
		}
	}
	if out := s.ok("describe", "pod", "web"); !strings.Contains(out, "Ephemeral Containers") || !strings.Contains(out, "look") {
		t.Errorf("%s", out)
	}
	s.fails([]string{`has a container "look" already`}, "debug", "web", "--image=a", "-c", "look")
	s.fails([]string{`no container "db"`}, "debug", "web", "--image=a", "--target=db")
	s.fails([]string{"does not run after 200ms"}, "debug", "-i", "web", "--image=a", "--pod-running-timeout=200ms")
	for _, args := range []string{"", "web", "web --image=a --profile=root", "web --image=a --replace", "web --image=a -t", "node/n1 --image=a --target=c", "web lone --image=a", "web --copy-to=x --target=c --image=a"} {
		if r := s.run(append([]string{"debug"}, strings.Fields(args)...)...); r.code == 0 {
			t.Errorf("debug %s went well: %+v", args, r)
		}
	}
}

func TestDebugACopy(t *testing.T) {
	s, api := realShell(t)
	s.ok("apply", "-f", write(t, "pod.yaml", `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}, annotations: {a: b}}
spec:
  nodeName: n1
  initContainers: [{name: once, image: i}]
  containers: [{name: c, image: i, command: [serve], livenessProbe: {tcpSocket: {port: 80}}}, {name: d, image: j}]
`))
	pods := client.Of[*corev1.Pod](api.Client())
	get := func(name string) *corev1.Pod {
		t.Helper()
		p, err := pods.Get(context.Background(), "default", name)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	s.ok("debug", "web", "--copy-to=one", "--image=busybox", "-c", "look")
	p := get("one")
	if spec := p.GetSpec(); len(p.GetMetadata().GetLabels())+len(p.GetMetadata().GetAnnotations()) > 0 || spec.GetNodeName() != "" || !spec.GetShareProcessNamespace() ||
		len(spec.GetContainers()) != 3 || spec.GetContainers()[0].GetLivenessProbe() != nil || spec.GetContainers()[2].GetName() != "look" {
		t.Errorf("%v", p)
	}
	s.ok("debug", "web", "--copy-to=two", "--set-image=*=other", "--set-image=d=more", "--same-node", "--share-processes=false", "--keep-labels",
		"--keep-probes", "--keep-init-containers=false", "--", "sleep", "1")
	p = get("two")
	if spec := p.GetSpec(); p.GetMetadata().GetLabels()["app"] != "web" || spec.GetNodeName() != "n1" || spec.GetShareProcessNamespace() || len(spec.GetInitContainers()) > 0 ||
		len(spec.GetContainers()) != 2 || spec.GetContainers()[0].GetImage() != "other" || spec.GetContainers()[1].GetImage() != "more" ||
		spec.GetContainers()[0].GetCommand()[0] != "sleep" || spec.GetContainers()[0].GetLivenessProbe() == nil {
		t.Errorf("%v", p)
	}
	s.fails([]string{`no container "x"`}, "debug", "web", "--copy-to=three", "--set-image=x=y")
	s.fails([]string{"already exists"}, "debug", "web", "--copy-to=two", "--image=a", "--replace")
	get("web") // is not given up for a copy that cannot be made
}

func TestDebugANode(t *testing.T) {
	s, api := drainShell(t)
	s.fails([]string{"not found"}, "debug", "node/n9", "--image=busybox")
	r := s.run("debug", "node/n2", "--image=busybox", "--profile=sysadmin")
	if r.code != 0 || !strings.Contains(r.err, "kaji delete pod node-debugger-n2-") {
		t.Fatalf("%+v", r)
	}
	name := strings.TrimPrefix(strings.TrimSpace(s.ok("get", "pods", "-l", "app.kubernetes.io/managed-by=kaji-debug", "-o", "name")), "pod/")
	p, err := client.Of[*corev1.Pod](api.Client()).Get(context.Background(), "default", name)
	if err != nil {
		t.Fatal(err)
	}
	spec := p.GetSpec()
	if spec.GetNodeName() != "n2" || !spec.GetHostPid() || !spec.GetHostNetwork() || !spec.GetHostIpc() || spec.GetContainers()[0].GetVolumeMounts()[0].GetMountPath() != "/host" ||
		!spec.GetContainers()[0].GetSecurityContext().GetPrivileged() || spec.GetTolerations()[0].GetOperator() != "Exists" {
		t.Errorf("%v", spec)
	}
}
