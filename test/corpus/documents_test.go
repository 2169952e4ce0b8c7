package corpus

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"kaji.dev/kaji/kind"
)

// document is one object of a manifest as kubectl reads it.
type document struct {
	gvk             schema.GroupVersionKind
	namespace, name string
	json            []byte
}

// kind is Kaji's kind of the object; nil when there is none yet.
func (d document) kind() *kind.Kind {
	return kind.ByAPIVersionKind(d.gvk.GroupVersion().String(), d.gvk.Kind)
}

// inNamespace is the namespace that the object goes to when the command line names none.
func (d document) inNamespace() string {
	if k := d.kind(); k != nil && !k.Namespaced() {
		return ""
	}
	if d.namespace == "" {
		return "default"
	}
	return d.namespace
}

// files lists the manifests of a folder.
func files(t *testing.T, folder string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no manifests in %s: %v", folder, err)
	}
	sort.Strings(names)
	return names
}

// documents reads a manifest with the readers of kubectl, lists taken apart.
func documents(t *testing.T, path string) []document {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var docs []document
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var raw json.RawMessage
		err := decoder.Decode(&raw)
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			t.Fatalf("kubectl cannot read %s: %v", path, err)
		}
		docs = append(docs, objects(t, raw)...)
	}
}

func objects(t *testing.T, raw []byte) []document {
	t.Helper()
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var o struct {
		APIVersion string
		Kind       string
		Metadata   struct{ Name, Namespace string }
		Items      []json.RawMessage
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	if o.Kind == "List" {
		var docs []document
		for _, item := range o.Items {
			docs = append(docs, objects(t, item)...)
		}
		return docs
	}
	return []document{{
		gvk:       schema.FromAPIVersionAndKind(o.APIVersion, o.Kind),
		namespace: o.Metadata.Namespace, name: o.Metadata.Name, json: raw,
	}}
}
