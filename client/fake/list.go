package fake

import (
	"cmp"
	"slices"
	"strconv"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"k8s.io/apimachinery/pkg/labels"
)

// page is the rest of a list that was begun, at the revision it was begun at.
type page struct {
	revision int64
	rest     []kind.Object
}

func (s *Server) list(k *kind.Kind, r *metav1.ListRequest) (proto.Message, error) {
	items, meta, err := s.selected(k, r.GetNamespace(), r.GetOptions())
	if err != nil {
		return nil, err
	}
	list := k.NewList()
	m := list.ProtoReflect()
	m.Set(m.Descriptor().Fields().ByName("metadata"), protoreflect.ValueOfMessage(meta.ProtoReflect()))
	values := m.Mutable(m.Descriptor().Fields().ByName("items")).List()
	for _, o := range items {
		values.Append(protoreflect.ValueOfMessage(o.ProtoReflect()))
	}
	return list, nil
}

// selected reads a page of a collection. Callers hold mu.
func (s *Server) selected(k *kind.Kind, namespace string, options *metav1.ListOptions) ([]kind.Object, *metav1.ListMeta, error) {
	from := page{revision: s.revision}
	if token := options.GetContinue(); token != "" {
		var ok bool
		if from, ok = s.pages[token]; !ok {
			return nil, nil, apierror.Expired("the continue token is too old; list again")
		}
	} else {
		matches, err := matcher(k, namespace, options)
		if err != nil {
			return nil, nil, err
		}
		from.rest = s.matching(k, matches)
	}
	items := from.rest
	meta := &metav1.ListMeta{ResourceVersion: strconv.FormatInt(from.revision, 10)}
	if limit := int(options.GetLimit()); limit > 0 && len(items) > limit {
		meta.Continue = newUID()
		meta.RemainingItemCount = proto.Int64(int64(len(items) - limit))
		s.pages[meta.Continue] = page{revision: from.revision, rest: items[limit:]}
		items = items[:limit]
	}
	return items, meta, nil
}

// matching returns what there is, in order of namespace and name. Callers hold mu.
func (s *Server) matching(k *kind.Kind, matches func(kind.Object) bool) []kind.Object {
	var objects []kind.Object
	for _, o := range s.objects {
		if kind.Of(o) == k && matches(o) {
			objects = append(objects, o)
		}
	}
	slices.SortFunc(objects, func(a, b kind.Object) int {
		return cmp.Or(cmp.Compare(a.GetMetadata().GetNamespace(), b.GetMetadata().GetNamespace()), cmp.Compare(a.GetMetadata().GetName(), b.GetMetadata().GetName()))
	})
	return objects
}

func matcher(k *kind.Kind, namespace string, options *metav1.ListOptions) (func(kind.Object) bool, error) {
	byLabel, err := selector.Parse(options.GetLabelSelector())
	if err != nil {
		return nil, apierror.BadRequest("label selector: " + err.Error())
	}
	byField, err := selector.ParseFields(options.GetFieldSelector(), k.Options.GetSelectableFields())
	if err != nil {
		return nil, apierror.BadRequest("field selector: " + err.Error())
	}
	return func(o kind.Object) bool {
		m := o.GetMetadata()
		return (namespace == "" || m.GetNamespace() == namespace) && byLabel.Matches(labels.Set(m.GetLabels())) && byField.Matches(o)
	}, nil
}
