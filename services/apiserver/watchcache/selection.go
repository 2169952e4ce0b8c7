package watchcache

import (
	"strings"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"
)

// Selection is a part of a kind's objects: a namespace and selectors. The zero value of everything but the
// prefix selects all.
type Selection struct {
	prefix string // of the keys
	labels labels.Selector
	fields *selector.Fields
	on     trigger
}

// trigger names the watchers that an object can concern at all: those that ask for this value of this
// field. The empty trigger is for those that ask for nothing in particular.
type trigger struct{ field, value string }

// namespaceField is the trigger of watchers that ask for one namespace and nothing more.
const namespaceField = "metadata.namespace"

// NewSelection reads selectors as a request has them. Errors are of the API.
func NewSelection(k *kind.Kind, namespace, labelSelector, fieldSelector string) (*Selection, error) {
	s := &Selection{prefix: k.NamespacePrefix(namespace)}
	if labelSelector != "" {
		l, err := labels.Parse(labelSelector)
		if err != nil {
			return nil, apierror.BadRequest("label selector: "+err.Error(),
				apierror.FieldViolation{Field: "options.labelSelector", Description: err.Error()})
		}
		if !l.Empty() {
			s.labels = l
		}
	}
	if k.Namespaced() && namespace != "" {
		s.on = trigger{namespaceField, namespace}
	}
	if fieldSelector != "" {
		f, err := selector.ParseFields(fieldSelector, k.Options.GetSelectableFields())
		if err != nil {
			return nil, apierror.BadRequest("field selector: "+err.Error()+"; "+k.String()+" may be selected by "+
				strings.Join(k.Options.GetSelectableFields(), ", "),
				apierror.FieldViolation{Field: "options.fieldSelector", Description: err.Error()})
		}
		if !f.Empty() {
			s.fields = f
			s.on = narrowest(fieldSelector, s.on)
		}
	}
	return s, nil
}

// narrowest picks the requirement that sets a watcher apart from the most others.
func narrowest(fieldSelector string, otherwise trigger) trigger {
	parsed, err := fields.ParseSelector(fieldSelector)
	if err != nil {
		return otherwise
	}
	best := otherwise
	for _, r := range parsed.Requirements() {
		if r.Operator == "!=" {
			continue
		}
		switch {
		case r.Field == "metadata.name":
			return trigger{r.Field, r.Value}
		case best.field == "" || best.field == namespaceField, r.Field == "spec.nodeName":
			best = trigger{r.Field, r.Value}
		}
	}
	return best
}

// Matches says whether the object is in the selection.
func (s *Selection) Matches(e *Entry) bool {
	if !strings.HasPrefix(e.Key, s.prefix) {
		return false
	}
	if s.labels != nil && !s.labels.Matches(labels.Set(e.Object.GetMetadata().GetLabels())) {
		return false
	}
	return s.fields.Matches(e.Object)
}

// Everything says whether all objects under the prefix are in the selection.
func (s *Selection) Everything() bool { return s.labels == nil && s.fields.Empty() }

// Prefix is what the keys of all objects in the selection begin with.
func (s *Selection) Prefix() string { return s.prefix }

// valueOf is the entry's value of a trigger's field.
func valueOf(e *Entry, field string) string {
	if field == namespaceField {
		return e.Object.GetMetadata().GetNamespace()
	}
	return selector.FieldValue(e.Object, strings.Split(field, ".")...)
}
