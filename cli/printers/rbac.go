package printers

import (
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	rbacv1 "kaji.dev/kaji/gen/kaji/rbac/v1"
	"kaji.dev/kaji/kind"
)

func roleRef(o kind.Object, _ time.Time) string {
	b, ok := o.(interface{ GetRoleRef() *rbacv1.RoleRef })
	if !ok || b.GetRoleRef() == nil {
		return none
	}
	return b.GetRoleRef().GetKind() + "/" + b.GetRoleRef().GetName()
}

// subjects joins the subjects of a binding that are of one kind.
func subjects(v protoreflect.Value, fd protoreflect.FieldDescriptor, kindName string) string {
	if fd == nil || !fd.IsList() {
		return ""
	}
	var list []string
	for i := range v.List().Len() {
		s, ok := v.List().Get(i).Message().Interface().(*rbacv1.Subject)
		if !ok || s.GetKind() != kindName {
			continue
		}
		name := s.GetName()
		if kindName == "ServiceAccount" {
			name = s.GetNamespace() + "/" + name
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}
