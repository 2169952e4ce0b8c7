package equality

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// compareShape names every way in which a Kaji message differs in binary from the Kubernetes message it stands for.
func compareShape(ours, theirs protoreflect.MessageDescriptor) []string {
	var out []string
	say := func(field protoreflect.Name, format string, args ...any) {
		out = append(out, fmt.Sprintf("%s.%s: %s", ours.FullName(), field, fmt.Sprintf(format, args...)))
	}
	for i := range theirs.Fields().Len() {
		t := theirs.Fields().Get(i)
		if ours.Fields().ByNumber(t.Number()) == nil {
			say(t.Name(), "number %d is missing", t.Number())
		}
	}
	for i := range ours.Fields().Len() {
		o := ours.Fields().Get(i)
		t := theirs.Fields().ByNumber(o.Number())
		if t == nil {
			say(o.Name(), "number %d is not in %s", o.Number(), theirs.FullName())
			continue
		}
		if o.IsList() != t.IsList() || o.IsMap() != t.IsMap() {
			say(o.Name(), "cardinality differs from %s", t.FullName())
			continue
		}
		if o.IsMap() {
			if o.MapKey().Kind() != t.MapKey().Kind() {
				say(o.Name(), "key is %s, not %s", o.MapKey().Kind(), t.MapKey().Kind())
			}
			o, t = o.MapValue(), t.MapValue()
		}
		switch {
		case o.Kind() != t.Kind():
			say(o.Name(), "is %s, not %s", o.Kind(), t.Kind())
		case o.Kind() != protoreflect.MessageKind:
		case timestamps[t.Message().FullName()]:
			if o.Message().FullName() != "google.protobuf.Timestamp" {
				say(o.Name(), "is %s, not a Timestamp", o.Message().FullName())
			}
		case counterpart(o.Message().FullName()) != t.Message().FullName():
			say(o.Name(), "is %s, not %s", o.Message().FullName(), t.Message().FullName())
		}
	}
	return out
}
