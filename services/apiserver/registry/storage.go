package registry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver/frame"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// encode gives the stored form of an object: deterministic, so that equal objects have equal bytes, and
// without resourceVersion, which is the store's to say.
func (r *resource) encode(o kind.Object) ([]byte, error) {
	m := kind.Metadata(o)
	version := m.ResourceVersion
	m.ResourceVersion = ""
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(o)
	m.ResourceVersion = version
	if err != nil {
		return nil, apierror.BadRequest("the object cannot be encoded: " + err.Error())
	}
	if len(b) > maxObjectBytes {
		return nil, apierror.TooLarge(fmt.Sprintf("the object has %d bytes; at most %d are stored", len(b), maxObjectBytes))
	}
	return b, nil
}

// stored makes an entry of an object that was just written.
func (r *resource) stored(key string, o kind.Object, value []byte, revision int64) *result {
	kind.Metadata(o).ResourceVersion = formatVersion(revision)
	return &result{object: o, raw: watchcache.RawAt(value, revision), revision: revision}
}

// result is an object as an answer holds it.
type result struct {
	object   kind.Object
	raw      []byte
	revision int64 // 0 for a dry run
}

func resultOf(e *watchcache.Entry) *result {
	return &result{object: e.Object, raw: e.Raw(), revision: e.Revision}
}

func formatVersion(revision int64) string { return strconv.FormatInt(revision, 10) }

// parseVersion reads a resourceVersion; 0 for an empty one.
func parseVersion(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, apierror.BadRequest(fmt.Sprintf("resourceVersion %q is no revision", s),
			apierror.FieldViolation{Field: "resourceVersion", Description: "must be a decimal number", Reason: "FieldValueInvalid"})
	}
	return n, nil
}

// fetch reads one object from the store itself; nil when there is none.
func (r *resource) fetch(ctx context.Context, key string) (*watchcache.Entry, error) {
	resp, err := r.cfg.Store.Range(ctx, &storev1.RangeRequest{Key: []byte(key)})
	if err != nil {
		return nil, storeError(err)
	}
	if len(resp.GetKvs()) == 0 {
		return nil, nil
	}
	return r.cache.NewEntry(resp.GetKvs()[0])
}

// sendTries is how often a transaction of unknown outcome is sent again, sendPause the first pause before that.
const (
	sendTries = 8
	sendPause = 20 * time.Millisecond
)

// txn runs a transaction; the results are those of the branch taken. Its success must make its own conditions
// fail: a transaction whose outcome is unknown (a member of the store died with it) is sent again, and then cannot
// happen twice. When it was sent more than once, resent is true: conditions that do not hold may be its own work,
// which settle finds out.
func (r *Registry) txn(ctx context.Context, req *storev1.TxnRequest) (resp *storev1.TxnResponse, resent bool, err error) {
	pause := sendPause
	for try := 1; ; try++ {
		resp, err = r.cfg.Store.Txn(ctx, req)
		if errors.Is(err, raftstore.ErrLeaseNotFound) {
			r.expiry.forget(req.GetSuccess()[0].GetPut().GetLease())
		}
		if !errors.Is(err, raftstore.ErrOutcomeUnknown) || try == sendTries {
			return resp, resent, storeError(err)
		}
		r.log.Debug("transaction of unknown outcome is sent again", "error", err, "duration", pause)
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return nil, resent, storeError(err)
		}
		resent, pause = true, 2*pause
	}
}

// marked is a value with a mark of its own, by which the write can be found should its outcome be unknown.
func (r *resource) marked(value []byte) ([]byte, uint64) {
	mark := rand.Uint64() | 1 // never 0
	out := make([]byte, 0, len(r.tag)+len(value)+frame.MarkSize)
	out = append(append(out, r.tag...), value...)
	return frame.AppendMark(out, mark), mark
}

// settle finds out what became of a write that was sent more than once, first when the store was at base or later, and
// whose conditions do not hold any more: the entry it made, or nil when it has not happened and, since they will
// never hold again, never will.
func (r *resource) settle(ctx context.Context, key string, base int64, mark uint64, upTo int64) (*watchcache.Entry, error) {
	if err := r.cfg.Caches.Reach(ctx, upTo); err != nil {
		return nil, err
	}
	e, known := r.cache.FindWrite(key, base, mark)
	if !known {
		return nil, storeError(raftstore.ErrOutcomeUnknown)
	}
	return e, nil
}

// unchanged is the condition that a key was last written at a revision; 0 for a key that must not exist.
func unchanged(key string, revision int64) *storev1.Compare {
	return &storev1.Compare{
		Key: []byte(key), Operator: storev1.CompareOperator_COMPARE_OPERATOR_EQUAL,
		Target: &storev1.Compare_ModRevision{ModRevision: revision},
	}
}

func remove(key string) *storev1.Op {
	return &storev1.Op{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: []byte(key)}}}
}

func lookup(key string) *storev1.Op {
	return &storev1.Op{Op: &storev1.Op_Range{Range: &storev1.RangeRequest{Key: []byte(key)}}}
}

// found is what a lookup found; nil for nothing.
func (r *resource) found(res *storev1.OpResult) (*watchcache.Entry, error) {
	kvs := res.GetRange().GetKvs()
	if len(kvs) == 0 {
		return nil, nil
	}
	return r.cache.NewEntry(kvs[0])
}

// storeError says in the API's words what the store said. Errors of contexts and of the API stay what they are.
func storeError(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, raftstore.ErrCompacted):
		return apierror.Expired("the resourceVersion is too old: the store has forgotten it; list again").WithCause(err)
	case errors.Is(err, raftstore.ErrFutureRevision):
		return apierror.BadRequest("the resourceVersion is larger than any there is").WithCause(err)
	case errors.Is(err, raftstore.ErrUnavailable), errors.Is(err, raftstore.ErrLeaseNotFound):
		return (&apierror.Error{Reason: apierror.ReasonUnavailable, Message: err.Error(), RetryAfter: time.Second}).WithCause(err)
	case errors.Is(err, raftstore.ErrOutcomeUnknown):
		return (&apierror.Error{Reason: apierror.ReasonTimeout, Message: err.Error() + "; read the object before trying again"}).WithCause(err)
	case errors.Is(err, raftstore.ErrNoSpace):
		return (&apierror.Error{Reason: apierror.ReasonQuotaExceeded, Message: err.Error()}).WithCause(err)
	case errors.Is(err, raftstore.ErrTooManyRequests):
		return apierror.TooManyRequests(err.Error(), time.Second).WithCause(err)
	case errors.Is(err, raftstore.ErrInvalid):
		return apierror.Internal(err)
	}
	var api *apierror.Error
	if errors.As(err, &api) {
		return err
	}
	return apierror.Internal(err)
}
