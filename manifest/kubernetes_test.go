package manifest

import (
	"fmt"
	"os"
	"path"
	"reflect"
	"sort"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientscheme "k8s.io/client-go/kubernetes/scheme"

	"kaji.dev/kaji/kind"
)

// kubernetes is Kubernetes' own type of a kind.
func kubernetes(t *testing.T, k *kind.Kind) reflect.Type {
	t.Helper()
	o, err := clientscheme.Scheme.New(schema.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Name()})
	if err != nil {
		t.Fatal(err)
	}
	return reflect.TypeOf(o).Elem()
}

// messageOf names Kaji's message for a Go type of k8s.io/api.
func messageOf(t reflect.Type) protoreflect.FullName {
	dir := t.PkgPath()
	group := path.Base(path.Dir(dir))
	return protoreflect.FullName("kaji." + group + "." + path.Base(dir) + "." + t.Name())
}

// alwaysWritten walks a Go type and gathers the scalars that its JSON always has.
func alwaysWritten(t reflect.Type, seen map[reflect.Type]bool, out map[protoreflect.FullName]map[protoreflect.Name]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		alwaysWritten(t.Elem(), seen, out)
		return
	case reflect.Struct:
	default:
		return
	}
	if seen[t] {
		return
	}
	seen[t] = true
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(messageOf(t))
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		alwaysWritten(f.Type, seen, out)
		name, flags, _ := strings.Cut(f.Tag.Get("json"), ",")
		if err != nil || name == "" || name == "-" || strings.Contains(flags, "omit") {
			continue
		}
		switch f.Type.Kind() {
		case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64:
		default:
			continue
		}
		m := d.(protoreflect.MessageDescriptor)
		if fd := m.Fields().ByJSONName(name); fd != nil && !fd.HasOptionalKeyword() {
			if out[m.FullName()] == nil {
				out[m.FullName()] = map[protoreflect.Name]bool{}
			}
			out[m.FullName()][fd.Name()] = true
		}
	}
}

// TestRequiredIsComplete compares the table with k8s.io/api. With UPDATE_REQUIRED set to a file name it
// writes the table there instead.
func TestRequiredIsComplete(t *testing.T) {
	want := map[protoreflect.FullName]map[protoreflect.Name]bool{}
	seen := map[reflect.Type]bool{}
	for _, k := range kind.All() {
		alwaysWritten(kubernetes(t, k), seen, want)
	}
	alwaysWritten(reflect.TypeFor[autoscalingv1.Scale](), seen, want) // no kind of its own, but kinds have one
	if len(want) < 20 {
		t.Fatalf("found only %d messages in k8s.io/api", len(want))
	}
	if file := os.Getenv("UPDATE_REQUIRED"); file != "" {
		if err := os.WriteFile(file, []byte(requiredSource(want)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !reflect.DeepEqual(required, want) {
		t.Errorf("required.go is not what k8s.io/api says; run: UPDATE_REQUIRED=required.go go test -run TestRequiredIsComplete ./manifest")
	}
}

func requiredSource(table map[protoreflect.FullName]map[protoreflect.Name]bool) string {
	var b strings.Builder
	b.WriteString(`package manifest

import "google.golang.org/protobuf/reflect/protoreflect"

// required holds the scalars that Kubernetes writes even when they are zero: those without omitempty in
// k8s.io/api. TestRequiredIsComplete checks it and can write it.
var required = map[protoreflect.FullName]map[protoreflect.Name]bool{
`)
	messages := make([]string, 0, len(table))
	for m := range table {
		messages = append(messages, string(m))
	}
	sort.Strings(messages)
	for _, m := range messages {
		fields := make([]string, 0)
		for f := range table[protoreflect.FullName(m)] {
			fields = append(fields, fmt.Sprintf("%q: true", f))
		}
		sort.Strings(fields)
		fmt.Fprintf(&b, "\t%q: {%s},\n", m, strings.Join(fields, ", "))
	}
	b.WriteString("}\n")
	return b.String()
}
