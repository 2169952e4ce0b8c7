package frame

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// FuzzMarks puts marks and revisions onto any bytes. A mark comes off as it went on, and the object is what it was.
func FuzzMarks(f *testing.F) {
	f.Add([]byte{}, uint64(1), int64(1))
	f.Add([]byte{10, 3, 10, 1, 'a'}, uint64(1<<63), int64(1<<62))
	f.Add(AppendMark(nil, 5), uint64(7), int64(-1))
	f.Fuzz(func(t *testing.T, object []byte, mark uint64, revision int64) {
		marked := AppendMark(bytes.Clone(object), mark)
		back, got := CutMark(marked)
		if got != mark || !bytes.Equal(back, object) {
			t.Fatalf("%x with mark %x is %x with %x", object, mark, back, got)
		}
		CutMark(object)
		var before, after corev1.ConfigMap
		if proto.Unmarshal(object, &before) != nil {
			return
		}
		if err := proto.Unmarshal(AppendRevision(bytes.Clone(object), revision), &after); err != nil {
			t.Fatal(err)
		}
		if after.GetMetadata().GetName() != before.GetMetadata().GetName() || len(after.GetData()) != len(before.GetData()) {
			t.Fatalf("%v became %v", &before, &after)
		}
	})
}
