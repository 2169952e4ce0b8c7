package raftstore

import (
	"bytes"
	"errors"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// rangeCodec is the codec of those who read ranges in pieces. It takes keys and values out of the pieces in which gRPC received
// a message; its own codec would put the message together first, in cleared memory.
type rangeCodec struct{ encoding.CodecV2 }

// Unmarshal implements encoding.CodecV2.
func (c rangeCodec) Unmarshal(data mem.BufferSlice, v any) error {
	if res, ok := v.(*storev1.RangeStreamResponse); ok {
		if err := decodePiece(data, res); err == nil {
			return nil
		}
		res.Reset() // It may have something that only later versions know.
	}
	return c.CodecV2.Unmarshal(data, v)
}

// errUnusual says that a message is not as rangeEncoder makes it.
var errUnusual = errors.New("not in the usual form")

// segments is a message in pieces, of which left bytes have not been read.
type segments struct {
	rest mem.BufferSlice
	at   []byte
	left int
}

// more makes at hold something.
func (s *segments) more() bool {
	for len(s.at) == 0 {
		if len(s.rest) == 0 {
			return false
		}
		s.at, s.rest = s.rest[0].ReadOnlyData(), s.rest[1:]
	}
	return true
}

func (s *segments) varint() (uint64, error) {
	if v, n := protowire.ConsumeVarint(s.at); n > 0 {
		s.at, s.left = s.at[n:], s.left-n
		return v, nil
	}
	var v uint64
	for shift := 0; shift < 64 && s.more(); shift += 7 {
		b := s.at[0]
		s.at, s.left = s.at[1:], s.left-1
		if shift == 63 && b > 1 {
			return 0, errUnusual // More than 64 bits.
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errUnusual
}

// bytes copies a field of bytes.
func (s *segments) bytes() ([]byte, error) {
	size, err := s.varint()
	if err != nil || size > uint64(s.left) {
		return nil, errUnusual
	}
	n := int(size)
	s.left -= n
	if n <= len(s.at) {
		out := bytes.Clone(s.at[:n:n])
		s.at = s.at[n:]
		return out, nil
	}
	out := make([]byte, 0, n)
	for len(out) < n && s.more() {
		part := s.at[:min(len(s.at), n-len(out))]
		out, s.at = append(out, part...), s.at[len(part):]
	}
	if len(out) < n {
		return nil, errUnusual
	}
	return out, nil
}

func (s *segments) tag() (protowire.Number, protowire.Type, error) {
	v, err := s.varint()
	if err != nil {
		return 0, 0, err
	}
	number, kind := protowire.DecodeTag(v)
	return number, kind, nil
}

func decodePiece(data mem.BufferSlice, res *storev1.RangeStreamResponse) error {
	s := &segments{rest: data, left: data.Len()}
	for s.left > 0 {
		number, kind, err := s.tag()
		if err != nil {
			return err
		}
		if number == fieldRangeKvs && kind == protowire.BytesType {
			kv := &storev1.KeyValue{}
			if err := s.keyValue(kv); err != nil {
				return err
			}
			if res.Kvs == nil {
				res.Kvs = make([]*storev1.KeyValue, 0, 128)
			}
			res.Kvs = append(res.Kvs, kv)
			continue
		}
		if kind != protowire.VarintType {
			return errUnusual
		}
		v, err := s.varint()
		if err != nil {
			return err
		}
		switch number {
		case fieldRangeRevision:
			res.Revision = int64(v)
		case fieldRangeMore:
			res.More = v != 0
		case fieldRangeCount:
			res.Count = int64(v)
		case fieldRangeLast:
			res.Last = v != 0
		default:
			return errUnusual
		}
	}
	return nil
}

func (s *segments) keyValue(kv *storev1.KeyValue) error {
	size, err := s.varint()
	if err != nil || size > uint64(s.left) {
		return errUnusual
	}
	for end := s.left - int(size); s.left > end; {
		number, kind, err := s.tag()
		if err != nil {
			return err
		}
		if kind == protowire.BytesType && (number == fieldKey || number == fieldValue) {
			b, err := s.bytes()
			if err != nil || s.left < end {
				return errUnusual
			}
			if number == fieldKey {
				kv.Key = b
			} else {
				kv.Value = b
			}
			continue
		}
		if kind != protowire.VarintType {
			return errUnusual
		}
		v, err := s.varint()
		if err != nil || s.left < end {
			return errUnusual
		}
		switch number {
		case fieldCreateRevision:
			kv.CreateRevision = int64(v)
		case fieldModRevision:
			kv.ModRevision = int64(v)
		case fieldVersion:
			kv.Version = int64(v)
		case fieldLease:
			kv.Lease = int64(v)
		default:
			return errUnusual
		}
	}
	return nil
}
