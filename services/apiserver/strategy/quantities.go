package strategy

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"
	"k8s.io/apimachinery/pkg/api/resource"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/quantity"
)

// quantityScan is how to find the quantities in messages of one type without looking at anything else.
type quantityScan struct {
	steps []quantityStep
}

type quantityStep struct {
	field protoreflect.FieldDescriptor
	// below is how to go on within the field's messages; nil when they are quantities.
	below *quantityScan
}

// quantityScans are made once for all messages of all kinds; they are not changed afterwards.
var quantityScans = sync.OnceValue(func() map[protoreflect.FullName]*quantityScan {
	quantity := (&metav1.Quantity{}).ProtoReflect().Descriptor().FullName()
	made := map[protoreflect.FullName]*quantityScan{}
	var plan func(protoreflect.MessageDescriptor) *quantityScan
	plan = func(m protoreflect.MessageDescriptor) *quantityScan {
		if s, ok := made[m.FullName()]; ok {
			return s
		}
		s := &quantityScan{}
		made[m.FullName()] = s
		for i := range m.Fields().Len() {
			fd := m.Fields().Get(i)
			value := fd
			if fd.IsMap() {
				value = fd.MapValue()
			}
			if value.Message() == nil {
				continue
			}
			if value.Message().FullName() == quantity {
				s.steps = append(s.steps, quantityStep{field: fd})
			} else if below := plan(value.Message()); len(below.steps) > 0 {
				s.steps = append(s.steps, quantityStep{field: fd, below: below})
			}
		}
		return s
	}
	for _, k := range kind.All() {
		plan(k.New().ProtoReflect().Descriptor())
	}
	return made
})

// canonicalQuantities writes every amount in its one canonical form, as Kubernetes stores it: 0.5 as 500m, 1024Mi
// as 1Gi. Amounts of resources are rounded up to thousandths. What is no quantity stays for validation to find.
func canonicalQuantities(obj kind.Object) {
	if s := quantityScans()[obj.ProtoReflect().Descriptor().FullName()]; s != nil {
		s.walk(obj.ProtoReflect())
	}
}

func (s *quantityScan) walk(m protoreflect.Message) {
	for _, st := range s.steps {
		if !m.Has(st.field) {
			continue
		}
		value := m.Get(st.field)
		switch {
		case st.field.IsMap():
			value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				st.visit(v.Message())
				return true
			})
		case st.field.IsList():
			for i := range value.List().Len() {
				st.visit(value.List().Get(i).Message())
			}
		default:
			st.visit(value.Message())
		}
	}
}

func (st quantityStep) visit(m protoreflect.Message) {
	if st.below != nil {
		st.below.walk(m)
		return
	}
	q, ok := m.Interface().(*metav1.Quantity)
	if !ok {
		return
	}
	v, err := quantity.ParseText(q.GetString_())
	if err != nil {
		return
	}
	if st.field.IsMap() {
		v.RoundUp(resource.Milli)
	}
	if text := v.String(); text != q.String_ {
		q.String_ = text
	}
}
