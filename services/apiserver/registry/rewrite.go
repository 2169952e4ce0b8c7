package registry

import (
	"bytes"
	"context"

	"google.golang.org/protobuf/proto"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/admission"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// outcome is what a rewrite wants done with an object.
type outcome struct {
	object kind.Object // what to store; nil to leave the object as it is
	remove bool        // take the object out of the store; object is what it was last
	guards []admission.Guard
	also   []*storev1.Op // writes to other objects, which guards protect
}

// rewrite changes one object: it reads it, asks what should become of it, and writes that if the object is still as
// it was read, else starts over. What is read first may be the cache's and late; a refusal, or the wish to change
// nothing, therefore only counts once the store has no newer one.
func (r *resource) rewrite(ctx context.Context, namespace, name string, dry bool, decide func(current *watchcache.Entry) (outcome, error)) (*result, error) {
	key, err := r.key(namespace, name)
	if err != nil {
		return nil, err
	}
	current, fresh := r.cache.Get(key), false
	for range maxRounds {
		if current == nil && !fresh {
			if current, err = r.newest(ctx, key); err != nil {
				return nil, err
			}
			fresh = true
		}
		if current == nil {
			return nil, r.notFound(namespace, name)
		}
		want, err := decide(current)
		var value []byte
		if err == nil && want.object != nil && !want.remove {
			value, err = r.encode(want.object)
		}
		nothing := err == nil && !want.remove && (want.object == nil || same(current, want.object, value))
		if (err != nil || nothing) && !fresh {
			newest, failed := r.newest(ctx, key)
			if failed != nil {
				return nil, failed
			}
			fresh = true
			// The wish to change nothing of this very object stands, unless it rests on others, which may be newer now.
			if err != nil || len(want.guards) > 0 || newest == nil || newest.Revision != current.Revision {
				current = newest
				continue
			}
		}
		switch {
		case err != nil:
			return nil, err
		case nothing:
			return resultOf(current), nil
		case dry:
			kind.Metadata(want.object).ResourceVersion = current.Object.GetMetadata().GetResourceVersion()
			return r.unwritten(want.object)
		}
		stored, mark := r.marked(value)
		op := remove(key)
		if !want.remove {
			if op, err = r.put(ctx, key, stored); err != nil {
				return nil, err
			}
		}
		base := r.cfg.Caches.Revision() // the write comes after it
		resp, resent, err := r.txn(ctx, &storev1.TxnRequest{
			Compares: append(guarded(want.guards), unchanged(key, current.Revision)),
			Success:  append([]*storev1.Op{op}, want.also...),
			Failure:  []*storev1.Op{lookup(key)},
		})
		switch {
		case err != nil:
			return nil, err
		case resp.GetSucceeded() && want.remove:
			return &result{object: want.object, revision: resp.GetRevision()}, nil
		case resp.GetSucceeded():
			return r.stored(key, want.object, value, resp.GetRevision()), nil
		}
		if current, err = r.found(resp.GetResults()[0]); err != nil {
			return nil, err
		}
		fresh = true
		if resent {
			done, err := r.rewritten(ctx, key, base, mark, want, current, resp.GetRevision())
			if done != nil || err != nil {
				return done, err
			}
		}
		if len(want.guards) > 0 {
			if err := r.cfg.Caches.Reach(ctx, resp.GetRevision()); err != nil {
				return nil, err
			}
		}
	}
	o := r.kind.New()
	setMetadata(o, &metav1.ObjectMeta{Namespace: namespace, Name: name})
	return nil, r.contended(o)
}

// rewritten finds out whether a rewrite of unknown outcome was done; nil when it was not.
func (r *resource) rewritten(ctx context.Context, key string, base int64, mark uint64, want outcome, current *watchcache.Entry, revision int64) (*result, error) {
	if want.remove {
		// Whoever removed it, this object is gone.
		if current == nil || current.Object.GetMetadata().GetUid() != want.object.GetMetadata().GetUid() {
			return &result{object: want.object, revision: revision}, nil
		}
		return nil, nil
	}
	e, err := r.settle(ctx, key, base, mark, revision)
	if e == nil || err != nil {
		return nil, err
	}
	return resultOf(e), nil
}

// same says whether writing the object would change nothing.
func same(current *watchcache.Entry, o kind.Object, value []byte) bool {
	if current.Outdated {
		return false // it is written anew as the version that is stored now
	}
	if bytes.Equal(current.Canonical(), value) {
		return true
	}
	// Bytes written by another version may be in another order.
	m := kind.Metadata(o)
	version := m.ResourceVersion
	m.ResourceVersion = current.Object.GetMetadata().GetResourceVersion()
	equal := proto.Equal(current.Object, o)
	m.ResourceVersion = version
	return equal
}

// unwritten is the result of a dry run: the object as it would be, under the version it would replace.
func (r *resource) unwritten(o kind.Object) (*result, error) {
	raw, err := proto.Marshal(o)
	if err != nil {
		return nil, err
	}
	return &result{object: o, raw: raw}, nil
}
