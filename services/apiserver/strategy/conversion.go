package strategy

import (
	"fmt"
	"maps"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// Conversion makes objects of one version of a kind into what they are in the version that is stored, and back. There and
// back must give the same object: what a version cannot say goes into an annotation. Neither direction fills in defaults, nor
// refuses objects that are not complete: parts of objects are converted too, to find out who set which field.
type Conversion struct {
	ToStored, FromStored func(kind.Object) (kind.Object, error)
}

// Conversions are those of all versions that are not stored, by their message.
type Conversions map[protoreflect.FullName]Conversion

// conversionsOfKinds are declared beside the strategies of their kinds. No kind has a second version yet: the first adds
//
//	"kaji.autoscaling.v1.HorizontalPodAutoscaler": Convert(autoscalerToStored, autoscalerFromStored),
func conversionsOfKinds() Conversions { return Conversions{} }

// NewConversions are the conversions of Kaji's own kinds, and more.
func NewConversions(more Conversions) Conversions {
	out := conversionsOfKinds()
	maps.Copy(out, more)
	return out
}

// Convert makes a Conversion of functions that fill in all but the metadata, which is copied before. They may change the
// annotations.
func Convert[V, S kind.Object](to func(V, S) error, from func(S, V) error) Conversion {
	return Conversion{ToStored: into(to), FromStored: into(from)}
}

func into[A, B kind.Object](fill func(A, B) error) func(kind.Object) (kind.Object, error) {
	return func(o kind.Object) (kind.Object, error) {
		a, ok := o.(A)
		if !ok {
			return nil, fmt.Errorf("a %T cannot be converted here", o)
		}
		var zero B
		out := zero.ProtoReflect().Type().New().Interface().(B)
		if m := a.GetMetadata(); m != nil {
			proto.Merge(kind.Metadata(out), proto.CloneOf(m))
		}
		return out, fill(a, out)
	}
}

// To converts an object to any version of its kind. The object is left as it is.
func (c Conversions) To(o kind.Object, to *kind.Kind) (kind.Object, error) {
	from := kind.Of(o)
	var err error
	if from != from.Stored() && from != to {
		conversion, ok := c[from.Message]
		if !ok {
			return nil, fmt.Errorf("nothing converts %s", from.Message)
		}
		if o, err = conversion.ToStored(o); err != nil {
			return nil, fmt.Errorf("convert %s to %s: %w", from.APIVersion(), from.Stored().APIVersion(), err)
		}
		from = from.Stored()
	}
	if from == to {
		return o, nil
	}
	conversion, ok := c[to.Message]
	if !ok {
		return nil, fmt.Errorf("nothing converts to %s", to.Message)
	}
	if o, err = conversion.FromStored(o); err != nil {
		return nil, fmt.Errorf("convert %s to %s: %w", from.APIVersion(), to.APIVersion(), err)
	}
	return o, nil
}

// Check says which versions of a kind nothing converts.
func (c Conversions) Check(k *kind.Kind) error {
	for _, v := range k.Versions() {
		if _, ok := c[v.Message]; !ok && v != v.Stored() {
			return fmt.Errorf("kind %s: nothing converts %s to %s", k, v.APIVersion(), k.Stored().APIVersion())
		}
	}
	return nil
}

// Annotation keeps what a version cannot say, and takes it out again when value is empty.
func Annotation(m *metav1.ObjectMeta, key, value string) {
	if value == "" {
		delete(m.GetAnnotations(), key)
		if len(m.GetAnnotations()) == 0 {
			m.Annotations = nil
		}
		return
	}
	if m.Annotations == nil {
		m.Annotations = map[string]string{}
	}
	m.Annotations[key] = value
}
