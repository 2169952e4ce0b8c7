package mvcc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// TestHashAndVerify: a state and what became of it through a snapshot hash alike at every revision that can be read, different contents
// do not, and Verify tells of the snapshot what the state says.
func TestHashAndVerify(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		ctx := context.Background()
		sums, texts := map[string]string{}, map[string]string{}
		for range rapid.IntRange(1, 30).Draw(t, "commands") {
			r := s.Apply([]*storev1.Command{txnCommand(&storev1.TxnRequest{Success: drawOps(t)})})[0]
			if r.Err == nil && rapid.IntRange(0, 9).Draw(t, "compact") == 0 {
				s.Apply([]*storev1.Command{compactCommand(s.Revision())})
			}
		}
		other := throughSnapshot(t, s)
		for rev := s.Stats().Compacted; rev <= s.Revision(); rev++ {
			at, sum, keys, err := s.View().Hash(ctx, rev)
			if err != nil || at != rev {
				t.Fatalf("at %d: %d, %v", rev, at, err)
			}
			_, again, keysAgain, err := other.View().Hash(ctx, rev)
			if err != nil || !bytes.Equal(sum, again) || keys != keysAgain {
				t.Fatalf("at %d: %x of %d keys, through a snapshot %x of %d, %v", rev, sum, keys, again, keysAgain, err)
			}
			// What hashes alike is alike, and the other way round.
			all, err := s.View().Range(&storev1.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Revision: rev})
			if err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprint(all.Kvs)
			if before, ok := texts[string(sum)]; ok && before != text {
				t.Fatalf("%s hashes like %s", text, before)
			}
			if before, ok := sums[text]; ok && before != string(sum) {
				t.Fatalf("%s hashes as %x and %x", text, before, sum)
			}
			texts[string(sum)], sums[text] = text, string(sum)
		}
		var out bytes.Buffer
		if _, err := s.Snapshot().WriteTo(&out); err != nil {
			t.Fatal(err)
		}
		want, size := s.Stats(), int64(out.Len())
		got, err := Verify(&out)
		if err != nil || got.Keys != want.Keys || got.Revision != want.Revision || got.Compacted != want.Compacted || got.Leases != want.Leases || got.Bytes != size {
			t.Fatalf("%+v, %v; the state is %+v and %d bytes", got, err, want, size)
		}
	})
}

func TestHashRefuses(t *testing.T) {
	s := New()
	for range 3 * hashPause {
		s.Apply([]*storev1.Command{putCommand("a", "1")})
	}
	s.Apply([]*storev1.Command{compactCommand(10)})
	if _, _, _, err := s.View().Hash(context.Background(), 9); reason(err) != Compacted {
		t.Errorf("compacted: %v", err)
	}
	if _, _, _, err := s.View().Hash(context.Background(), 1<<40); reason(err) != FutureRevision {
		t.Errorf("in the future: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, _, err := s.View().Hash(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	s := New()
	s.Apply([]*storev1.Command{putCommand("a", "1"), putCommand("b", "2")})
	var out bytes.Buffer
	if _, err := s.Snapshot().WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	whole := out.Bytes()
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 0x40
		if _, err := Verify(bytes.NewReader(bad)); reason(err) != Corrupt && reason(err) != Unreadable {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := Verify(bytes.NewReader(whole[:i])); reason(err) != Corrupt {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
	if _, err := Verify(bytes.NewReader(append(whole, 'x'))); reason(err) != Corrupt {
		t.Errorf("something behind it: %v", err)
	}
}
