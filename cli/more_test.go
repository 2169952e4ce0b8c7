package cli_test

import (
	"context"
	"os"
	"strings"
	"testing"
)

func TestForms(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	columns := write(t, "columns", "NAME            NODE\n.metadata.name  .spec.nodeName\n")
	for _, c := range []struct{ format, want string }{
		{"jsonpath-as-json={.items[*].metadata.name}", "[\n    \"web-1\",\n    \"web-2\"\n]"},
		{"go-template={{range .items}}{{.metadata.name}} {{end}}", "web-1 web-2"},
		{"custom-columns-file=" + columns, "NAME    NODE\nweb-1   n1\nweb-2   <none>"},
		{"jsonpath-file=" + write(t, "path", "{.items[0].metadata.name}"), "web-1"},
		{"go-template-file=" + write(t, "template", "{{len .items}}"), "2"},
	} {
		same(t, s.ok("get", "pods", "-o", c.format), c.want)
	}
	s.fails([]string{"no such file"}, "get", "pods", "-o", "jsonpath-file=/none")
	s.fails([]string{"2 headings and 1 paths"}, "get", "pods", "-o", "custom-columns-file="+write(t, "bad", "A B\n.a\n"))
	s.fails([]string{"go-template:", "for example"}, "get", "pods", "-o", "go-template={{")
}

func TestSortByValue(t *testing.T) {
	var text string
	for name, memory := range map[string]string{"a": "1Gi", "b": "900Mi", "c": "2G", "d": "10Gi"} {
		text += "apiVersion: v1\nkind: Node\nmetadata: {name: " + name + "}\nstatus: {capacity: {memory: " + memory + "}}\n---\n"
	}
	s := newShell(t, server(t, text).Client())
	same(t, s.ok("get", "nodes", "--sort-by", ".status.capacity.memory", "-o", "name"), "node/b\nnode/a\nnode/c\nnode/d")
}

func TestWatchEventsAndChunks(t *testing.T) {
	api := server(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: default}\n")
	s := newShell(t, api.Client())
	same(t, s.ok("get", "cm", "--chunk-size=1", "-o", "name"), "configmap/a\nconfigmap/b")
	s.fails([]string{"--chunk-size must be 0 or more"}, "get", "cm", "--chunk-size=-1")
	s.fails([]string{"needs -w"}, "get", "cm", "--output-watch-events")
	for _, format := range []string{"", "name", "json"} {
		ctx, cancel := context.WithCancel(t.Context())
		out := newBuffer()
		args := []string{"get", "cm", "-w", "--output-watch-events"}
		if format != "" {
			args = append(args, "-o", format)
		}
		end := s.start(ctx, out, newBuffer(), args...)
		out.await(t, "ADDED")
		s.ok("create", "configmap", "c")
		s.ok("delete", "configmap", "c")
		out.await(t, "DELETED")
		if format == "" && !strings.HasPrefix(out.String(), "EVENT") {
			t.Error(out.String())
		}
		cancel()
		end()
	}
}

func TestChangesInForms(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	same(t, s.ok("label", "pod", "web-1", "a=b", "-o", "jsonpath={.metadata.labels.a}"), "b")
	same(t, s.ok("label", "pod", "web-1", "c=d", "--dry-run=client"), "pod/web-1 labeled (dry run)")
	same(t, s.ok("label", "pod", "web-1", "c=d", "--dry-run=server", "-o", "name"), "pod/web-1")
	same(t, s.ok("get", "pod", "web-1", "-o", "jsonpath={.metadata.labels.c}"), "")
	s.ok("create", "deployment", "web", "--image=web:1")
	same(t, s.ok("scale", "deployment/web", "--replicas=4", "-o", "jsonpath={.spec.replicas}"), "4")
	same(t, s.ok("set", "image", "deployment/web", "web=web:2", "-o", "jsonpath={.spec.template.spec.containers[0].image}"), "web:2")
	same(t, s.ok("set", "serviceaccount", "deployment/web", "shop", "--dry-run=client", "-o", "jsonpath={.spec.template.spec.serviceAccountName}"), "shop")
	same(t, s.ok("set", "serviceaccount", "deployment/web", "shop"), "deployment.apps/web serviceaccount updated")
	same(t, s.ok("set", "serviceaccount", "deployment/web", "shop"), "deployment.apps/web unchanged")
	same(t, s.ok("set", "selector", "svc", "web", "app=other,tier=front"), "service/web selector updated")
	same(t, s.ok("get", "svc", "web", "-o", "jsonpath={.spec.selector.app}{.spec.selector.tier}"), "otherfront")
	s.fails([]string{"only a service"}, "set", "selector", "pod", "web-1", "a=b")
}

