package corpus

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"k8s.io/kubernetes/pkg/api/legacyscheme"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// TestValid applies every manifest that both sides must take.
func TestValid(t *testing.T) {
	limits := readLimits(t)
	for _, path := range files(t, "valid") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			docs := documents(t, path)
			if len(docs) == 0 {
				t.Fatal("no objects in it")
			}
			wanted := make([]object, len(docs))
			for i, d := range docs {
				b, err := create(t.Context(), d.json, d.gvk, d.inNamespace())
				if err != nil {
					t.Fatalf("Kubernetes refuses %s %s: %v", d.gvk.Kind, d.name, err)
				}
				wanted[i] = parse(t, b)
			}
			c := newCluster(t)
			if unknown := firstUnknown(docs); unknown != "" {
				code, out, errs := c.kaji("apply", "-f", path)
				if code == 0 || out != "" || !strings.Contains(errs, unknown) {
					t.Fatalf("of %s, which is not served, apply says, with status %d:\n%s%s", unknown, code, out, errs)
				}
				t.Skipf("%s is not served yet", unknown)
			}
			out, warnings := c.must("apply", "-f", path)
			if n := strings.Count(out, " created\n") + strings.Count(out, " configured\n"); n != len(docs) {
				t.Fatalf("%d objects, but apply says\n%s", len(docs), out)
			}
			stored := make([]kind.Object, len(docs))
			for i, d := range docs {
				stored[i] = c.get(d)
				t.Run(d.gvk.Kind+"/"+d.name, func(t *testing.T) { same(t, d, stored[i], wanted[i]) })
			}
			t.Run("warnings", func(t *testing.T) { limits.check(t, stored, warnings) })
			t.Run("again", func(t *testing.T) { again(t, c, path, docs) })
		})
	}
}

func firstUnknown(docs []document) string {
	for _, d := range docs {
		if d.kind() == nil {
			return d.gvk.Kind
		}
	}
	return ""
}

// same compares an object that Kaji stored with what Kubernetes would have.
func same(t *testing.T, d document, stored kind.Object, want object) {
	text, err := manifest.ToJSON(stored)
	if err != nil {
		t.Fatal(err)
	}
	declared := parse(t, d.json)
	ours := parse(t, text)
	if a, b := ours["metadata"].(object), want["metadata"].(object); a["generation"] == nil || b["generation"] == nil {
		// Not the same kinds count generations. Where both do, they must agree.
		delete(a, "generation")
		delete(b, "generation")
	}
	for _, line := range differences("", comparable(ours, declared), comparable(want, declared)) {
		t.Error(line)
	}
	// The bytes that are stored are those that Kubernetes' own protobuf decoder reads.
	raw, err := proto.Marshal(stored)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := legacyscheme.Scheme.New(d.gvk)
	if err != nil {
		t.Fatal(err)
	}
	if err := theirs.(interface{ Unmarshal([]byte) error }).Unmarshal(raw); err != nil {
		t.Fatalf("k8s.io/api cannot decode the bytes: %v", err)
	}
	theirs.GetObjectKind().SetGroupVersionKind(d.gvk)
	decoded, err := json.Marshal(theirs)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range differences("", comparable(parse(t, text), declared), comparable(parse(t, decoded), declared)) {
		t.Errorf("through protobuf: %s", line)
	}
}

var version = regexp.MustCompile(`(?m)^  resourceVersion: .*\n`)

// again applies once more, in three ways, and expects that nothing changes.
func again(t *testing.T, c *cluster, path string, docs []document) {
	c.t = t
	before := c.versions(docs)
	unchanged := func(what, out string) {
		t.Helper()
		if n := strings.Count(out, " unchanged\n"); n != len(docs) {
			t.Errorf("%s: %d of %d objects are unchanged:\n%s", what, n, len(docs), out)
		}
		if after := c.versions(docs); !slices.Equal(before, after) {
			t.Errorf("%s: the versions were %v and are %v", what, before, after)
		}
	}
	out, _ := c.must("apply", "-f", path)
	unchanged("applied again", out)
	// What the server says of itself and was read as YAML puts back as it was.
	var read []string
	for i, d := range docs {
		args := []string{"get", d.kind().String(), d.name, "-o", "yaml"}
		if d.inNamespace() != "" {
			args = append(args, "-n", d.inNamespace())
		}
		out, _ := c.must(args...)
		name := filepath.Join(t.TempDir(), fmt.Sprintf("%d.yaml", i))
		if err := os.WriteFile(name, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		read = append(read, "-f", name)
	}
	c.must(append([]string{"replace"}, read...)...)
	if after := c.versions(docs); !slices.Equal(before, after) {
		t.Errorf("replaced with what was read: the versions were %v and are %v", before, after)
	}
	// As a declaration it says more than the manifest did, which the annotation of apply records, once. With a
	// resourceVersion it would hold for that version only.
	for i := 1; i < len(read); i += 2 {
		text, err := os.ReadFile(read[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(read[i], version.ReplaceAll(text, nil), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.must(append([]string{"apply"}, read...)...)
	before = c.versions(docs)
	out, _ = c.must(append([]string{"apply"}, read...)...)
	unchanged("applied as read, again", out)
}
