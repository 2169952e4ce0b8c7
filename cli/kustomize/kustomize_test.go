package kustomize_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/cli/kustomize"
)

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestBuild(t *testing.T) {
	dir := write(t, map[string]string{
		"base/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator:\n- name: settings\n  files: [app.conf, start=https.txt]\n",
		"base/app.conf":           "url: https://example.com/\n",
		"base/https.txt":          "x",
		"base/web.yaml": `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: shop/web}]
      volumes: [{name: settings, configMap: {name: settings}}]
`,
		"prod/kustomization.yaml": `namespace: shop
namePrefix: prod-
commonAnnotations: {home: "https://example.com"}
resources: [../base, ns.yaml]
images: [{name: shop/web, newName: registry.local/web, newTag: "2"}]
patches:
- target: {kind: Deployment}
  patch: |-
    [{"op": "add", "path": "/spec/replicas", "value": 3}]
`,
		"prod/ns.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
	})
	out, err := kustomize.Build(filepath.Join(dir, "prod"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(out)
	for _, want := range []string{"name: prod-web", "namespace: shop", "image: registry.local/web:2", "replicas: 3", "name: prod-settings-", "url: https://example.com/"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Index(text, "kind: Namespace") > strings.Index(text, "kind: Deployment") {
		t.Errorf("the namespace is not first:\n%s", text)
	}
	if strings.Count(text, "prod-settings-") != 2 {
		t.Errorf("the deployment does not use the generated name:\n%s", text)
	}
}

func TestNothingIsFetched(t *testing.T) {
	for name, text := range map[string]string{
		"address":        "resources: [https://example.com/web.yaml]\n",
		"repository":     "resources: ['github.com/shop/web//deploy?ref=v1']\n",
		"ssh":            "resources: ['git@example.com:shop/web.git']\n",
		"component":      "components: [https://example.com/component]\n",
		"old base":       "bases: [ssh://example.com/web]\n",
		"file":           "configMapGenerator:\n- name: c\n  files: [k=https://example.com/k]\n",
		"patch":          "patches:\n- path: https://example.com/p.yaml\n",
		"inline plugin":  "generators:\n- |-\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {name: c}\n  files: [https://example.com/k]\n",
		"plugin of file": "generators: [plugin.yaml]\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{
				"kustomization.yaml": text,
				"plugin.yaml":        "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: c}\nfiles: [https://example.com/k]\n",
			})
			_, err := kustomize.Build(dir)
			if err == nil || !strings.Contains(err.Error(), "nothing is fetched") {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := kustomize.Build("https://example.com/web"); err == nil || !strings.Contains(err.Error(), "nothing is fetched") {
		t.Errorf("got %v", err)
	}
	dir := write(t, map[string]string{"kustomization.yaml": "resources: [gone.yaml]\n"})
	if _, err := kustomize.Build(dir); err == nil || !strings.Contains(err.Error(), "there is no file or folder gone.yaml") {
		t.Errorf("got %v", err)
	}
}

func TestNoPlugins(t *testing.T) {
	dir := write(t, map[string]string{
		"kustomization.yaml": "generators: [exec.yaml]\n",
		"exec.yaml":          "apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: x\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run}\n",
		"run":                "#!/bin/sh\ntouch ran\n",
	})
	if err := os.Chmod(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := kustomize.Build(dir); err == nil {
		t.Errorf("a plugin is taken:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "ran")); err == nil {
		t.Error("it ran")
	}
}
