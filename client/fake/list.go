package fake

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

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
	if err := unnamed(k, namespace); err != nil {
		return nil, nil, err
	}
	if err := checkList(options); err != nil {
		return nil, nil, err
	}
	matches, err := matcher(k, namespace, options)
	if err != nil {
		return nil, nil, err
	}
	var from page
	if token := options.GetContinue(); token != "" {
		if from, err = s.continued(token); err != nil {
			return nil, nil, err
		}
	} else if from, err = s.first(k, options, matches); err != nil {
		return nil, nil, err
	}
	items := from.rest
	meta := &metav1.ListMeta{ResourceVersion: strconv.FormatInt(from.revision, 10)}
	if limit := int(options.GetLimit()); limit > 0 && len(items) > limit {
		meta.Continue = tokenPrefix + newUID()
		meta.RemainingItemCount = proto.Int64(int64(len(items) - limit))
		s.pages[meta.Continue] = page{revision: from.revision, rest: items[limit:]}
		items = items[:limit]
	}
	return items, meta, nil
}

// tokenPrefix tells tokens that were given out, and may be forgotten, from what never was one.
const tokenPrefix = "page-"

func (s *Server) continued(token string) (page, error) {
	from, ok := s.pages[token]
	switch {
	case ok:
		return from, nil
	case strings.HasPrefix(token, tokenPrefix):
		return page{}, apierror.Expired("the continue token is too old; list again")
	}
	return page{}, apierror.BadRequest("the continue token is not one that this list gave out")
}

// first reads a whole collection, at the revision that is wanted.
func (s *Server) first(k *kind.Kind, options *metav1.ListOptions, matches func(kind.Object) bool) (page, error) {
	if err := s.reached(options.GetResourceVersion()); err != nil {
		return page{}, err
	}
	if options.GetResourceVersionMatch() != "Exact" {
		return page{revision: s.revision, rest: s.matching(k, matches)}, nil
	}
	revision, err := parseVersion(options.GetResourceVersion())
	if err != nil {
		return page{}, err
	}
	if revision < s.compacted {
		return page{}, apierror.Expired("resource version " + options.GetResourceVersion() + " is too old")
	}
	// What there was then is what there is now with the changes since undone, the last one first.
	then := map[string]kind.Object{}
	for key, o := range s.objects {
		if kind.Of(o) == k {
			then[key] = o
		}
	}
	for _, c := range slices.Backward(s.history) {
		switch {
		case c.revision <= revision || c.kind != k:
		case c.before == nil:
			delete(then, c.key)
		default:
			then[c.key] = c.before
		}
	}
	return page{revision: revision, rest: ordered(maps.Values(then), matches)}, nil
}

// checkList checks limit and revision of a list.
func checkList(o *metav1.ListOptions) error {
	if o.GetLimit() < 0 {
		return apierror.BadRequest("limit is negative")
	}
	revision, err := parseVersion(o.GetResourceVersion())
	switch match := o.GetResourceVersionMatch(); {
	case err != nil:
		return err
	case match == "":
		return nil
	case match != "Exact" && match != "NotOlderThan":
		return apierror.BadRequest(`resourceVersionMatch must be "Exact" or "NotOlderThan"`)
	case o.GetResourceVersion() == "" || match == "Exact" && revision == 0:
		return apierror.BadRequest("resourceVersionMatch needs a resourceVersion")
	case o.GetContinue() != "":
		return apierror.BadRequest("resourceVersionMatch cannot be set together with continue")
	}
	return nil
}

// matching returns what there is, in order of namespace and name. Callers hold mu.
func (s *Server) matching(k *kind.Kind, matches func(kind.Object) bool) []kind.Object {
	return ordered(maps.Values(s.objects), func(o kind.Object) bool { return kind.Of(o) == k && matches(o) })
}

func ordered(all iter.Seq[kind.Object], matches func(kind.Object) bool) []kind.Object {
	var objects []kind.Object
	for o := range all {
		if matches(o) {
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
