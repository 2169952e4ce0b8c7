package strategy

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/kind"
)

// FuzzStrategies gives every kind's strategy any object that gRPC lets through, as create and update do. None of them
// panics, defaults are complete the first time, and an object updates to itself.
func FuzzStrategies(f *testing.F) {
	for i, k := range kind.All() {
		f.Add(byte(i), []byte{})
		for _, base := range []string{basePod, baseDeployment, baseService} {
			if o, _ := build(&testing.T{}, base, "{}"); kind.Of(o) == k {
				b, err := proto.Marshal(o)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(byte(i), b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which byte, in []byte) {
		k := kind.All()[int(which)%len(kind.All())]
		o := k.New()
		if proto.Unmarshal(in, o) != nil {
			return
		}
		s := For(k)
		s.Default(o)
		once := proto.Clone(o)
		s.Default(o)
		if !proto.Equal(once, o) {
			t.Fatalf("defaults of an object with defaults change it\nonce  %v\ntwice %v", once, o)
		}
		s.PrepareCreate(o)
		bad := s.Validate(o)
		for _, v := range bad {
			if v.Reason == "" || v.Field == "" {
				t.Fatalf("a violation without a field or reason: %+v", v)
			}
		}
		s.Warnings(o)
		next := proto.Clone(o).(kind.Object)
		s.Default(next)
		s.PrepareUpdate(next, o)
		if v := s.ValidateUpdate(next, o); len(bad) == 0 && len(v) > 0 {
			t.Fatalf("an object cannot be updated to itself: %v\n%v", v, o)
		}
		s.ValidateStatusUpdate(next, o)
	})
}
