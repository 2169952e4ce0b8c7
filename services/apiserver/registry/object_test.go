package registry

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func TestGeneratedNamesAreLabels(t *testing.T) {
	label := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.StringMatching(`[a-z][-a-z0-9]{0,80}`).Draw(t, "prefix")
		name := generateName(prefix)
		if len(name) > 63 || !label.MatchString(name) || !strings.HasPrefix(name, prefix[:min(len(prefix), maxGenerated)]) {
			t.Fatalf("%q became %q", prefix, name)
		}
	})
	if a, b := generateName("a-"), generateName("a-"); a == b {
		t.Errorf("two names are equal: %s", a)
	}
}

func TestUIDs(t *testing.T) {
	v4 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	a, b := newUID(), newUID()
	if !v4.MatchString(a) || !v4.MatchString(b) || a == b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestPodGrace(t *testing.T) {
	pod := func(node, phase string, own *int64) *corev1.Pod {
		return &corev1.Pod{
			Spec:   &corev1.PodSpec{NodeName: node, TerminationGracePeriodSeconds: own},
			Status: &corev1.PodStatus{Phase: phase},
		}
	}
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		asks *int64
		want int64
	}{
		"on no node":             {pod("", "Pending", proto.Int64(9)), nil, 0},
		"ended well":             {pod("n", "Succeeded", proto.Int64(9)), nil, 0},
		"ended badly":            {pod("n", "Failed", proto.Int64(9)), proto.Int64(7), 0},
		"its own":                {pod("n", "Running", proto.Int64(9)), nil, 9},
		"asked for":              {pod("n", "Running", proto.Int64(9)), proto.Int64(7), 7},
		"asked for none":         {pod("n", "Running", proto.Int64(9)), proto.Int64(0), 0},
		"neither says":           {pod("n", "Running", nil), nil, 30},
		"its own is negative":    {pod("n", "Running", proto.Int64(-1)), nil, 1},
		"the asked for negative": {pod("n", "Running", nil), proto.Int64(-5), 1},
	} {
		if got := podGrace(c.pod, &metav1.DeleteOptions{GracePeriodSeconds: c.asks}); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestFinalizersOfAPolicy(t *testing.T) {
	for policy, want := range map[string][]string{
		"":           {"a", "orphan", "foregroundDeletion", "b"},
		"Background": {"a", "b"},
		"Foreground": {"a", "b", "foregroundDeletion"},
		"Orphan":     {"a", "b", "orphan"},
	} {
		have := []string{"a", "orphan", "foregroundDeletion", "b"}
		if got := finalizers(have, policy); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", policy, got, want)
		}
		if !slices.Equal(have, []string{"a", "orphan", "foregroundDeletion", "b"}) {
			t.Errorf("%q changed its argument", policy)
		}
	}
}

func TestJSONPath(t *testing.T) {
	for path, want := range map[string]string{
		"spec.node_name": "spec.nodeName",
		"spec.containers[3].volume_mounts[0].mount_path":    "spec.containers[3].volumeMounts[0].mountPath",
		"metadata.owner_references[1].block_owner_deletion": "metadata.ownerReferences[1].blockOwnerDeletion",
		"spec.unheard_of.x": "spec.unheard_of.x",
		"":                  "",
	} {
		if got := jsonPath(&corev1.Pod{}, path); got != want {
			t.Errorf("%q became %q, want %q", path, got, want)
		}
	}
}

func TestHeaderTextIsPrintableASCII(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, r := range headerText(rapid.String().Draw(t, "text")) {
			if r < ' ' || r > '~' {
				t.Fatalf("%q is in it", r)
			}
		}
	})
	if got := headerText(`spec.x: "y" — ignored`); got != `spec.x: "y" \u2014 ignored` {
		t.Errorf("got %s", got)
	}
}

func TestContinueTokens(t *testing.T) {
	prefix := "/pods.core/default/"
	c := continuation{Revision: 7, From: prefix + "web"}
	if got, err := parseContinue(c.token(), prefix); err != nil || got != c {
		t.Errorf("got %v, %v", got, err)
	}
	for _, token := range []string{"", "!", c.token() + "x", continuation{Revision: 0, From: prefix}.token(), continuation{Revision: 7, From: "/secrets.core/a"}.token()} {
		if got, err := parseContinue(token, prefix); err == nil {
			t.Errorf("%q is taken for %v", token, got)
		}
	}
}
