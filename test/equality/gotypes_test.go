package equality

import (
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	k8score "k8s.io/api/core/v1"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

// TestJSONNames compares every stand-in with Kubernetes' Go type.
func TestJSONNames(t *testing.T) {
	types := goTypes()
	w := &jsonDiff{}
	for name, m := range standIns(kubernetesForTest(t)) {
		if elsewhere[name] != "" {
			continue // Quantity and IntOrString write their JSON themselves; TestJSON has them.
		}
		goType, ok := types[counterpart(name)]
		if !ok {
			t.Errorf("%s: no Go type %s is known to client-go's scheme", name, counterpart(name))
			continue
		}
		w.compare(m, goType)
	}
	for _, d := range w.out {
		t.Error(d)
	}
}

// TestKindsExist expects Kubernetes to have every kind and its list under the same API version.
func TestKindsExist(t *testing.T) {
	for _, k := range kind.All() {
		if _, err := goObject(k); err != nil {
			t.Errorf("%s: %v", k, err)
		}
		if _, err := goList(k); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
}

// TestJSONNamesSeesChanges expects a changed name and a changed presence to be seen.
func TestJSONNamesSeesChanges(t *testing.T) {
	for name, change := range map[string]func(*descriptorpb.FieldDescriptorProto){
		"JSON": func(f *descriptorpb.FieldDescriptorProto) { f.JsonName = proto.String("nodename") },
	} {
		w := &jsonDiff{}
		w.compare(podSpecWith(t, "node_name", change), reflect.TypeFor[k8score.PodSpec]())
		if !strings.Contains(strings.Join(w.out, "\n"), name) {
			t.Errorf("a changed %s name went unseen: %q", name, w.out)
		}
	}
	type noPointer struct {
		ActiveDeadlineSeconds int64 `json:"activeDeadlineSeconds" protobuf:"varint,5,opt,name=activeDeadlineSeconds"`
	}
	w := &jsonDiff{}
	w.compare((&corev1.PodSpec{}).ProtoReflect().Descriptor(), reflect.TypeFor[noPointer]())
	if !strings.Contains(strings.Join(w.out, "\n"), "active_deadline_seconds: tells unset from zero") {
		t.Errorf("a changed presence went unseen: %q", w.out)
	}
}
