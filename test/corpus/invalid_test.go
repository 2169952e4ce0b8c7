package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/manifest"
)

// TestInvalid tries every object that both sides must refuse, and compares the fields they name.
func TestInvalid(t *testing.T) {
	c := newCluster(t)
	for _, path := range files(t, "invalid") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			for i, d := range documents(t, path) {
				t.Run(fmt.Sprintf("%02d %s", i, d.name), func(t *testing.T) {
					_, err := create(t.Context(), d.json, d.gvk, d.inNamespace())
					if err == nil {
						t.Fatal("Kubernetes takes it")
					}
					if d.kind() == nil {
						t.Skipf("%s is not served yet", d.gvk.Kind)
					}
					want := fields(err)
					got, ours := c.refusal(d)
					if len(want) == 0 && len(got) == 1 {
						return // of a value of the wrong type Kubernetes names no path
					}
					if !slices.Equal(got, want) {
						t.Errorf("fields\n     %q, Kubernetes'\n     %q\nKaji says:       %v\nKubernetes says: %v", got, want, ours, err)
					}
				})
			}
		})
	}
}

// refusal creates an object that is to be refused and returns the fields that the error names.
func (c *cluster) refusal(d document) ([]string, error) {
	c.t.Helper()
	docs, err := manifest.Decode(bytes.NewReader(d.json), "corpus", manifest.Options{Strict: true})
	var undecodable manifest.Errors
	if errors.As(err, &undecodable) {
		var out []string
		for _, e := range undecodable {
			out = append(out, e.Path)
		}
		return unique(out), err
	}
	if err != nil || len(docs) != 1 {
		c.t.Fatalf("%d documents, %v", len(docs), err)
	}
	o := docs[0].Object
	if d.inNamespace() != "" {
		o.GetMetadata().Namespace = d.inNamespace()
	}
	_, err = client.ForKind(c.api, d.kind()).CreateWith(c.t.Context(), o, &metav1.CreateOptions{})
	var refused *apierror.Error
	if !errors.As(err, &refused) {
		return nil, err
	}
	var out []string
	for _, v := range refused.Violations {
		out = append(out, v.Field)
	}
	return unique(out), err
}

// named finds the field in what Kubernetes' strict decoder says.
var named = regexp.MustCompile(`(?:unknown|duplicate) field "([^"]+)"`)

// fields are those that Kubernetes' refusal names.
func fields(err error) []string {
	out := violations(err)
	for _, m := range named.FindAllStringSubmatch(err.Error(), -1) {
		out = append(out, m[1])
	}
	return unique(out)
}

func unique(fields []string) []string {
	slices.Sort(fields)
	return slices.Compact(fields)
}
