package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// FuzzPatch applies any patch of any type to a pod's JSON. It either makes JSON or an error of the API, and leaves what it
// was given alone.
func FuzzPatch(f *testing.F) {
	const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}`
	for _, seed := range []string{
		`[{"op":"add","path":"/metadata/labels/x","value":"y"}]`, `[{"op":"remove","path":"/spec/containers/0"}]`,
		`[{"op":"copy","from":"/spec","path":"/spec/containers/-"}]`, `[{"op":"move","from":"/metadata","path":"/metadata/labels"}]`,
		`[{"op":"test","path":"/metadata/name","value":null}]`, `[{"op":"replace","path":"","value":[]}]`, `[{"op":"add","path":"/a~1b~0c~","value":{}}]`,
		`[{"op":"add","path":"/spec/containers/99999999999999999999","value":1}]`, `[{}]`, `[null]`, `null`, `{}`, `[]`,
		`{"metadata":{"labels":{"a":null}},"spec":{"containers":[{"name":"d"}]}}`, `{"spec":{"$patch":"delete"}}`, `{"a":1}{"b":2}`,
	} {
		for t := range 4 {
			f.Add(byte(t), []byte(seed), []byte(pod))
		}
	}
	r := &resource{kind: kind.Of(&corev1.Pod{})}
	f.Fuzz(func(t *testing.T, which byte, patch, target []byte) {
		if o, err := parseObject(target); err != nil || o == nil {
			return // what is patched was encoded here
		}
		apply, err := r.patcherFor(&metav1.PatchRequest{Type: metav1.PatchType(which % 4), Patch: patch})
		if err == nil {
			before := bytes.Clone(target)
			var after []byte
			if after, err = apply(target); !bytes.Equal(before, target) {
				t.Fatalf("it changed its target to %s", target)
			}
			if err == nil {
				if !json.Valid(after) {
					t.Fatalf("made %s", after)
				}
				if len(after) > len(target)+len(patch)*4+2*maxObjectBytes {
					t.Fatalf("made %d bytes of %d and %d", len(after), len(target), len(patch))
				}
				if o, err := manifest.FromJSON(r.kind, after, false); err == nil && o.GetMetadata() == nil && bytes.Contains(after, []byte(`"metadata":{`)) {
					t.Fatalf("the metadata of %s are lost", after)
				}
			}
		}
		var known *apierror.Error
		if err != nil && !errors.As(err, &known) {
			t.Fatalf("not an error of the API: %v", err)
		}
		if known != nil && (known.Message == "" || known.Reason == apierror.ReasonInternal) {
			t.Fatalf("no good error: %v", err)
		}
	})
}

// FuzzContinue reads any token. One that is read is of the collection, and writes as one that reads the same.
func FuzzContinue(f *testing.F) {
	const prefix = "/pods.core/default/"
	f.Add(continuation{Revision: 7, From: prefix + "web"}.token())
	f.Add(continuation{Revision: 1 << 60, From: prefix}.token())
	for _, seed := range []string{"", "e30", "bnVsbA", "W10", "!", continuation{Revision: -2, From: prefix}.token(), continuation{Revision: anew, From: prefix}.token(), continuation{Revision: 1, From: "/secrets.core/"}.token()} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		c, err := parseContinue(token, prefix)
		if err != nil {
			if apierror.ReasonOf(err) != apierror.ReasonBadRequest {
				t.Fatal(err)
			}
			return
		}
		if (c.Revision <= 0 && c.Revision != anew) || !strings.HasPrefix(c.From, prefix) {
			t.Fatalf("%q leads out of the collection: %+v", token, c)
		}
		back, err := parseContinue(c.token(), prefix)
		if err != nil || !reflect.DeepEqual(back, c) {
			t.Fatalf("%+v becomes %+v, %v", c, back, err)
		}
	})
}
