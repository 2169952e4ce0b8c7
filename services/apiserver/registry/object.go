package registry

import (
	"crypto/rand"
	"fmt"
	"math/big"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// timestamp is the API's time: whole seconds, since JSON clients see no more and must be able to write back
// what they read.
func timestamp(t time.Time) *timestamppb.Timestamp {
	return &timestamppb.Timestamp{Seconds: t.Unix()}
}

// newUID makes a random (version 4) UUID.
func newUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

const (
	suffixLength = 5
	// suffixLetters has no vowels and none that are taken for each other, so that no words come about.
	suffixLetters = "bcdfghjklmnpqrstvwxz2456789"
	// maxGenerated leaves room for the suffix within a DNS label.
	maxGenerated = 63 - suffixLength
)

// generateName appends a random suffix to a prefix.
func generateName(prefix string) string {
	if len(prefix) > maxGenerated {
		prefix = prefix[:maxGenerated]
	}
	b := []byte(prefix)
	for range suffixLength {
		n, _ := rand.Int(rand.Reader, big.NewInt(int64(len(suffixLetters)))) // never fails
		b = append(b, suffixLetters[n.Int64()])
	}
	return string(b)
}

func clone(o kind.Object) kind.Object { return proto.Clone(o).(kind.Object) }

func setMetadata(o kind.Object, m *metav1.ObjectMeta) {
	r := o.ProtoReflect()
	r.Set(r.Descriptor().Fields().ByName("metadata"), protoreflect.ValueOfMessage(m.ProtoReflect()))
}

// setStatus gives an object the status of another; both keep it.
func (r *resource) setStatus(o, from kind.Object) {
	to, src := o.ProtoReflect(), from.ProtoReflect()
	if !src.Has(r.status) {
		to.Clear(r.status)
		return
	}
	to.Set(r.status, protoreflect.ValueOfMessage(proto.Clone(src.Get(r.status).Message().Interface()).ProtoReflect()))
}

// sameSpec says whether everything but metadata and status is equal.
func (r *resource) sameSpec(a, b kind.Object) bool {
	x, y := a.ProtoReflect(), b.ProtoReflect()
	fields := x.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd == r.status || fd.Name() == "metadata" {
			continue
		}
		if x.Has(fd) != y.Has(fd) || (x.Has(fd) && !x.Get(fd).Equal(y.Get(fd))) {
			return false
		}
	}
	return true
}