func TestReplaceForce(t *testing.T) {
	s := newShell(t, server(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: default, uid: old}\ndata: {x: \"1\"}\n").Client())
	file := write(t, "settings.yaml", settings)
	same(t, s.ok("replace", "--force", "-f", file, "--dry-run=server"), "configmap/settings replaced (server dry run)")
	same(t, s.ok("get", "cm", "settings", "-o", "jsonpath={.metadata.uid}{.data.x}"), "old1")
	same(t, s.ok("replace", "--force", "-f", file), "configmap/settings replaced")
	if out := s.ok("get", "cm", "settings", "-o", "jsonpath={.metadata.uid}/{.data.a}"); strings.HasPrefix(out, "old/") || !strings.HasSuffix(out, "/1") {
		t.Error(out)
	}
	s.ok("delete", "cm", "settings")
	same(t, s.ok("replace", "--force", "-f", file), "configmap/settings replaced")
}

func TestWaitForSeveral(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	same(t, s.ok("wait", "pod/web-1", "--for=create", "--for=jsonpath={.spec.nodeName}=n1"), "pod/web-1 created\npod/web-1 condition met")
	s.fails([]string{"timed out"}, "wait", "pod/web-1", "--for=create", "--for=condition=Nonsense", "--timeout=50ms")
}

func TestAPIVersions(t *testing.T) {
	s := newShell(t, server(t, "").Client())
	if out := s.ok("api-versions"); !strings.Contains(out, "apps/v1\n") || !strings.Contains(out, "\nv1\n") {
		t.Error(out)
	}
	if out := s.ok("api-resources", "--namespaced=false", "-o", "name"); !strings.Contains(out, "nodes\n") || strings.Contains(out, "pods") {
		t.Error(out)
	}
	if out := s.ok("api-resources", "--api-group=apps", "-o", "name"); !strings.Contains(out, "deployments.apps\n") || strings.Contains(out, "pods") {
		t.Error(out)
	}
}

func TestConfigEntries(t *testing.T) {
	path, files := admin(t, "127.0.0.1:7443")
	s := &shell{t: t, config: path}
	same(t, s.ok("config", "set-cluster", "prod", "--server=10.0.0.1:7443", "--certificate-authority="+files.CA, "--embed-certs"), `Cluster "prod" set.`)
	same(t, s.ok("config", "set-credentials", "ada", "--client-certificate="+files.Cert, "--client-key="+files.Key), `User "ada" set.`)
	same(t, s.ok("config", "set-credentials", "bot", "--token=sesame"), `User "bot" set.`)
	same(t, s.ok("config", "get-clusters"), "kaji\nprod")
	same(t, s.ok("config", "get-users"), "kaji\nada\nbot")
	s.ok("config", "set-context", "prod", "--cluster=prod", "--user=ada")
	same(t, s.ok("config", "rename-context", "prod", "live"), `Context "prod" renamed to "live".`)
	s.fails([]string{`a context "live" already`}, "config", "rename-context", "kaji", "live")
	s.fails([]string{`context "live" needs cluster "prod"`, "delete-context live"}, "config", "delete-cluster", "prod")
	out := s.ok("config", "view", "--minify", "--flatten", "--context=live")
	if strings.Contains(out, "kaji\n") || !strings.Contains(out, "certificate-authority-data: DATA+OMITTED") || !strings.Contains(out, "client-key-data: DATA+OMITTED") || strings.Contains(out, files.Key) {
		t.Error(out)
	}
	if out := s.ok("config", "view", "-o", "json"); strings.Contains(out, "sesame") || !strings.Contains(out, `"current-context": "kaji"`) {
		t.Error(out)
	}
	// What is flattened and raw works elsewhere.
	elsewhere := write(t, "portable", s.ok("config", "view", "--minify", "--flatten", "--raw", "--context=live"))
	same(t, (&shell{t: t, config: elsewhere}).ok("config", "current-context"), "live")
	b, err := os.ReadFile(elsewhere)
	if err != nil || strings.Contains(string(b), files.Cert) {
		t.Errorf("%s %v", b, err)
	}
	s.ok("config", "delete-context", "live")
	same(t, s.ok("config", "delete-cluster", "prod"), `cluster "prod" removed.`)
	same(t, s.ok("config", "delete-user", "ada"), `user "ada" removed.`)
	s.fails([]string{"needs --server"}, "config", "set-cluster", "new")
	s.fails([]string{"go together"}, "config", "set-credentials", "ada", "--client-key=k")
}

func TestColour(t *testing.T) {
	s := newShell(t, server(t, running).Client())
	if out := s.ok("get", "pods", "--color=always"); !strings.Contains(out, "\x1b[") {
		t.Errorf("no colours: %q", out)
	}
	if out := s.ok("get", "pods"); strings.Contains(out, "\x1b[") {
		t.Errorf("colours without a terminal: %q", out)
	}
	s.fails([]string{"--color is auto, always or never"}, "get", "pods", "--color=pink")
}
