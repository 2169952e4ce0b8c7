package cli_test

import (
	"strings"
	"testing"
)

const settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: \"1\", b: \"1\"}\n"

func TestApplyOnTheServer(t *testing.T) {
	api := server(t, "")
	s := newShell(t, api.Client())
	mine := write(t, "mine.yaml", settings)
	same(t, s.ok("apply", "--server-side", "-f", mine), "configmap/settings created")
	same(t, s.ok("apply", "--server-side", "-f", mine), "configmap/settings unchanged")
	theirs := write(t, "theirs.yaml", strings.ReplaceAll(settings, "a: \"1\"", "a: \"2\""))
	s.fails([]string{
		`theirs.yaml:1: configmaps.core "default/settings": 1 field is set to other values by others:`,
		`data.a: conflict with "kaji-apply"`, "--force-conflicts takes the fields over",
	}, "apply", "--server-side", "--field-manager=other", "-f", theirs)
	same(t, s.ok("apply", "--server-side", "--field-manager=other", "--force-conflicts", "-f", theirs), "configmap/settings serverside-applied")
	same(t, s.ok("get", "cm/settings", "-o", "jsonpath={.data.a}{.data.b}"), "21")
	// b is shared with the other one, so it stays; a is the other's alone by now.
	same(t, s.ok("apply", "--server-side", "-f", write(t, "less.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n")), "configmap/settings serverside-applied")
	same(t, s.ok("get", "cm/settings", "-o", "jsonpath={.data.a}{.data.b}"), "21")
	s.fails([]string{"--force-conflicts needs --server-side"}, "apply", "--force-conflicts", "-f", mine)
	s.fails([]string{"--dry-run=server"}, "apply", "--server-side", "--dry-run=client", "-f", mine)
}

func TestApplyPrunes(t *testing.T) {
	api := server(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made, namespace: default, labels: {app: shop}}\n")
	s := newShell(t, api.Client())
	one := func(name, app string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " + name + ", labels: {app: " + app + "}}\n---\n"
	}
	secret := "apiVersion: v1\nkind: Secret\nmetadata: {name: s, labels: {app: shop}}\n---\n"
	s.ok("apply", "-f", write(t, "all.yaml", one("a", "shop")+one("b", "shop")+one("c", "other")+secret))
	less := write(t, "less.yaml", one("a", "shop"))
	s.fails([]string{"needs either -l SELECTOR"}, "apply", "-f", less, "--prune")
	s.fails([]string{"needs either -l SELECTOR"}, "apply", "-f", less, "--prune", "--all", "-l", "app=shop")
	s.fails([]string{"need --prune"}, "apply", "-f", less, "--all")
	s.fails([]string{`no kind "cofigmaps"`}, "apply", "-f", less, "--prune", "--all", "--prune-allowlist=cofigmaps")
	same(t, s.ok("apply", "-f", less, "--prune", "-l", "app=shop", "--dry-run=server"),
		"configmap/a unchanged (server dry run)\nconfigmap/b pruned (server dry run)\nsecret/s pruned (server dry run)")
	same(t, s.ok("apply", "-f", less, "--prune", "-l", "app=shop", "--prune-allowlist=core/v1/ConfigMap"), "configmap/a unchanged\nconfigmap/b pruned")
	// What was not applied, and what is not selected, stays.
	same(t, s.ok("get", "cm,secrets", "-o", "name"), "configmap/a\nconfigmap/c\nconfigmap/made\nsecret/s")
	same(t, s.ok("apply", "-f", less, "--prune", "--all"), "configmap/a unchanged\nconfigmap/c pruned\nsecret/s pruned")
	// Nothing goes when not everything could be applied.
	s.ok("apply", "-f", write(t, "b.yaml", one("b", "shop")))
	s.fails([]string{"nothing is pruned"}, "apply", "-f", write(t, "bad.yaml", one("a", "shop")+"apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x, labels: {app: shop}}\n"), "--prune", "-l", "app=shop")
	same(t, s.ok("get", "cm/b", "-o", "name"), "configmap/b")
	// On the server, what this manager applied.
	s.ok("apply", "--server-side", "-f", write(t, "there.yaml", one("x", "there")+one("y", "there")))
	same(t, s.ok("apply", "--server-side", "-f", write(t, "x.yaml", one("x", "there")), "--prune", "-l", "app=there"), "configmap/x unchanged\nconfigmap/y pruned")
}

func TestLastApplied(t *testing.T) {
	api := server(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made, namespace: default}\n")
	s := newShell(t, api.Client())
	s.ok("apply", "-f", write(t, "settings.yaml", settings))
	want := "apiVersion: v1\ndata:\n  a: \"1\"\n  b: \"1\"\nkind: ConfigMap\nmetadata:\n  annotations: {}\n  name: settings\n  namespace: default\n"
	same(t, s.ok("apply", "view-last-applied", "cm/settings"), want)
	if out := s.ok("apply", "view-last-applied", "cm/settings", "-o", "json"); !strings.Contains(out, `"b": "1"`) {
		t.Error(out)
	}
	s.fails([]string{"configmap/made has no annotation", "set-last-applied --create-annotation"}, "apply", "view-last-applied", "cm/made")
	other := write(t, "other.yaml", strings.ReplaceAll(settings, "a: \"1\"", "z: \"1\""))
	same(t, s.ok("apply", "set-last-applied", "-f", other, "--dry-run=client"), "configmap/settings configured (dry run)")
	same(t, s.ok("apply", "set-last-applied", "-f", other), "configmap/settings configured")
	same(t, s.ok("apply", "set-last-applied", "-f", other), "configmap/settings unchanged")
	same(t, s.ok("get", "cm/settings", "-o", "jsonpath={.data.a}"), "1")
	made := write(t, "made.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made}\n")
	s.fails([]string{"--create-annotation"}, "apply", "set-last-applied", "-f", made)
	same(t, s.ok("apply", "set-last-applied", "--create-annotation", "-f", made), "configmap/made configured")
	t.Setenv("KAJI_EDITOR", `sed -i s/z:/x:/`)
	same(t, s.ok("apply", "edit-last-applied", "cm/settings"), "configmap/settings edited")
	if out := s.ok("apply", "view-last-applied", "cm/settings"); !strings.Contains(out, "  x: \"1\"") {
		t.Error(out)
	}
}

func TestApplyKustomization(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{"kustomization.yaml": "namePrefix: p-\nresources: [c.yaml]\n", "c.yaml": settings}
	for name, text := range files {
		writeIn(t, dir, name, text)
	}
	s := newShell(t, server(t, "").Client())
	if out := s.ok("kustomize", dir); !strings.Contains(out, "name: p-settings") {
		t.Error(out)
	}
	r := s.run("diff", "-k", dir)
	if r.code != 1 || !strings.Contains(r.out, "+  name: p-settings") {
		t.Errorf("%+v", r)
	}
	same(t, s.ok("apply", "-k", dir), "configmap/p-settings created")
	same(t, s.ok("get", "-k", dir, "-o", "name"), "configmap/p-settings")
	s.fails([]string{"already exists"}, "create", "-k", dir)
	same(t, s.ok("delete", "-k", dir), `configmap "p-settings" deleted from default namespace`)
	s.fails([]string{"filename kustomize", "were all set"}, "apply", "-k", dir, "-f", dir)
	writeIn(t, dir, "kustomization.yaml", "resources: [https://example.com/c.yaml]\n")
	s.fails([]string{"nothing is fetched", "kaji kustomize --help"}, "apply", "-k", dir)
}
