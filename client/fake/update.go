package fake

import (
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func (s *Server) update(k *kind.Kind, given kind.Object, subresource string, options writeOptions) (kind.Object, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	m := given.GetMetadata()
	old, err := s.lookup(k, m.GetNamespace(), m.GetName())
	if err != nil {
		return nil, err
	}
	was := old.GetMetadata()
	if _, err := parseVersion(m.GetResourceVersion()); err != nil {
		return nil, err
	}
	if subresource == "status" && !k.Options.GetHasStatus() {
		return nil, apierror.BadRequest(k.String() + " have no status")
	}
	if v := m.GetResourceVersion(); v != "" && v != was.GetResourceVersion() {
		return nil, apierror.Conflict(k.String(), m.GetNamespace(), m.GetName(), "")
	}
	if u := m.GetUid(); u != "" && u != was.GetUid() {
		return nil, apierror.Conflict(k.String(), m.GetNamespace(), m.GetName(), "uid in precondition: "+u+", uid in object meta: "+was.GetUid())
	}
	next := proto.CloneOf(given)
	if subresource == "status" {
		next = proto.CloneOf(old)
		copyField(next, given, statusField(old))
	} else {
		keep(k, next, old)
	}
	kind.Metadata(next).ResourceVersion = was.GetResourceVersion()
	if !options.applied && !finished(next) {
		if err := s.track(k, old, next, options.manager, subresource); err != nil {
			return nil, err
		}
	}
	if proto.Equal(old, next) || options.dryRun() {
		return next, nil
	}
	if finished(next) {
		s.objects[k.Key(m.GetNamespace(), m.GetName())] = next
		return s.remove(k, k.Key(m.GetNamespace(), m.GetName())), nil
	}
	return s.commit(k, next), nil
}

// keep carries over what an update may not change, and counts generations.
func keep(k *kind.Kind, next, old kind.Object) {
	m, was := kind.Metadata(next), old.GetMetadata()
	m.Uid, m.CreationTimestamp = was.GetUid(), was.GetCreationTimestamp()
	m.DeletionTimestamp, m.DeletionGracePeriodSeconds = was.GetDeletionTimestamp(), was.DeletionGracePeriodSeconds
	m.Generation = was.GetGeneration()
	if len(m.ManagedFields) == 0 {
		m.ManagedFields = was.GetManagedFields()
	}
	if k.Options.GetHasStatus() {
		copyField(next, old, statusField(old))
	}
	if spec := old.ProtoReflect().Descriptor().Fields().ByName("spec"); spec != nil && k.Options.GetHasStatus() {
		if !old.ProtoReflect().Get(spec).Equal(next.ProtoReflect().Get(spec)) {
			m.Generation++
		}
	}
}

func copyField(to, from kind.Object, field protoreflect.FieldDescriptor) {
	if field == nil {
		return
	}
	if !from.ProtoReflect().Has(field) {
		to.ProtoReflect().Clear(field)
		return
	}
	copied := proto.Clone(from.ProtoReflect().Get(field).Message().Interface())
	to.ProtoReflect().Set(field, protoreflect.ValueOfMessage(copied.ProtoReflect()))
}

// finished tells whether an object that is being deleted has nothing left to wait for.
func finished(o kind.Object) bool {
	m := o.GetMetadata()
	if m.GetDeletionTimestamp() == nil || len(m.GetFinalizers()) > 0 || m.GetDeletionGracePeriodSeconds() > 0 {
		return false
	}
	if ns, ok := o.(*corev1.Namespace); ok && len(ns.GetSpec().GetFinalizers()) > 0 {
		return false
	}
	return true
}
