package manifest

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/similar"
)

// decoder fills a message from a tree and gathers everything that is wrong on the way.
type decoder struct {
	source string
	strict bool
	errs   Errors
}

func (d *decoder) fail(n *node, path, format string, args ...any) {
	d.failAt(n.line, n.column, path, format, args...)
}

func (d *decoder) failAt(line, column int, path, format string, args ...any) {
	d.errs = append(d.errs, &FieldError{Source: d.source, Line: line, Column: column, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (d *decoder) err() error {
	if len(d.errs) == 0 {
		return nil
	}
	sort.SliceStable(d.errs, func(i, j int) bool {
		a, b := d.errs[i], d.errs[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return d.errs
}

// message decodes an object into m. Top-level objects have apiVersion and kind, which no message holds.
func (d *decoder) message(n *node, m protoreflect.Message, path string, top bool) {
	if n.kind != objectNode {
		d.fail(n, path, "must be an object, not %v", n.kind)
		return
	}
	if !top {
		d.embedded(n, m, path)
	}
	p := planOf(m.Descriptor())
	for _, f := range p.fields {
		if f.inline {
			// Kubernetes' embedded structs are never absent.
			m.Mutable(f.desc)
		}
	}
	seen := make(map[string]bool, len(n.fields))
	for _, member := range n.fields {
		at := child(path, member.key)
		if seen[member.key] && d.strict {
			d.failAt(member.line, member.column, at, "is set twice")
			continue
		}
		repeat := seen[member.key]
		seen[member.key] = true
		header := member.key == "apiVersion" || member.key == "kind"
		if top && header {
			continue
		}
		f := p.byName[member.key]
		if f == nil {
			if header && p.object {
				continue // an object within an object, as the claims of a StatefulSet: where it stands says what it is
			}
			if d.strict {
				d.failAt(member.line, member.column, at, "unknown field%s", suggestion(member.key, p))
			}
			continue
		}
		target := m
		if f.outer != nil {
			target = m.Mutable(f.outer.desc).Message()
		}
		if repeat {
			target.Clear(f.desc) // the last one wins
		}
		d.field(member.value, target, f, at)
	}
}

// embedded checks what an object inside another says it is, and takes it away: nothing else can stand there. The claims of
// a StatefulSet say so when they come from Kubernetes.
func (d *decoder) embedded(n *node, m protoreflect.Message, path string) {
	k := kind.ByMessage(m.Descriptor().FullName())
	if k == nil {
		return
	}
	n.fields = slices.DeleteFunc(n.fields, func(f member) bool {
		want := map[string]string{"apiVersion": k.APIVersion(), "kind": k.Name()}[f.key]
		if want == "" {
			return false
		}
		if f.value.kind != nullNode && (f.value.kind != textNode || f.value.text != want) {
			d.fail(f.value, child(path, f.key), "must be %q, not %s", want, f.value.describe())
		}
		return true
	})
}

// suggestion names the field that was probably meant.
func suggestion(key string, p *plan) string {
	best := similar.Best(key, slices.Collect(maps.Keys(p.byName)))
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

func (d *decoder) field(n *node, m protoreflect.Message, f *fieldPlan, path string) {
	if n.kind == nullNode {
		return
	}
	fd := f.desc
	switch {
	case fd.IsMap():
		d.mapping(n, m.Mutable(fd).Map(), f, path)
	case fd.IsList():
		if n.kind != listNode {
			d.fail(n, path, "must be a list, not %v", n.kind)
			return
		}
		list := m.Mutable(fd).List()
		for i, item := range n.items {
			v := list.NewElement()
			if item.kind != nullNode {
				var ok bool
				if v, ok = d.value(item, v, f, fd, index(path, i)); !ok {
					continue
				}
			}
			list.Append(v)
		}
	default:
		if v, ok := d.value(n, m.NewField(fd), f, fd, path); ok {
			m.Set(fd, v)
		}
	}
}

func (d *decoder) mapping(n *node, into protoreflect.Map, f *fieldPlan, path string) {
	if n.kind != objectNode {
		d.fail(n, path, "must be an object, not %v", n.kind)
		return
	}
	keys := f.desc.MapKey()
	for _, member := range n.fields {
		at := path + "[" + member.key + "]"
		key, ok := d.mapKey(member, keys, at)
		if !ok {
			continue
		}
		if into.Has(key) && d.strict {
			d.failAt(member.line, member.column, at, "is set twice")
			continue
		}
		v := into.NewValue()
		if member.value.kind != nullNode {
			if v, ok = d.value(member.value, v, f, f.desc.MapValue(), at); !ok {
				continue
			}
		}
		into.Set(key, v)
	}
}

func (d *decoder) mapKey(m member, fd protoreflect.FieldDescriptor, path string) (protoreflect.MapKey, bool) {
	if fd.Kind() == protoreflect.StringKind {
		return protoreflect.ValueOfString(m.key).MapKey(), true
	}
	v, ok := d.scalar(&node{kind: numberNode, text: m.key, line: m.line, column: m.column}, fd, path)
	return v.MapKey(), ok
}

// value decodes one value; empty is a fresh one of the field's type, which messages are decoded into.
func (d *decoder) value(n *node, empty protoreflect.Value, f *fieldPlan, fd protoreflect.FieldDescriptor, path string) (protoreflect.Value, bool) {
	if fd.Message() == nil {
		return d.scalar(n, fd, path)
	}
	before := len(d.errs)
	m := empty.Message()
	switch f.form {
	case quantityForm:
		d.quantity(n, m, path)
	case intOrStringForm:
		d.intOrString(n, m, path)
	case timeForm, microTimeForm:
		d.time(n, m, f.form == microTimeForm, path)
	case rawForm:
		m.Set(m.Descriptor().Fields().ByName("raw"), protoreflect.ValueOfBytes(n.appendJSON(nil)))
	default:
		d.message(n, m, path, false)
	}
	return empty, len(d.errs) == before
}
