package manifest

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"kaji.dev/kaji/kind"
)

// fill sets random fields of m to values that have a JSON form: inline messages are there, quantities are
// canonical, times have no fraction that JSON would lose.
func fill(t *rapid.T, m protoreflect.Message, depth int) {
	for _, f := range planOf(m.Descriptor()).fields {
		fd := f.desc
		if f.inline {
			fill(t, m.Mutable(fd).Message(), depth)
			continue
		}
		if depth > 7 || !rapid.Bool().Draw(t, string(fd.Name())) {
			continue
		}
		switch {
		case fd.IsMap():
			values := m.Mutable(fd).Map()
			for range rapid.IntRange(1, 2).Draw(t, "n") {
				values.Set(protoreflect.ValueOfString(rapid.String().Draw(t, "key")).MapKey(), randomValue(t, f, fd.MapValue(), values.NewValue(), depth))
			}
		case fd.IsList():
			list := m.Mutable(fd).List()
			for range rapid.IntRange(1, 2).Draw(t, "n") {
				list.Append(randomValue(t, f, fd, list.NewElement(), depth))
			}
		default:
			m.Set(fd, randomValue(t, f, fd, m.NewField(fd), depth))
		}
	}
}

func randomValue(t *rapid.T, f *fieldPlan, fd protoreflect.FieldDescriptor, empty protoreflect.Value, depth int) protoreflect.Value {
	set := func(name protoreflect.Name, v any) {
		fields := empty.Message().Descriptor().Fields()
		empty.Message().Set(fields.ByName(name), protoreflect.ValueOf(v))
	}
	switch f.form {
	case quantityForm:
		q := resource.NewMilliQuantity(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "milli"), resource.DecimalSI)
		set("string", q.String())
		return empty
	case intOrStringForm:
		if rapid.Bool().Draw(t, "text") {
			set("type", int64(isString))
			set("str_val", rapid.String().Draw(t, "string"))
		} else {
			set("int_val", rapid.Int32().Draw(t, "int"))
		}
		return empty
	case timeForm, microTimeForm:
		set("seconds", rapid.Int64Range(1, 250000000000).Draw(t, "seconds"))
		if f.form == microTimeForm {
			set("nanos", rapid.Int32Range(0, 999999).Draw(t, "micros")*int32(time.Microsecond))
		}
		return empty
	case rawForm:
		set("raw", []byte(`{"f:a":{}}`))
		return empty
	}
	switch fd.Kind() {
	case protoreflect.MessageKind:
		fill(t, empty.Message(), depth+1)
		return empty
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(rapid.String().Draw(t, "string"))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(rapid.Bool().Draw(t, "bool"))
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(rapid.Int32().Draw(t, "int32"))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(rapid.Int64().Draw(t, "int64"))
	}
	t.Fatalf("no random values for %v", fd.FullName())
	return empty
}

func TestRoundTripOfRandomObjects(t *testing.T) {
	for _, k := range kind.All() {
		t.Run(k.Name(), rapid.MakeCheck(func(t *rapid.T) {
			want := k.New()
			fill(t, want.ProtoReflect(), 0)
			text, err := ToJSON(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := FromJSON(k, text, true)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			if !proto.Equal(got, want) {
				t.Fatalf("JSON changed the object: %s", text)
			}
			y, err := ToYAML(want)
			if err != nil {
				t.Fatal(err)
			}
			docs, err := Decode(bytes.NewReader(y), "random.yaml", Options{Strict: true})
			if err != nil || len(docs) != 1 || !proto.Equal(docs[0].Object, want) {
				t.Fatalf("YAML changed the object: %v\n%s", err, y)
			}
			if !bytes.Equal(mustJSON(t, docs[0].Object), text) {
				t.Fatalf("not stable: %s", text)
			}
		}))
	}
}

func mustJSON(t *rapid.T, o kind.Object) []byte {
	b, err := ToJSON(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestKubernetesReadsAndWritesTheSame passes random objects through k8s.io/api's JSON and back.
func TestKubernetesReadsAndWritesTheSame(t *testing.T) {
	for _, k := range kind.All() {
		sample := kubernetes(t, k)
		t.Run(k.Name(), rapid.MakeCheck(func(t *rapid.T) {
			o := k.New()
			fill(t, o.ProtoReflect(), 0)
			ours := mustJSON(t, o)
			theirs := reflect.New(sample)
			dec := json.NewDecoder(bytes.NewReader(ours))
			dec.DisallowUnknownFields()
			if err := dec.Decode(theirs.Interface()); err != nil {
				t.Fatalf("k8s.io/api refuses: %v\n%s", err, ours)
			}
			text, err := json.Marshal(theirs.Interface())
			if err != nil {
				t.Fatal(err)
			}
			back, err := FromJSON(k, text, true)
			if err != nil {
				t.Fatalf("Kubernetes' JSON is refused: %v\n%s", err, text)
			}
			again := reflect.New(sample)
			if err := json.Unmarshal(mustJSON(t, back), again.Interface()); err != nil {
				t.Fatal(err)
			}
			final, err := json.Marshal(again.Interface())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(final, text) {
				t.Fatalf("got  %s\nwant %s", final, text)
			}
		}))
	}
}
