package equality

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	k8score "k8s.io/api/core/v1"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

// TestJSONNames compares every message reachable from a kind with Kubernetes' Go types.
func TestJSONNames(t *testing.T) {
	w := &jsonWalk{seen: map[protoreflect.FullName]bool{}}
	for _, k := range kind.All() {
		obj, err := goObject(k)
		if err != nil {
			t.Errorf("%s: Kubernetes has no such kind: %v", k, err)
			continue
		}
		w.compare(k.New().ProtoReflect().Descriptor(), reflect.TypeOf(obj))
		list, err := goList(k)
		if err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		w.compare(k.NewList().ProtoReflect().Descriptor(), reflect.TypeOf(list))
	}
	for _, d := range w.out {
		t.Error(d)
	}
	if len(w.seen) < 150 {
		t.Errorf("only %d messages compared; the walk has lost some", len(w.seen))
	}
}

// TestJSONNamesSeesChanges expects a changed name and a changed presence to be seen.
func TestJSONNamesSeesChanges(t *testing.T) {
	for name, change := range map[string]func(*descriptorpb.FieldDescriptorProto){
		"JSON": func(f *descriptorpb.FieldDescriptorProto) { f.JsonName = proto.String("nodename") },
	} {
		w := &jsonWalk{seen: map[protoreflect.FullName]bool{}}
		w.compare(podSpecWith(t, "node_name", change), reflect.TypeFor[k8score.PodSpec]())
		if !strings.Contains(strings.Join(w.out, "\n"), name) {
			t.Errorf("a changed %s name went unseen: %q", name, w.out)
		}
	}
	type noPointer struct {
		ActiveDeadlineSeconds int64 `json:"activeDeadlineSeconds" protobuf:"varint,5,opt,name=activeDeadlineSeconds"`
	}
	w := &jsonWalk{seen: map[protoreflect.FullName]bool{}}
	w.compare((&corev1.PodSpec{}).ProtoReflect().Descriptor(), reflect.TypeFor[noPointer]())
	if !strings.Contains(strings.Join(w.out, "\n"), "active_deadline_seconds: tells unset from zero") {
		t.Errorf("a changed presence went unseen: %q", w.out)
	}
}
