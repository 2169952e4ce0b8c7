package watchcache

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/frame"
)

// Converter makes an object into what it is in another version of its kind.
type Converter func(o kind.Object, to *kind.Kind) (kind.Object, error)

// versioned decodes an object of a kind that has several versions: whichever the store has, the entry holds the one that is
// stored now.
func (c *Cache) versioned(kv *storev1.KeyValue) (*Entry, error) {
	key := string(kv.GetKey())
	value, mark := frame.CutMark(kv.GetValue())
	value, version := frame.CutVersion(value)
	if version == "" {
		version = c.kind.Options.GetUntaggedVersion()
	}
	is := c.kind
	if version != "" {
		if is = c.kind.OfVersion(version); is == nil {
			return nil, fmt.Errorf("decode %s: it was stored as version %s, which this server does not know", key, version)
		}
	}
	if is != c.kind {
		o := is.New()
		if err := proto.Unmarshal(value, o); err != nil {
			return nil, fmt.Errorf("decode %s: %w", key, err)
		}
		stored, err := c.cfg.Convert(o, c.kind)
		if err != nil {
			return nil, fmt.Errorf("decode %s: %w", key, err)
		}
		if value, err = (proto.MarshalOptions{Deterministic: true}).Marshal(stored); err != nil {
			return nil, fmt.Errorf("decode %s: %w", key, err)
		}
	}
	e, err := MakeEntry(c.kind, key, value, kv.GetModRevision())
	if err != nil {
		return nil, err
	}
	e.Mark, e.Outdated = mark, is != c.kind
	return e, nil
}
