package mvcc

import (
	"testing"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

func TestGrowth(t *testing.T) {
	s := New()
	s.Apply([]*storev1.Command{putCommand("k", "12345"), putCommand("gone", "12345"), txnCommand(&storev1.TxnRequest{
		Success: []*storev1.Op{{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: []byte("gone")}}}},
	})})
	put := func(key, value string) *storev1.Op { return putCommand(key, value).GetTxn().Success[0] }
	for _, c := range []struct {
		name             string
		success, failure []*storev1.Op
		want             Growth
	}{
		{name: "nothing"},
		{name: "a delete", success: []*storev1.Op{{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: []byte("k")}}}}},
		{name: "as large", success: []*storev1.Op{put("k", "abcde")}, want: Growth{Puts: true}},
		{name: "smaller", success: []*storev1.Op{put("k", "a")}, want: Growth{Puts: true, Most: -4}},
		{name: "larger", success: []*storev1.Op{put("k", "123456789")}, want: Growth{Puts: true, Most: 4}},
		{name: "a new key", success: []*storev1.Op{put("new", "123")}, want: Growth{Puts: true, Creates: true, Most: 6}},
		{name: "a key that was deleted", success: []*storev1.Op{put("gone", "1")}, want: Growth{Puts: true, Creates: true, Most: 5}},
		{name: "the largest counts", success: []*storev1.Op{put("k", "a"), put("l", "a")}, want: Growth{Puts: true, Creates: true, Most: 2}},
		{name: "either way", success: []*storev1.Op{put("k", "a")}, failure: []*storev1.Op{put("k", "1234567")}, want: Growth{Puts: true, Most: 2}},
	} {
		if got := s.Growth(&storev1.TxnRequest{Success: c.success, Failure: c.failure}); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
