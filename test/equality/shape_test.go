package equality

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func kubernetesForTest(t *testing.T) resolver {
	t.Helper()
	r, err := kubernetesProtos(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestShape compares every stand-in with Kubernetes' generated.proto.
func TestShape(t *testing.T) {
	kubernetes := kubernetesForTest(t)
	all := standIns(kubernetes)
	if len(all) < 200 {
		t.Errorf("only %d messages found to stand for Kubernetes types; the walk has lost some", len(all))
	}
	for name, ours := range all {
		theirs := kubernetes.message(counterpart(name))
		if theirs == nil {
			t.Errorf("%s is part of a kind, but Kubernetes has no %s", name, counterpart(name))
			continue
		}
		for _, d := range compareShape(ours, theirs) {
			t.Error(d)
		}
	}
}

// TestShapeSeesChanges changes Kaji's descriptors in every way that would break the wire form, and expects each to be seen.
func TestShapeSeesChanges(t *testing.T) {
	kubernetes := kubernetesForTest(t)
	theirs := kubernetes.message("k8s.io.api.core.v1.PodSpec")
	for name, change := range map[string]func(*descriptorpb.FieldDescriptorProto){
		"number": func(f *descriptorpb.FieldDescriptorProto) { f.Number = proto.Int32(999) },
		"type": func(f *descriptorpb.FieldDescriptorProto) {
			f.Type = descriptorpb.FieldDescriptorProto_TYPE_BYTES.Enum()
		},
		"cardinality": func(f *descriptorpb.FieldDescriptorProto) {
			f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		},
	} {
		t.Run(name, func(t *testing.T) {
			changed := podSpecWith(t, "restart_policy", change)
			got := compareShape(changed, theirs)
			if len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), "restart") {
				t.Errorf("a changed %s of restart_policy went unseen: %q", name, got)
			}
		})
	}
	t.Run("removed", func(t *testing.T) {
		got := compareShape(kubernetes.message("k8s.io.api.core.v1.PodOS"), theirs)
		if len(got) == 0 {
			t.Error("missing fields went unseen")
		}
	})
}

// podSpecWith builds Kaji's PodSpec again with one field changed.
func podSpecWith(t *testing.T, field string, change func(*descriptorpb.FieldDescriptorProto)) protoreflect.MessageDescriptor {
	t.Helper()
	file := protodesc.ToFileDescriptorProto(corev1.File_kaji_core_v1_pod_proto)
	changed := false
	for _, m := range file.MessageType {
		for _, f := range m.Field {
			if m.GetName() == "PodSpec" && f.GetName() == field {
				change(f)
				changed = true
			}
		}
	}
	if !changed {
		t.Fatalf("PodSpec has no field %s", field)
	}
	built, err := protodesc.NewFile(file, protoregistry.GlobalFiles)
	if err != nil {
		t.Fatal(err)
	}
	return built.Messages().ByName("PodSpec")
}
