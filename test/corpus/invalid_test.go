package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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
					if missing, extra := compare(got, want); len(missing)+len(extra) > 0 {
						t.Errorf("not named: %q, named by Kaji alone: %q\nKaji says:       %v\nKubernetes says: %v", missing, extra, ours, err)
					}
				})
			}
		})
	}
}

// misnomers are fields that Kubernetes calls by a name that is not theirs, by the field they are.
var misnomers = strings.NewReplacer(
	"metadata.taints", "spec.taints",
	"overhead.limits", "overhead.podFixed",
	"spec.LoadBalancerSourceRanges", "spec.loadBalancerSourceRanges",
	"spec.template.labels", "spec.template.metadata.labels",
	"spec.strategy.strategy", "spec.strategy",
	"downwardAPI.fieldRef", "downwardAPI.items.fieldRef",
	"downwardAPI.resourceFieldRef", "downwardAPI.items.resourceFieldRef",
	"downwardAPI.path", "downwardAPI.items.path",
	"requiredDuringSchedulingIgnoredDuringExecution.namespace", "requiredDuringSchedulingIgnoredDuringExecution.namespaces",
	"projected.path", "projected.sources.serviceAccountToken.path",
)

// consequences are fields that Kubernetes names only because another field is refused already.
var consequences = map[string]string{
	"spec.template.metadata.labels": "spec.selector",  // nothing matches a selector that is not there
	"spec.selector":                 "spec.selector.", // "invalid label selector", beside what is wrong in it
}

// absent is what Kaji names when it is not there at all; Kubernetes names what is missing in it.
const absent = "spec.template"

var element = regexp.MustCompile(`\[[0-9]+\]`)

// compare pairs the fields that both sides name. Kaji's may be more exact: an element, or a field below.
func compare(ours, theirs []string) (missing, extra []string) {
	covered := map[string]bool{}
	for _, k := range theirs {
		k = misnomers.Replace(element.ReplaceAllString(k, ""))
		found := false
		for _, o := range ours {
			plain := element.ReplaceAllString(o, "")
			if o == absent && strings.HasPrefix(k, o+".") {
				covered[o], found = true, true
			}
			if plain == k || strings.HasPrefix(plain, k+".") || strings.HasPrefix(plain, k+"[") {
				covered[o], found = true, true
			}
		}
		cause, ok := consequences[k]
		if !found && !(ok && slices.ContainsFunc(ours, func(o string) bool { return strings.HasPrefix(o, cause) })) {
			missing = append(missing, k)
		}
	}
	for _, o := range ours {
		if !covered[o] {
			extra = append(extra, o)
		}
	}
	return missing, extra
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
