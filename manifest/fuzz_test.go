package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"

	yamlv3 "go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"kaji.dev/kaji/kind"
)

// seeds are manifests that say much in few bytes.
var seeds = []string{
	"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers: [{name: c, image: i}]\n",
	`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Secret","data":{"a":"YQ=="}}]}`,
	"a: &a [*a]",
	"<<: {a: b}\napiVersion: v1\nkind: ConfigMap\ndata: {\"yes\": \"0o17\"}\n---\n---\n[]",
	"apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: 0x10, strategy: {rollingUpdate: {maxSurge: 1e0}}}",
	"apiVersion: v1\nkind: Pod\nspec: {containers: [{resources: {limits: {cpu: 1.5, memory: 1Gi, x: 1e3}}}], hostNetwork: yes, activeDeadlineSeconds: 1_0}",
	"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {yes: \"1\", 0x1: a, 1.0: b, ~: c}}\nbinaryData: {a: !!binary YQ==}\n",
	"apiVersion: coordination.k8s.io/v1\nkind: Lease\nspec: {renewTime: 2026-01-02T03:04:05.678901+02:00, leaseDurationSeconds: 1e1}",
	"apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    x\n     y\n  b: >-\n    p\n    q\n  c: \"\\u00e9\\n\"\n",
	"{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"data\": {\"a\": \"\\ud800\", \"a\": null}}",
	// A billion laughs, deep nesting, and numbers without end.
	"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n",
	"x: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	"apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: 1e999999999, minReadySeconds: 99999999999999999999999999999999999999999}",
	"apiVersion: v1\nkind: Pod\nspec: {containers: [{resources: {limits: {cpu: 1e999999999, memory: 1e-999999999}}}]}",
}

// FuzzDecode reads anything. What can be read can be written, and reads again as the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		docs, err := Decode(bytes.NewReader(in), "fuzz", Options{Strict: true})
		if err != nil {
			if len(docs) > 0 {
				t.Fatalf("%d documents beside %v", len(docs), err)
			}
			return
		}
		for _, d := range docs {
			text, err := ToJSON(d.Object)
			if err != nil {
				t.Fatal(err)
			}
			back, err := FromJSON(d.Kind, text, true)
			if err != nil {
				t.Fatalf("refuses its own JSON: %v\n%s", err, text)
			}
			if again, _ := ToJSON(back); !bytes.Equal(again, text) {
				t.Fatalf("not stable: %s, then %s", text, again)
			}
			y, err := ToYAML(d.Object)
			if err != nil {
				t.Fatal(err)
			}
			if len(text) < maxNodes { // below the bound of one document
				fromYAML, err := Decode(bytes.NewReader(y), "fuzz", Options{Strict: true})
				if err != nil || len(fromYAML) != 1 {
					t.Fatalf("refuses its own YAML: %v\n%s", err, y)
				}
				if again, _ := ToJSON(fromYAML[0].Object); !bytes.Equal(again, text) {
					t.Fatalf("YAML is not JSON: %s, then %s", text, again)
				}
			}
			if !json.Valid(d.JSON) {
				t.Fatalf("as written is not JSON: %s", d.JSON)
			}
			written, err := FromJSON(d.Kind, d.JSON, true)
			if err != nil {
				t.Fatalf("cannot read what was declared: %v\n%s", err, d.JSON)
			}
			if again, _ := ToJSON(written); !bytes.Equal(again, text) {
				t.Fatalf("declared as %s, read as %s", d.JSON, text)
			}
		}
	})
}

// FuzzFromJSON reads anything as each kind, as the API server reads patches.
func FuzzFromJSON(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed), byte(0), true)
	}
	f.Add([]byte(`{"spec":{"replicas":3,"strategy":{"rollingUpdate":{"maxSurge":"25%"}}},"metadata":{"creationTimestamp":null}}`), byte(8), false)
	f.Fuzz(func(t *testing.T, in []byte, which byte, strict bool) {
		k := kind.All()[int(which)%len(kind.All())]
		o, err := FromJSON(k, in, strict)
		if err != nil {
			return
		}
		text, err := ToJSON(o)
		if err != nil {
			t.Fatal(err)
		}
		back, err := FromJSON(k, text, true)
		if err != nil {
			t.Fatalf("refuses its own JSON: %v\n%s", err, text)
		}
		if again, _ := ToJSON(back); !bytes.Equal(again, text) {
			t.Fatalf("not stable: %s, then %s", text, again)
		}
	})
}

// several is a stream of more documents than one, or what may be one.
var several = regexp.MustCompile(`(?m)^(---|\.\.\.|%)`)

// large is an exponent that only Kubernetes waits for.
var large = regexp.MustCompile(`[0-9.][eE][+-]?[0-9_]{3}`)

// single tells whether a stream is one document. Kubernetes' reader takes the first and is silent about what follows without a marker, as the 0 in
// "{a: b}0"; Kaji reads all of it.
func single(in []byte) bool {
	d := yamlv3.NewDecoder(bytes.NewReader(in))
	var first, second yamlv3.Node
	return d.Decode(&first) == nil && errors.Is(d.Decode(&second), io.EOF)
}

// FuzzLikeKubernetes reads what Kubernetes' own readers take, and must make the same of it.
func FuzzLikeKubernetes(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if several.Match(in) || len(in) > 1<<12 || !single(in) {
			return
		}
		text, err := yaml.YAMLToJSONStrict(in)
		if err != nil {
			return
		}
		var of struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if json.Unmarshal(text, &of) != nil {
			return
		}
		k := kind.ByAPIVersionKind(of.APIVersion, of.Kind)
		if k == nil {
			return
		}
		theirs := reflect.New(kubernetes(t, k)).Interface()
		if strict, err := kjson.UnmarshalStrict(text, theirs); err != nil || len(strict) > 0 {
			return
		}
		want, err := json.Marshal(theirs)
		if err != nil {
			return // a time out of range
		}
		docs, err := Decode(bytes.NewReader(in), "fuzz", Options{Strict: true})
		if err != nil && large.Match(in) && strings.Contains(err.Error(), "is not a quantity") {
			return
		}
		if err != nil || len(docs) != 1 {
			t.Fatalf("Kubernetes reads %s, Kaji refuses it: %v", want, err)
		}
		ours, err := ToJSON(docs[0].Object)
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(kubernetes(t, k)).Interface()
		if strict, err := kjson.UnmarshalStrict(ours, back); err != nil || len(strict) > 0 {
			t.Fatalf("Kubernetes cannot read %s: %v %v", ours, err, strict)
		}
		if got, _ := json.Marshal(back); !reflect.DeepEqual(withoutEmptyLists(t, got), withoutEmptyLists(t, want)) {
			t.Fatalf("\n got  %s\n want %s", got, want)
		}
	})
}

// withoutEmptyLists decodes JSON and leaves out lists that are empty or null. Protobuf, in which both Kubernetes and Kaji store objects, does not
// tell one from the other; the JSON of Kubernetes' types does, where a list has to be there.
func withoutEmptyLists(t *testing.T, text []byte) any {
	t.Helper()
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	var v any
	if err := in.Decode(&v); err != nil {
		t.Fatal(err)
	}
	var clean func(any) any
	clean = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k, of := range v {
				if list, ok := of.([]any); of == nil || ok && len(list) == 0 {
					delete(v, k)
				} else {
					v[k] = clean(of)
				}
			}
		case []any:
			for i, of := range v {
				v[i] = clean(of)
			}
		}
		return v
	}
	return clean(v)
}
