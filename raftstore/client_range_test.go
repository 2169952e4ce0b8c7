package raftstore_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// TestRangeStreamOutlivesItsMember: a range goes on elsewhere, at the revision it began with, when the member that sends it is lost.
func TestRangeStreamOutlivesItsMember(t *testing.T) {
	for _, limit := range []int64{0, 200, 300} {
		t.Run(fmt.Sprintf("limit=%d", limit), func(t *testing.T) {
			c := newCluster(t, 3, func(cfg *raftstore.Config) { cfg.HeartbeatTimeout = 2 * time.Second })
			client := c.client()
			const keys = 300
			value := string(make([]byte, 20<<10))
			for from := 0; from < keys; from += 50 {
				req := &storev1.TxnRequest{}
				for i := from; i < from+50; i++ {
					req.Success = append(req.Success, putReq(fmt.Sprintf("/range/%05d", i), value).Success...)
				}
				_, err := client.Txn(timeout(t), req)
				for errors.Is(err, raftstore.ErrOutcomeUnknown) { // On a busy machine; writing it twice does no harm.
					_, err = client.Txn(timeout(t), req)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			var rev int64
			n, pieces, more, count := 0, 0, false, int64(0)
			for piece, err := range client.RangeStream(timeout(t), &storev1.RangeRequest{Key: []byte("/range/"), RangeEnd: []byte("/range0"), Limit: limit}) {
				if err != nil {
					t.Fatal(err)
				}
				for _, kv := range piece.Kvs {
					if want := fmt.Sprintf("/range/%05d", n); string(kv.Key) != want || string(kv.Value) != value {
						t.Fatalf("key %d is %s@%d with %d bytes, want %s as it was", n, kv.Key, kv.ModRevision, len(kv.Value), want)
					}
					n++
				}
				if pieces++; pieces == 1 {
					c.kill(c.leader())
					c.leader()
					c.put(client, "/range/00299", "later")
				}
				if rev == 0 {
					rev = piece.Revision
				}
				if piece.Revision != rev {
					t.Fatalf("a piece of revision %d, want %d", piece.Revision, rev)
				}
				more, count = piece.More, piece.Count
			}
			want := keys
			if limit > 0 {
				want = min(keys, int(limit))
			}
			if n != want || count != keys || more != (want < keys) {
				t.Fatalf("got %d of %d keys, more %t", n, count, more)
			}
		})
	}
}
