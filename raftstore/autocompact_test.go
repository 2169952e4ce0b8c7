package raftstore_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// TestHistoryGoesByItself: superseded values go by age, and by size before that; the newest ones stay.
func TestHistoryGoesByItself(t *testing.T) {
	for name, tweak := range map[string]func(*raftstore.Config){
		"by age":  func(cfg *raftstore.Config) { cfg.HistoryAge = time.Second },
		"by size": func(cfg *raftstore.Config) { cfg.HistoryBytes = 5_000 },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 1, tweak)
			nd := c.leader()
			value := strings.Repeat("x", 1000)
			var last int64
			for i := range 20 {
				last = c.put(nd, "k", fmt.Sprint(i)+value)
			}
			c.waitFor("the history to go", func() bool {
				st, err := nd.Status(timeout(t), &storev1.StatusRequest{})
				return err == nil && st.CompactRevision > last-10 && st.Bytes < 8_000
			})
			_, err := nd.Range(timeout(t), &storev1.RangeRequest{Key: []byte("k"), Revision: 2})
			wantIs(t, err, raftstore.ErrCompacted)
			if got := c.get(nd, "k"); got != "19"+value {
				t.Fatalf("the newest value is %.10q…", got)
			}
			// A watch from what it was told last goes on.
			w, err := nd.Watch(timeout(t), &storev1.WatchRequest{Key: []byte("k"), StartRevision: last + 1})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Recv(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
