package registry

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/frame"
)

func typeURL(k *kind.Kind) string { return frame.TypeURL(string(k.Message)) }

// checkShape makes sure that the kind's messages are laid out as package frame puts them together.
func checkShape(k *kind.Kind) error {
	watch := k.Method(metav1.Verb_VERB_WATCH, "")
	if watch == nil {
		return fmt.Errorf("kind %s has no watch method", k)
	}
	meta := (&metav1.ObjectMeta{}).ProtoReflect().Descriptor()
	listMeta := (&metav1.ListMeta{}).ProtoReflect().Descriptor()
	for _, want := range []struct {
		message protoreflect.MessageDescriptor
		name    protoreflect.Name
		number  protowire.Number
	}{
		{k.New().ProtoReflect().Descriptor(), "metadata", frame.FieldMetadata},
		{meta, "resource_version", frame.FieldResourceVersion},
		{listMeta, "resource_version", frame.FieldListVersion},
		{k.NewList().ProtoReflect().Descriptor(), "metadata", frame.FieldMetadata},
		{k.NewList().ProtoReflect().Descriptor(), "items", frame.FieldItems},
		{watch.Output(), "type", frame.FieldEventType},
		{watch.Output(), "object", frame.FieldEventObject},
	} {
		fd := want.message.Fields().ByName(want.name)
		if fd == nil || fd.Number() != want.number {
			return fmt.Errorf("kind %s: %s has no field %s = %d", k, want.message.FullName(), want.name, want.number)
		}
	}
	return nil
}
