// Package owner reads and writes ownerReferences: who controls an object, and what an object controls.
//
// It owns the rules of the controller reference: an object has at most one, and only its owner's controller sets or removes
// it. All functions are pure.
package owner

import (
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
)

// Controller is the reference to the object that controls o; nil when none does.
func Controller(o kind.Object) *metav1.OwnerReference {
	for _, r := range o.GetMetadata().GetOwnerReferences() {
		if r.GetController() {
			return r
		}
	}
	return nil
}

// ControllerUID is the uid of the object that controls o; empty when none does.
func ControllerUID(o kind.Object) string { return Controller(o).GetUid() }

// Reference makes a controller reference to an object.
func Reference(to kind.Object) *metav1.OwnerReference {
	k, m := kind.Of(to), to.GetMetadata()
	return &metav1.OwnerReference{
		ApiVersion: k.APIVersion(), Kind: k.Name(), Name: m.GetName(), Uid: m.GetUid(),
		Controller: proto.Bool(true), BlockOwnerDeletion: proto.Bool(true),
	}
}

// IsTo tells whether a reference may name objects of the kind, in any version of its group.
func IsTo(r *metav1.OwnerReference, k *kind.Kind) bool {
	return r.GetKind() == k.Name() && group(r.GetApiVersion()) == k.Group
}

func group(apiVersion string) string {
	for i := range len(apiVersion) {
		if apiVersion[i] == '/' {
			return apiVersion[:i]
		}
	}
	return ""
}

// Index values for informers: objects by the uid of their controller, and those without one by namespace.

// ByController is the index function that finds objects by ControllerUID.
func ByController[T kind.Object](o T) []string {
	if uid := ControllerUID(o); uid != "" {
		return []string{uid}
	}
	return nil
}

// Orphans is the index function that finds objects without a controller by namespace.
func Orphans[T kind.Object](o T) []string {
	if Controller(o) == nil {
		return []string{o.GetMetadata().GetNamespace()}
	}
	return nil
}

// Without returns the references but those to a uid.
func Without(references []*metav1.OwnerReference, uid string) []*metav1.OwnerReference {
	var rest []*metav1.OwnerReference
	for _, r := range references {
		if r.GetUid() != uid {
			rest = append(rest, r)
		}
	}
	return rest
}
