package watchcache

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/frame"
)

// Entry is one object as it was at one revision.
type Entry struct {
	// Key is the object's key in the store.
	Key string
	// Object is the object with its resourceVersion set. It is shared: clone it to change it.
	Object kind.Object
	// Revision is the store's revision of the write (or the delete) that made the object what it is here.
	Revision int64
	// Mark is that of the write, by which whoever wrote it knows it again; 0 when it has none.
	Mark uint64

	// Outdated says that the store has the object in another version of its kind.
	Outdated bool

	raw       []byte
	canonical int
}

// Raw is the object's protobuf form with its resourceVersion.
func (e *Entry) Raw() []byte { return e.raw }

// Canonical is the object's protobuf form as it was stored, without resourceVersion and mark.
func (e *Entry) Canonical() []byte { return e.raw[:e.canonical:e.canonical] }

// NewEntry decodes what the store has under a key.
func (c *Cache) NewEntry(kv *storev1.KeyValue) (*Entry, error) {
	if len(c.kind.Versions()) > 1 {
		return c.versioned(kv)
	}
	return MakeEntry(c.kind, string(kv.GetKey()), kv.GetValue(), kv.GetModRevision())
}

// MakeEntry decodes an object written at a revision.
func MakeEntry(k *kind.Kind, key string, value []byte, revision int64) (*Entry, error) {
	value, mark := frame.CutMark(value)
	e := &Entry{Key: key, Revision: revision, Mark: mark, raw: RawAt(value, revision), canonical: len(value), Object: k.New()}
	if err := proto.Unmarshal(value, e.Object); err != nil {
		return nil, fmt.Errorf("decode %s: %w", key, err)
	}
	kind.Metadata(e.Object).ResourceVersion = strconv.FormatInt(revision, 10)
	return e, nil
}

// RawAt is the canonical form of an object with its resourceVersion added.
func RawAt(value []byte, revision int64) []byte {
	raw := make([]byte, len(value), len(value)+frame.RevisionSize)
	copy(raw, value)
	return frame.AppendRevision(raw, revision)
}

// at is the same object under another revision: what watchers see of one that was deleted then.
func (e *Entry) at(revision int64) *Entry {
	o := proto.Clone(e.Object).(kind.Object)
	kind.Metadata(o).ResourceVersion = strconv.FormatInt(revision, 10)
	return &Entry{Key: e.Key, Object: o, Revision: revision, raw: RawAt(e.Canonical(), revision), canonical: e.canonical}
}
