package equality

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	k8smeta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	clientscheme "k8s.io/client-go/kubernetes/scheme"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// goObject makes the Kubernetes object of a Kaji kind.
func goObject(k *kind.Kind) (runtime.Object, error) {
	return clientscheme.Scheme.New(schema.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Name()})
}

// goList makes the Kubernetes list of a Kaji kind.
func goList(k *kind.Kind) (runtime.Object, error) {
	return clientscheme.Scheme.New(schema.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Name() + "List"})
}

// goTypes finds Kubernetes' Go types by the full names of the messages they are in generated.proto. It knows all
// that can be reached from what client-go's scheme knows.
func goTypes() map[protoreflect.FullName]reflect.Type {
	found := map[protoreflect.FullName]reflect.Type{}
	var visit func(reflect.Type)
	visit = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			visit(t.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		name := protoreflect.FullName(strings.ReplaceAll(t.PkgPath(), "/", ".") + "." + t.Name())
		if !strings.HasPrefix(t.PkgPath(), "k8s.io/") || found[name] != nil {
			return
		}
		found[name] = t
		for i := range t.NumField() {
			visit(t.Field(i).Type)
		}
	}
	for _, t := range clientscheme.Scheme.AllKnownTypes() {
		visit(t)
	}
	// The one message that is in no scheme.
	visit(reflect.TypeFor[k8smeta.ApplyOptions]())
	return found
}

// jsonDiff collects differences in JSON names, presence and inlining between Kaji messages and the tags of
// Kubernetes' Go types.
type jsonDiff struct {
	out []string
}

func (w *jsonDiff) compare(m protoreflect.MessageDescriptor, t reflect.Type) {
	byNumber := map[int]reflect.StructField{}
	for i := range t.NumField() {
		f := t.Field(i)
		if n, ok := protobufNumber(f); ok {
			byNumber[n] = f
		}
	}
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		f, ok := byNumber[int(fd.Number())]
		if !ok {
			w.say(fd, "%s has no field with number %d", t, fd.Number())
			continue
		}
		w.field(fd, f)
	}
}

func (w *jsonDiff) say(fd protoreflect.FieldDescriptor, format string, args ...any) {
	w.out = append(w.out, fmt.Sprintf("%s: %s", fd.FullName(), fmt.Sprintf(format, args...)))
}

func (w *jsonDiff) field(fd protoreflect.FieldDescriptor, f reflect.StructField) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	isInline := f.Anonymous && name == ""
	if got := fieldOptions(fd).GetInline(); got != isInline {
		w.say(fd, "inline is %v, in Kubernetes %v", got, isInline)
	}
	if !isInline && fd.JSONName() != name {
		w.say(fd, "is %q in JSON, in Kubernetes %q", fd.JSONName(), name)
	}
	t := f.Type
	scalar := fd.Cardinality() != protoreflect.Repeated && fd.Message() == nil
	if scalar && fd.Kind() != protoreflect.BytesKind {
		if pointer := t.Kind() == reflect.Pointer; pointer != fd.HasPresence() {
			w.say(fd, "tells unset from zero: %v, in Kubernetes %v", fd.HasPresence(), pointer)
		}
	}
	if t.String() == "v1.MicroTime" || t.String() == "*v1.MicroTime" {
		if !fieldOptions(fd).GetMicroTime() {
			w.say(fd, "is a MicroTime; micro_time is not set")
		}
	} else if fieldOptions(fd).GetMicroTime() {
		w.say(fd, "is no MicroTime; micro_time is set")
	}
}

// protobufNumber reads the number out of a Go field's protobuf tag: "bytes,1,opt,name=metadata".
func protobufNumber(f reflect.StructField) (int, bool) {
	parts := strings.Split(f.Tag.Get("protobuf"), ",")
	if len(parts) < 2 {
		return 0, false
	}
	n, err := strconv.Atoi(parts[1])
	return n, err == nil
}

func fieldOptions(fd protoreflect.FieldDescriptor) *metav1.FieldOptions {
	if o := kind.FieldOptions(fd); o != nil {
		return o
	}
	return &metav1.FieldOptions{}
}
