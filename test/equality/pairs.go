package equality

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kaji.dev/kaji/kind"

	// Messages that no kind leads to, but that stand for Kubernetes types all the same.
	_ "kaji.dev/kaji/gen/kaji/autoscaling/v1"
)

// own is where Kaji's messages live; groups are found below it, never listed.
const own = "kaji."

// elsewhere names Kubernetes messages that are not in the package of their group.
var elsewhere = map[protoreflect.FullName]protoreflect.FullName{
	"kaji.meta.v1.Quantity":     "k8s.io.apimachinery.pkg.api.resource.Quantity",
	"kaji.meta.v1.IntOrString":  "k8s.io.apimachinery.pkg.util.intstr.IntOrString",
	"kaji.meta.v1.RawExtension": "k8s.io.apimachinery.pkg.runtime.RawExtension",
}

// timestamps are Kubernetes' messages that Kaji has as google.protobuf.Timestamp.
var timestamps = map[protoreflect.FullName]bool{
	"k8s.io.apimachinery.pkg.apis.meta.v1.Time":      true,
	"k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime": true,
}

// counterpart is the Kubernetes message that a Kaji message would stand for.
func counterpart(name protoreflect.FullName) protoreflect.FullName {
	if other, ok := elsewhere[name]; ok {
		return other
	}
	rest := strings.TrimPrefix(string(name), own)
	if after, ok := strings.CutPrefix(rest, "meta."); ok {
		return protoreflect.FullName("k8s.io.apimachinery.pkg.apis.meta." + after)
	}
	return protoreflect.FullName("k8s.io.api." + rest)
}

// standIns are the Kaji messages that stand for Kubernetes types: all reachable from kinds and their lists, and
// all that share a name with a Kubernetes message.
func standIns(kubernetes resolver) map[protoreflect.FullName]protoreflect.MessageDescriptor {
	found := map[protoreflect.FullName]protoreflect.MessageDescriptor{}
	var visit func(protoreflect.MessageDescriptor)
	visit = func(m protoreflect.MessageDescriptor) {
		if !strings.HasPrefix(string(m.FullName()), own) || found[m.FullName()] != nil {
			return
		}
		found[m.FullName()] = m
		for i := range m.Fields().Len() {
			fd := m.Fields().Get(i)
			if fd.IsMap() {
				fd = fd.MapValue()
			}
			if fd.Message() != nil {
				visit(fd.Message())
			}
		}
	}
	for _, k := range kind.All() {
		visit(k.New().ProtoReflect().Descriptor())
		visit(k.NewList().ProtoReflect().Descriptor())
	}
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(f.Package()), own) {
			for i := range f.Messages().Len() {
				m := f.Messages().Get(i)
				if kubernetes.message(counterpart(m.FullName())) != nil {
					visit(m)
				}
			}
		}
		return true
	})
	return found
}
