package view

import (
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// references are the messages of a pod that name another object of its namespace: what kind, and where the name
// stands. Node agents may read only what is named by one of them.
var references = map[protoreflect.FullName]struct {
	resource string
	name     func(protoreflect.ProtoMessage) string
}{
	"kaji.core.v1.SecretKeySelector": {"secrets.core", func(m protoreflect.ProtoMessage) string {
		return m.(*corev1.SecretKeySelector).GetLocalObjectReference().GetName()
	}},
	"kaji.core.v1.SecretEnvSource": {"secrets.core", func(m protoreflect.ProtoMessage) string {
		return m.(*corev1.SecretEnvSource).GetLocalObjectReference().GetName()
	}},
	"kaji.core.v1.SecretProjection": {"secrets.core", func(m protoreflect.ProtoMessage) string {
		return m.(*corev1.SecretProjection).GetLocalObjectReference().GetName()
	}},
	"kaji.core.v1.SecretVolumeSource": {"secrets.core", func(m protoreflect.ProtoMessage) string {
		return m.(*corev1.SecretVolumeSource).GetSecretName()
	}},
	"kaji.core.v1.ConfigMapKeySelector": {"configmaps.core", func(m protoreflect.ProtoMessage) string {
		return m.(*corev1.ConfigMapKeySelector).GetLocalObjectReference().GetName()
	}},
	"kaji.core.v1.ConfigMapEnvSource": {"configmaps.core", func(m protoreflect.ProtoMessage) string {
		return m.(*corev1.ConfigMapEnvSource).GetLocalObjectReference().GetName()
	}},
	"kaji.core.v1.ConfigMapProjection": {"configmaps.core", func(m protoreflect.ProtoMessage) string {
		return m.(*corev1.ConfigMapProjection).GetLocalObjectReference().GetName()
	}},
	"kaji.core.v1.ConfigMapVolumeSource": {"configmaps.core", func(m protoreflect.ProtoMessage) string {
		return m.(*corev1.ConfigMapVolumeSource).GetLocalObjectReference().GetName()
	}},
}

// refersTo says whether the pod names the object.
func refersTo(p *corev1.Pod, resource, name string) bool {
	if name == "" {
		return false
	}
	switch resource {
	case "serviceaccounts.core":
		return p.GetSpec().GetServiceAccountName() == name
	case "secrets.core":
		for _, s := range p.GetSpec().GetImagePullSecrets() {
			if s.GetName() == name {
				return true
			}
		}
	}
	if p.GetSpec() == nil {
		return false
	}
	found := false
	// The walk's only errors are the ones its function returns.
	_ = protorange.Range(p.GetSpec().ProtoReflect(), func(v protopath.Values) error {
		m, ok := v.Index(-1).Value.Interface().(protoreflect.Message)
		if !ok {
			return nil
		}
		r, ok := references[m.Descriptor().FullName()]
		if ok && r.resource == resource && r.name(m.Interface()) == name {
			found = true
			return protorange.Terminate
		}
		return nil
	})
	return found
}
