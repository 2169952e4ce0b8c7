package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCommands is the command line against a real cluster: manifests, forms of output, waiting, errors and exit codes.
func TestCommands(t *testing.T) {
	newRig(t).each(t, map[string]func(*rig){
		"apply": applying, "mistakes": mistakes, "get": getting, "watch": watching, "wait and delete": waiting, "server side": serverSide,
	})
}

func configMap(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, labels: {of: commands}}\ndata: {k: %q}\n", name, value)
}

func (r *rig) write(files map[string]string) string {
	r.t.Helper()
	dir := r.t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	return dir
}

func applying(r *rig) {
	dir := r.write(map[string]string{
		"a.yaml":        configMap("a-1", "1") + "---\n# nothing here\n---\n" + configMap("a-2", "2"),
		"b.json":        `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a-3"},"data":{"k":"3"}}]}`,
		"notes.txt":     "no manifest",
		"deeper/c.yaml": configMap("a-4", "4"),
	})
	if out := r.kaji("apply", "-f", dir); out != "configmap/a-1 created\nconfigmap/a-2 created\nconfigmap/a-3 created\n" {
		r.t.Errorf("folder: %q", out)
	}
	if out := r.kaji("apply", "-R", "-f", dir); out != "configmap/a-1 unchanged\nconfigmap/a-2 unchanged\nconfigmap/a-3 unchanged\nconfigmap/a-4 created\n" {
		r.t.Errorf("-R: %q", out)
	}
	if out := r.apply(configMap("a-1", "new")); out != "configmap/a-1 configured\n" {
		r.t.Errorf("stdin: %q", out)
	}
	// What another has added stays; what the manifest no longer has goes.
	r.kaji("patch", "configmap", "a-1", "--type=merge", "-p", `{"data":{"theirs":"kept"}}`)
	r.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a-1}\ndata: {mine: x}\n")
	if out := r.kaji("get", "configmap", "a-1", "-o", "jsonpath={.data}{.metadata.labels}"); out != `{"mine":"x","theirs":"kept"}` {
		r.t.Errorf("after the third apply: %s", out)
	}
	if out := r.kaji("delete", "-R", "-f", dir); strings.Count(out, "deleted") != 4 {
		r.t.Errorf("delete -f: %q", out)
	}
	r.fails(1, []string{"not found"}, "delete", "-R", "-f", dir)
	r.kaji("delete", "-R", "-f", dir, "--ignore-not-found")
}

func mistakes(r *rig) {
	dir := r.write(map[string]string{
		"bad.yaml":  configMap("m-1", "1") + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: m-2}\nspec:\n  containers:\n  - name: x\n    imagee: y\n",
		"kind.yaml": configMap("m-1", "1") + "---\napiVersion: v1\nkind: Podd\nmetadata: {name: m-2}\n",
		"yaml.yaml": "apiVersion: v1\nkind: ConfigMap\n  metadata: {name: m-1}\n",
		"type.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: m-1}\nspec:\n  replicas: three\n",
		"rule.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: Not_A_Name}\nspec:\n  restartPolicy: Sometimes\n  containers: [{name: x}]\n",
	})
	file := func(name string) string { return filepath.Join(dir, name) }
	r.fails(1, []string{"bad.yaml:12: ", "spec.containers[0].imagee", `did you mean "image"`}, "apply", "-f", file("bad.yaml"))
	r.fails(1, []string{"kind.yaml:", "Podd"}, "apply", "-f", file("kind.yaml"))
	r.fails(1, []string{"yaml.yaml:"}, "apply", "-f", file("yaml.yaml"))
	r.fails(1, []string{"type.yaml:5", "spec.replicas"}, "apply", "-f", file("type.yaml"))
	r.fails(1, []string{"metadata.name", "spec.containers[0].image", "spec.restartPolicy", "Sometimes"}, "apply", "-f", file("rule.yaml"))
	r.fails(1, []string{"no-such-file"}, "apply", "-f", file("no-such-file.yaml"))
	r.fails(1, []string{`"default/m-1" not found`}, "get", "configmap", "m-1")
	r.fails(1, []string{`no kind "nonsense"`, "api-resources"}, "get", "nonsense")
	r.fails(1, []string{"unknown command", "help"}, "frobnicate")
	r.fails(1, []string{"unknown flag"}, "get", "pods", "--frobnicate")
	r.fails(1, []string{"namespace"}, "create", "configmap", "x", "-n", "no-such-namespace")
	r.fails(1, []string{"no-such-context"}, "get", "pods", "--context=no-such-context")
	r.fails(1, nil, "delete", "pods")
	r.fails(1, []string{"--for"}, "wait", "pod/x", "--for=nonsense")
}

