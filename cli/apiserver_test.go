package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/config"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// realShell runs commands against a real API server, through a configuration file and over mutual TLS.
func realShell(t *testing.T) (*shell, *apitest.Server) {
	t.Helper()
	api := apitest.Start(t, nil)
	files := api.Files(identity.Identity{Name: identity.Admin, Groups: []string{identity.GroupMasters}})
	path := filepath.Join(t.TempDir(), "config")
	if err := config.Write(path, "test", []string{api.Address}, files); err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t, config: path}
	if r := s.run("create", "namespace", "default"); r.code != 0 && !strings.Contains(r.err, "already exists") {
		t.Fatalf("%+v", r)
	}
	return s, api
}

func TestAgainstTheAPIServer(t *testing.T) {
	s, _ := realShell(t)
	file := write(t, "web.yaml", web+service)
	same(t, s.ok("apply", "-f", file), "deployment.apps/web created\nservice/web created")
	// The server has filled in defaults; they are nobody's declaration.
	same(t, s.ok("apply", "-f", file), "deployment.apps/web unchanged\nservice/web unchanged")
	next := write(t, "web.yaml", strings.Replace(strings.Replace(web, "web:1", "web:2", 1), "  replicas: 3\n", "  replicas: 2\n  strategy: {type: Recreate}\n", 1))
	same(t, s.ok("apply", "-f", next), "deployment.apps/web configured")
	same(t, s.ok("apply", "-f", next), "deployment.apps/web unchanged")
	same(t, s.ok("get", "deploy/web", "-o", "jsonpath={.spec.replicas} {.spec.strategy} {.spec.template.spec.containers[0].image}"), `2 {"type":"Recreate"} registry/web:2`)
	same(t, s.ok("scale", "deploy/web", "--replicas=4"), "deployment.apps/web scaled")
	same(t, s.ok("set", "image", "deploy/web", "web=registry/web:3"), "deployment.apps/web image updated")
	same(t, s.ok("label", "deploy/web", "a=b"), "deployment.apps/web labeled")
	same(t, s.ok("patch", "deploy/web", "-p", `{"spec":{"minReadySeconds":7}}`), "deployment.apps/web patched")
	same(t, s.ok("patch", "deploy/web", "-p", `{"spec":{"minReadySeconds":7}}`), "deployment.apps/web patched (no change)")
	same(t, s.ok("rollout", "restart", "deploy/web"), "deployment.apps/web restarted")
	same(t, s.ok("get", "deploy", "-l", "a=b", "-o", "name"), "deployment.apps/web")
	for _, args := range []string{"get all -o wide", "describe deploy/web", "describe svc/web", "get deploy,svc -o yaml", "api-resources -o wide"} {
		if out := s.ok(strings.Fields(args)...); !strings.Contains(out, "web") && args != "api-resources -o wide" {
			t.Errorf("%s:\n%s", args, out)
		}
	}
	s.in = s.ok("get", "deploy/web", "-o", "yaml")
	same(t, s.ok("replace", "-f", "-"), "deployment.apps/web replaced")
	same(t, s.ok("apply", "-f", "-", "--dry-run=server", "-o", "name"), "deployment.apps/web")
	same(t, s.ok("delete", "-f", file), "deployment.apps \"web\" deleted from default namespace\nservice \"web\" deleted from default namespace")
	s.fails([]string{"not found"}, "get", "deploy/web")
}

func TestTheAPIServersRefusals(t *testing.T) {
	s, _ := realShell(t)
	bad := write(t, "bad.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: Bad_Name}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: x}]}}}\n")
	r := s.run("apply", "-f", bad)
	if r.code != 1 {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{"bad.yaml:1: ", "is invalid:", "\n  metadata.name: ", "\n  spec.template.spec.containers[0].image: ", "\n  spec.template.metadata.labels: "} {
		if !strings.Contains(r.err, want) {
			t.Errorf("no %q in\n%s", want, r.err)
		}
	}
	s.fails([]string{`namespaces`, "not found"}, "get", "ns/none")
	s.fails([]string{"not found", "`kaji create namespace shop`"}, "apply", "-n", "shop", "-f", write(t, "web.yaml", web))
	s.fails([]string{"field"}, "get", "pods", "--field-selector=spec.colour=red")
}

func TestPodsOnTheAPIServer(t *testing.T) {
	s, api := realShell(t)
	s.ok("apply", "-f", write(t, "pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}]}\n"))
	// There is neither scheduler nor node.
	s.fails([]string{"Error: "}, "why", "p")
	s.fails([]string{"Error: "}, "logs", "p")
	s.fails([]string{"Error: "}, "exec", "p", "--", "true")
	s.fails([]string{"timed out"}, "wait", "pod/p", "--for=condition=Ready", "--timeout=200ms")
	pods := client.ForKind(api.Client(), kind.Lookup("pods"))
	o, err := pods.Get(t.Context(), "default", "p")
	if err != nil {
		t.Fatal(err)
	}
	out, errs := newBuffer(), newBuffer()
	code := s.start(t.Context(), out, errs, "wait", "pod/p", "--for=delete", "--timeout=20s")
	if err := pods.Delete(t.Context(), "default", "p", &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{Uid: &o.GetMetadata().Uid}}); err != nil {
		t.Fatal(err)
	}
	if c := code(); c != 0 {
		t.Errorf("exit status %d: %s", c, errs)
	}
}

func TestWarnings(t *testing.T) {
	s, _ := realShell(t)
	r := s.run("apply", "-f", write(t, "pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: i}], schedulingGroup: {podGroupName: g}}\n"))
	if r.code != 0 || !strings.Contains(r.err, "Warning: ") || !strings.Contains(r.err, "schedulingGroup") {
		t.Errorf("%+v", r)
	}
}

func TestJoinTheAPIServer(t *testing.T) {
	s, api := realShell(t)
	token := strings.TrimSpace(s.ok("token", "create", "--ttl=5m"))
	dir := filepath.Join(t.TempDir(), "node")
	out := s.ok("node", "join", api.Address, "--token", token, "--name", "n1", "--dir", dir)
	if !strings.Contains(out, `This machine is node "n1"`) {
		t.Error(out)
	}
	settings, err := identity.ClientTLS(identity.FilesIn(dir, "node"), "")
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(client.Config{Endpoints: []string{api.Address}, TLS: settings})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, _, err := client.ForKind(c, kind.Lookup("nodes")).List(t.Context(), "", nil); err != nil {
		t.Errorf("the node cannot connect: %v", err)
	}
	s.in = token
	s.ok("node", "join", api.Address, "--token", "-", "--name", "n2", "--dir", dir)
	s.fails([]string{"Error: "}, "node", "join", api.Address, "--token", "aaaaaa.bbbbbbbbbbbbbbbb."+strings.Repeat("0", 64), "--dir", dir)
}
