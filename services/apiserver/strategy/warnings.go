package strategy

import (
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/kind"
)

// scan is what looking for gaps in messages of one type takes: the fields to report, and the fields that lead to
// messages with such fields. Everything else is never looked at.
type scan struct {
	// idle is set for a kind that nothing acts on at all.
	idle  *Gap
	steps []step
}

type step struct {
	field protoreflect.FieldDescriptor
	// gap is set when the field itself is reported.
	gap *Gap
	// below is how to go on within the field's messages; nil when there is nothing to find.
	below *scan
}

// scans are made once for all messages of all kinds; they are not changed afterwards.
var scans = sync.OnceValue(func() map[protoreflect.FullName]*scan {
	gaps := map[protoreflect.FullName]map[protoreflect.Name]*Gap{}
	all := Unsupported()
	for i := range all {
		g := &all[i]
		if gaps[g.Message] == nil {
			gaps[g.Message] = map[protoreflect.Name]*Gap{}
		}
		gaps[g.Message][g.Field] = g
	}
	made := map[protoreflect.FullName]*scan{}
	var plan func(protoreflect.MessageDescriptor) *scan
	plan = func(m protoreflect.MessageDescriptor) *scan {
		if s, ok := made[m.FullName()]; ok {
			return s
		}
		s := &scan{idle: gaps[m.FullName()][""]}
		made[m.FullName()] = s
		for i := range m.Fields().Len() {
			fd := m.Fields().Get(i)
			if g := gaps[m.FullName()][fd.Name()]; g != nil {
				s.steps = append(s.steps, step{field: fd, gap: g})
				continue
			}
			value := fd
			if fd.IsMap() {
				value = fd.MapValue()
			}
			// Nobody sets a status but Kaji.
			if value.Message() == nil || fd.Name() == "status" {
				continue
			}
			if below := plan(value.Message()); len(below.steps) > 0 {
				s.steps = append(s.steps, step{field: fd, below: below})
			}
		}
		return s
	}
	for _, k := range kind.All() {
		plan(k.New().ProtoReflect().Descriptor())
	}
	return made
})

func unsupportedOf(message protoreflect.FullName) *scan {
	if s := scans()[message]; s != nil {
		return s
	}
	return &scan{}
}

// warnings says so when nothing acts on the kind, and names every set field that nothing acts on, in the order of the
// proto file.
func (s *scan) warnings(obj kind.Object) []string {
	var out []string
	if s.idle != nil {
		out = append(out, fmt.Sprintf("nothing acts on a %s yet: %s", kind.Of(obj).Name(), s.idle.Why))
	}
	if len(s.steps) == 0 {
		return out
	}
	s.walk(obj.ProtoReflect(), "", func(path string, g *Gap) { out = append(out, path+": "+g.Why) })
	return out
}

func (s *scan) walk(m protoreflect.Message, prefix string, report func(path string, g *Gap)) {
	for _, st := range s.steps {
		if !m.Has(st.field) {
			continue
		}
		path, value := childPath(prefix, st.field), m.Get(st.field)
		if st.gap != nil {
			if (st.gap.Partly == nil || st.gap.Partly(m)) && !slices.Contains(st.gap.Fine, value.String()) {
				report(path, st.gap)
			}
			continue
		}
		switch {
		case st.field.IsList():
			for i := range value.List().Len() {
				st.below.walk(value.List().Get(i).Message(), fmt.Sprintf("%s[%d]", path, i), report)
			}
		case st.field.IsMap():
			value.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
				st.below.walk(v.Message(), fmt.Sprintf("%s[%s]", path, k), report)
				return true
			})
		default:
			st.below.walk(value.Message(), path, report)
		}
	}
}

// childPath adds a field to a path as JSON has it: inline fields leave no trace.
func childPath(prefix string, fd protoreflect.FieldDescriptor) string {
	if kind.FieldOptions(fd).GetInline() {
		return prefix
	}
	if prefix == "" {
		return fd.JSONName()
	}
	return prefix + "." + fd.JSONName()
}
