package raftstore

import (
	"context"
	"iter"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// Store reads and writes keys and follows their changes. Errors can be told apart by ReasonOf, or by
// errors.Is with the Err variables of this package; ctx's error is returned as it is.
type Store interface {
	// Range reads keys in order at one revision; linearizable unless the request says serializable.
	Range(ctx context.Context, req *storev1.RangeRequest) (*storev1.RangeResponse, error)
	// RangeStream reads as Range does, in pieces: each holds the next keys and the revision that all are of, the last one also
	// has More and Count, and may have no keys. Nothing bounds the whole but the request's limit. An error comes instead of a piece, and is
	// the last that comes; ErrCompacted when the revision was forgotten on the way.
	RangeStream(ctx context.Context, req *storev1.RangeRequest) iter.Seq2[*storev1.RangeResponse, error]
	// Txn compares, then writes, atomically. When the error is ErrOutcomeUnknown (or ctx ended) the
	// writes may or may not happen; after any other error they did not and will not.
	Txn(ctx context.Context, req *storev1.TxnRequest) (*storev1.TxnResponse, error)
	// Watch follows a range of keys until ctx ends. It does not wait for the watch to stand: that is
	// what the first response says.
	Watch(ctx context.Context, req *storev1.WatchRequest) (Watcher, error)
	// Compact forgets what was superseded before a revision.
	Compact(ctx context.Context, req *storev1.CompactRequest) (*storev1.CompactResponse, error)
	// LeaseGrant makes a lease.
	LeaseGrant(ctx context.Context, req *storev1.LeaseGrantRequest) (*storev1.LeaseGrantResponse, error)
	// LeaseRevoke ends a lease and deletes its keys.
	LeaseRevoke(ctx context.Context, req *storev1.LeaseRevokeRequest) (*storev1.LeaseRevokeResponse, error)
	// LeaseKeepAlive renews a lease once. A lease that is gone is answered with no time left.
	LeaseKeepAlive(ctx context.Context, req *storev1.LeaseKeepAliveRequest) (*storev1.LeaseKeepAliveResponse, error)
	// Status tells how the store is seen from here.
	Status(ctx context.Context, req *storev1.StatusRequest) (*storev1.StatusResponse, error)
}

// Watcher hands out the changes of a range, in revision order, without gaps, each revision whole.
type Watcher interface {
	// Recv waits for the next response. The first has no events and says from where the watch
	// stands. An error is final: ctx's own, ErrCompacted when the revision to go on from has been
	// forgotten, or ErrUnavailable when the member is lost; the caller then watches again from the
	// revision after the last response's. Events may be shared with other watchers and must not be changed.
	Recv() (*storev1.WatchResponse, error)
}

// Prefix gives the end of the range of all keys that begin with prefix, for range_end.
func Prefix(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := append([]byte(nil), prefix[:i+1]...)
			end[i]++
			return end
		}
	}
	return []byte{0}
}
