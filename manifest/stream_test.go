package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

func names(docs []*Document) string {
	var out []string
	for _, d := range docs {
		out = append(out, d.Kind.Name()+"/"+kind.FullName(d.Object))
	}
	return strings.Join(out, " ")
}

func TestDecodeStreams(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"documents": {"# first\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n# nothing\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\n",
			"ConfigMap/a Deployment/b"},
		"list": {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Node, metadata: {name: n}}]}\n",
			"Pod/a Node/n"},
		"typed list":     {`{"apiVersion":"apps/v1","kind":"DeploymentList","metadata":{},"items":[{"metadata":{"name":"d"}}]}`, "Deployment/d"},
		"JSON values":    {`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}} {"apiVersion":"v1","kind":"Pod","metadata":{"name":"b","namespace":"x"}}`, "Pod/a Pod/x/b"},
		"flow YAML":      {"{apiVersion: v1, kind: Pod, metadata: {name: a}}\n", "Pod/a"},
		"empty":          {"", ""},
		"comments only":  {"# nothing\n", ""},
		"objects within": {"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec: {volumeClaimTemplates: [{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c}}]}\n", "StatefulSet/s"},
		"anchors":        {"apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: &l {app: web}\nspec:\n  nodeSelector:\n    <<: *l\n    disk: ssd\n", "Pod/a"},
	} {
		t.Run(name, func(t *testing.T) {
			docs, err := Decode(strings.NewReader(c.in), "f", Options{Strict: true})
			if err != nil || names(docs) != c.want {
				t.Errorf("got %q, %v; want %q", names(docs), err, c.want)
			}
		})
	}
}

func TestDecodeReportsFileAndLine(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"unknown field in the second document": {"apiVersion: v1\nkind: ConfigMap\n---\napiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: c\n    imagee: x\n",
			`f.yaml:9: spec.containers[0].imagee: unknown field; did you mean "image"?`},
		"errors of all documents": {"apiVersion: v1\nkind: ConfigMap\nx: 1\n---\napiVersion: v1\nkind: Pod\nspec: []\n",
			"f.yaml:3: x: unknown field\nf.yaml:7: spec: must be an object, not a list"},
		"duplicate":        {"apiVersion: v1\nkind: ConfigMap\ndata:\n  a: x\n  a: y\n", "f.yaml:5: data[a]: is set twice"},
		"no kind":          {"\napiVersion: v1\n", "f.yaml:2: kind: required: says what the object is, e.g. apiVersion: apps/v1, kind: Deployment"},
		"group forgotten":  {"apiVersion: v1\nkind: Deployment\n", "f.yaml:2: kind: v1/Deployment is not served; did you mean apiVersion: apps/v1, kind: Deployment?"},
		"kind misspelt":    {"apiVersion: v1\nkind: Pot\n", `f.yaml:2: kind: unknown kind "Pot" of v1; did you mean "Pod"?`},
		"number as string": {"apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    port: 8080\n", `f.yaml:5: metadata.annotations[port]: must be a string, not a number; put it in quotes: "8080"`},
		"syntax":           {"apiVersion: v1\nkind: Pod\n  bad: x\n", "f.yaml:"},
		"in a list":        {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  sepc: {}\n", `f.yaml:6: items[0].sepc: unknown field; did you mean "spec"?`},
		"endless anchor":   {"a: &a\n  b: *a\n", "f.yaml:2: anchor \"a\" contains itself"},
		"no object":        {"- a\n", "f.yaml:1: an object must be a mapping with apiVersion and kind, not a list"},
		"JSON syntax":      {"{\"apiVersion\": \"v1\",\n \"kind\": \"Pod\" \"x\"}", "f.yaml:2: not valid JSON: "},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode(strings.NewReader(c.in), "f.yaml", Options{Strict: true})
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestDecodeKeepsWhatWasWritten(t *testing.T) {
	in := "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  labels: null\nspec:\n  hostNetwork: no\n  priority: 0\n  overhead: {cpu: 1000m}\n  terminationGracePeriodSeconds: 0o17\n"
	docs, err := Decode(strings.NewReader(in), "f", Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":null},"spec":{"hostNetwork":false,"priority":0,"overhead":{"cpu":"1"},"terminationGracePeriodSeconds":15}}`
	if string(docs[0].JSON) != want {
		t.Errorf("got  %s\nwant %s", docs[0].JSON, want)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	pod := func(name string) string { return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + "}\n" }
	write("b.yaml", pod("b"))
	write("a.yml", pod("a"))
	write("c.json", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"c"}}`)
	write("README.md", "no manifest")
	write("deep/d.yaml", pod("d"))
	check := func(want string, recursive bool, paths ...string) {
		t.Helper()
		docs, err := Files(paths, recursive, strings.NewReader(pod("stdin")), Options{Strict: true})
		if err != nil || names(docs) != want {
			t.Errorf("%v: got %q, %v; want %q", paths, names(docs), err, want)
		}
	}
	check("Pod/a Pod/b Pod/c", false, dir)
	check("Pod/a Pod/b Pod/c Pod/d", true, dir)
	check("Pod/stdin Pod/b", false, "-", filepath.Join(dir, "b.yaml"))
	for _, path := range []string{filepath.Join(dir, "none"), t.TempDir()} {
		if _, err := Files([]string{path}, false, nil, Options{}); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
	write("b.yaml", pod("b")+"x: 1\n")
	write("c.json", `{"apiVersion":"v1","kind":"Pod","y":1}`)
	_, err := Files([]string{dir}, false, nil, Options{Strict: true})
	if err == nil || !strings.Contains(err.Error(), "b.yaml:4: x:") || !strings.Contains(err.Error(), "c.json:1: y:") {
		t.Errorf("not all files are reported: %v", err)
	}
}

// TestAliasesCannotExplode reads a few lines that stand for 10^9 values.
func TestAliasesCannotExplode(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	_, err := Decode(strings.NewReader(b.String()), "bomb", Options{Strict: true})
	if err == nil || !strings.Contains(err.Error(), "too large, counting aliases") {
		t.Errorf("got %v", err)
	}
}

// Keys are named as Kubernetes' tools name them, which the reader of sigs.k8s.io/yaml shows.
func TestKeysAsKubernetesReadsThem(t *testing.T) {
	for _, key := range []string{"a", "010", "0x10", "1.10", "1e3", "1e6", "1_0", "+1", "-0", "yes", "Yes", "YES", "yEs", "no", "on", "y", "true", "False", `"yes"`, "'010'", "2026-01-02", "1.2.3", "08", "0o17", ".5"} {
		text := "apiVersion: v1\nkind: ConfigMap\ndata: {" + key + ": x}\n"
		asJSON, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var want struct{ Data map[string]string }
		if err := json.Unmarshal(asJSON, &want); err != nil {
			t.Fatal(err)
		}
		docs, err := Decode(strings.NewReader(text), "keys", Options{Strict: true})
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if got := docs[0].Object.(*corev1.ConfigMap).GetData(); !maps.Equal(got, want.Data) {
			t.Errorf("%s names %v, with Kubernetes %v", key, got, want.Data)
		}
	}
}