func getting(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: g-pod, labels: {app: g}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: IMAGE, command: [sleep, "1000"]}]
---
apiVersion: v1
kind: Secret
metadata: {name: g-secret, labels: {app: g}}
stringData: {a: b}
`)
	r.ready("g-pod")
	table := lines(r.kaji("get", "pods", "-l", "app=g"))
	if len(table) != 2 || strings.Join(strings.Fields(table[0]), " ") != "NAME READY STATUS RESTARTS AGE" || !strings.HasPrefix(strings.Join(strings.Fields(table[1]), " "), "g-pod 1/1 Running 0 ") {
		r.t.Errorf("table: %q", table)
	}
	contains(r.t, "-o wide", r.kaji("get", "pods", "-l", "app=g", "-o", "wide"), "NODE", "node-1", "10.")
	if out := r.kaji("get", "pods,secrets", "-l", "app=g", "-o", "name"); out != "pod/g-pod\nsecret/g-secret\n" {
		r.t.Errorf("-o name: %q", out)
	}
	if out := r.kaji("get", "pod/g-pod", "-o", "jsonpath={.metadata.name} {.spec.containers[*].name} {.status.phase}"); out != "g-pod main Running" {
		r.t.Errorf("jsonpath: %q", out)
	}
	if out := r.kaji("get", "pods", "-l", "app=g", "-o", `jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}`); out != "g-pod\n" {
		r.t.Errorf("jsonpath range: %q", out)
	}
	if out := lines(r.kaji("get", "pods", "-l", "app=g", "-o", "custom-columns=N:.metadata.name,I:.spec.containers[*].image")); len(out) != 2 || !strings.Contains(out[1], r.image) {
		r.t.Errorf("custom-columns: %q", out)
	}
	var one struct {
		APIVersion, Kind string
		Spec             struct{ Containers []struct{ Image string } }
	}
	if err := json.Unmarshal([]byte(r.kaji("get", "pod", "g-pod", "-o", "json")), &one); err != nil || one.APIVersion != "v1" || one.Kind != "Pod" || one.Spec.Containers[0].Image != r.image {
		r.t.Errorf("json: %+v %v", one, err)
	}
	// What is printed can be applied again.
	if out := r.apply(r.kaji("get", "secret", "g-secret", "-o", "yaml")); !strings.HasPrefix(out, "secret/g-secret ") {
		r.t.Errorf("yaml: %q", out)
	}
	if out := r.kaji("get", "pods", "-A", "--field-selector=metadata.name=g-pod", "--no-headers"); !strings.HasPrefix(out, "default ") {
		r.t.Errorf("-A: %q", out)
	}
	if out := r.kaji("get", "pods", "--field-selector=status.phase=Failed,metadata.name=g-pod", "-o", "name"); out != "" {
		r.t.Errorf("field selector: %q", out)
	}
	if out := r.kaji("get", "pods", "-l", "app in (g),!other", "-o", "name"); out != "pod/g-pod\n" {
		r.t.Errorf("set selector: %q", out)
	}
	contains(r.t, "describe", r.kaji("describe", "pod", "g-pod"), "Name:", "g-pod", "Node:", "IP:", "Image:", "Started", "Events:", "Scheduled")
	contains(r.t, "api-resources", r.kaji("api-resources"), "deployments", "deploy", "apps/v1", "Deployment", "runtimeclasses")
	contains(r.t, "version", r.kaji("version"), "kaji ", "linux/")
	r.remove("g-pod")
}

func watching(r *rig) {
	r.apply(configMap("w-old", "1"))
	cmd := r.start(nil, "get", "configmaps", "-l", "of=commands", "--field-selector=metadata.name!=other", "-w", "-o", "name")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	seen := bufio.NewScanner(pipe)
	next := func(want string) {
		for seen.Scan() {
			if seen.Text() == want {
				return
			}
		}
		r.t.Errorf("get -w ended before %s", want)
	}
	next("configmap/w-old")
	r.apply(configMap("w-new", "1"))
	next("configmap/w-new")
	r.apply(configMap("w-new", "2"))
	next("configmap/w-new")
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		r.t.Fatal(err)
	}
	for seen.Scan() {
	}
	if err := cmd.Wait(); err != nil && exitCode(err) != 130 && exitCode(err) != 0 {
		r.t.Errorf("an interrupted watch ends with %v", err)
	}
	r.kaji("delete", "configmap", "w-old", "w-new")
}

func waiting(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: waits}
spec:
  terminationGracePeriodSeconds: 2
  containers: [{name: main, image: IMAGE, command: [sh, -c, 'trap "" TERM; while :; do sleep 1; done']}]
`)
	r.kaji("wait", "pod/waits", "--for=condition=Ready", "--timeout=60s")
	if out := r.kaji("wait", "pod/waits", "--for=jsonpath={.status.phase}=Running"); out != "pod/waits condition met\n" {
		r.t.Errorf("wait: %q", out)
	}
	r.fails(1, []string{"timed out waiting", "pod/waits"}, "wait", "pod/waits", "--for=condition=Nonsense", "--timeout=1s")
	r.fails(1, []string{"not found"}, "wait", "pod/no-such", "--for=condition=Ready", "--timeout=1s")
	r.fails(1, []string{"still there after the timeout", "have not ended"}, "delete", "pod", "waits", "--timeout=500ms")
	begun := time.Now()
	r.kaji("wait", "pod/waits", "--for=delete", "--timeout=60s")
	if r.fresh("waits") != nil {
		r.t.Error("wait --for=delete ended while the pod is there")
	}
	if took := time.Since(begun); took > 30*time.Second {
		r.t.Errorf("it took %v", took)
	}
	r.kaji("wait", "pod/waits", "--for=delete")
	r.run(deployment("waits", 1, ""))
	r.kaji("wait", "deployment/waits", "--for=condition=Available", "--timeout=60s")
	r.kaji("delete", "deployment", "waits")
}

// serverSide is what the server refuses or merely tries.
func serverSide(r *rig) {
	if out := r.kaji("create", "configmap", "dry", "--from-literal=a=b", "--dry-run=server"); !strings.Contains(out, "dry run") {
		r.t.Errorf("%q", out)
	}
	r.fails(1, []string{"not found"}, "get", "configmap", "dry")
	r.kaji("create", "configmap", "twice")
	r.fails(1, []string{"already exists"}, "create", "configmap", "twice")
	r.kaji("delete", "configmap", "twice")
	r.run(deployment("fixed", 0, ""))
	r.fails(1, []string{"spec.selector", "immutable"}, "patch", "deployment", "fixed", "--type=merge", "-p", `{"spec":{"selector":{"matchLabels":{"app":"other"}}}}`)
	r.kaji("delete", "deployment", "fixed")
}
