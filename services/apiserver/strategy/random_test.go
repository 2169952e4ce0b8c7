package strategy

import (
	"math/rand"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/kind"
)

// TestRandomObjects fills objects of every kind at random: nothing may panic, defaults given twice must be those
// given once, and looking must not change anything.
func TestRandomObjects(t *testing.T) {
	for _, k := range kind.All() {
		t.Run(k.String(), func(t *testing.T) {
			s := For(k)
			for seed := range int64(100) {
				r := rand.New(rand.NewSource(seed))
				old, o := k.New(), k.New()
				fill(r, old.ProtoReflect(), 0)
				fill(r, o.ProtoReflect(), 0)
				s.Default(o)
				s.PrepareCreate(o)
				once := proto.Clone(o)
				s.Default(o)
				if !proto.Equal(o, once) {
					t.Fatalf("seed %d: the second defaults changed\n%v\nto\n%v", seed, once, o)
				}
				was := proto.Clone(old)
				s.Validate(o)
				s.Warnings(o)
				s.ValidateStatusUpdate(o, old)
				s.ValidateUpdate(o, old)
				if !proto.Equal(o, once) {
					t.Fatalf("seed %d: validation changed the object", seed)
				}
				s.PrepareUpdate(o, old)
				if !proto.Equal(old, was) {
					t.Fatalf("seed %d: the old object was changed", seed)
				}
			}
		})
	}
}

// words are values that mean something somewhere.
var words = []string{"", "a", "Always", "None", "ClientIP", "ExternalName", "LoadBalancer", "RollingUpdate", "10.0.0.1", "1", "-1", "25%", "x=y", "cpu", "memory", "SIGTERM", "windows"}

func fill(r *rand.Rand, m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if r.Intn(3) > 0 || depth > 8 {
			continue
		}
		switch {
		case fd.IsMap():
			mm := m.Mutable(fd).Map()
			for range r.Intn(3) {
				v := mm.NewValue()
				if fd.MapValue().Message() != nil {
					fill(r, v.Message(), depth+1)
				} else {
					v = scalar(r, fd.MapValue())
				}
				mm.Set(scalar(r, fd.MapKey()).MapKey(), v)
			}
		case fd.IsList():
			l := m.Mutable(fd).List()
			for range r.Intn(3) {
				if fd.Message() != nil {
					fill(r, l.AppendMutable().Message(), depth+1)
				} else {
					l.Append(scalar(r, fd))
				}
			}
		case fd.Message() != nil:
			fill(r, m.Mutable(fd).Message(), depth+1)
		default:
			m.Set(fd, scalar(r, fd))
		}
	}
}

func scalar(r *rand.Rand, fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(words[r.Intn(len(words))])
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(words[r.Intn(len(words))]))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(r.Intn(2) == 0)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(r.Int63n(100) - 10)
	default:
		return protoreflect.ValueOfInt32(r.Int31n(100) - 10)
	}
}

func BenchmarkPod(b *testing.B) {
	t := &testing.T{}
	o, s := build(t, basePod, container(`{ports: [{containerPort: 80}], env: [{name: A, value: b}], resources: {limits: {cpu: "1", memory: 1Gi}}, readinessProbe: {httpGet: {port: 80}}}`))
	b.ReportAllocs()
	for b.Loop() {
		s.Validate(o)
		s.Warnings(o)
	}
}
