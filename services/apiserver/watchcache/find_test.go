package watchcache_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver/frame"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

func TestAWriteIsFoundByItsMark(t *testing.T) {
	f := start(t, raftstore.NewMemory(), watchcache.Config{MaxEvents: 3})
	defer f.stop()
	key := pods.Key("default", "a")
	var revisions []int64
	for mark := uint64(1); mark <= 5; mark++ {
		value, err := proto.Marshal(pod("a", "", nil))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := f.store.Txn(f.ctx, &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Put{
			Put: &storev1.PutOp{Key: []byte(key), Value: frame.AppendMark(value, mark)},
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		revisions = append(revisions, resp.GetRevision())
	}
	last := write(t, f.store, map[string]*corev1.Pod{"a": nil})
	if err := f.caches.Reach(f.ctx, last); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after int64
		mark  uint64
		found int64
		known bool
	}{
		{revisions[3], 5, revisions[4], true}, // overwritten or deleted since, and found all the same
		{revisions[2], 4, revisions[3], true},
		{revisions[2], 9, 0, true},  // never happened
		{revisions[0], 2, 0, false}, // forgotten
		{revisions[4], 5, 0, true},  // before
	} {
		e, known := f.cache.FindWrite(key, c.after, c.mark)
		if known != c.known || (e == nil) != (c.found == 0) || (e != nil && e.Revision != c.found) {
			t.Errorf("mark %d after %d: %+v, known %v", c.mark, c.after, e, known)
		}
	}
}
