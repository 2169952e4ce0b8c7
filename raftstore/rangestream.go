package raftstore

import (
	"context"
	"iter"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mutant"
	"kaji.dev/kaji/raftstore/mvcc"
)

// rangeChunkBytes is about how much of a range one message carries.
const rangeChunkBytes = 256 << 10

// largeRange tells whether the answer to a read may be large: it is then worth a stream, and worth being made where it was asked for.
func largeRange(req *storev1.RangeRequest) bool {
	return len(req.GetRangeEnd()) > 0 && !req.CountOnly && (req.Limit == 0 || req.Limit > 100)
}

// readView gives a view that is as new as a read asks for.
func (m *Member) readView(ctx context.Context, req *storev1.RangeRequest) (*mvcc.View, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := validateStaleness(req); err != nil {
		return nil, err
	}
	if req.MaxStaleness != nil {
		return m.fresh.view(ctx, req.MaxStaleness.AsDuration())
	}
	if !req.Serializable && !mutant.StaleReads {
		// Who leads is asked which revision had been reached; what is read is in this member.
		rev, err := m.acknowledged(ctx)
		if err != nil {
			return nil, err
		}
		if err := m.waitRevision(ctx, rev); err != nil {
			return nil, err
		}
	}
	return m.state.View(), nil
}

// RangeStream implements Store. It is served from what this member has applied.
func (m *Member) RangeStream(ctx context.Context, req *storev1.RangeRequest) iter.Seq2[*storev1.RangeResponse, error] {
	return func(yield func(*storev1.RangeResponse, error) bool) {
		if err := mvcc.ValidateRange(req.GetKey(), req.GetRangeEnd()); err != nil {
			yield(nil, err)
			return
		}
		view, err := m.readView(ctx, req)
		if err != nil {
			yield(nil, err)
			return
		}
		streamView(ctx, view, req)(yield)
	}
}

// streamView gives a range of a view in pieces. Their keys are the view's own.
func streamView(ctx context.Context, view *mvcc.View, req *storev1.RangeRequest) iter.Seq2[*storev1.RangeResponse, error] {
	return func(yield func(*storev1.RangeResponse, error) bool) {
		piece, size := &storev1.RangeResponse{Revision: view.Revision()}, 0
		var failed error
		ended := false
		count, more, err := view.Walk(req, 0, func(kv *storev1.KeyValue) bool {
			piece.Kvs = append(piece.Kvs, kv)
			if size += len(kv.Key) + len(kv.Value); size < rangeChunkBytes {
				return true
			}
			if failed = ctx.Err(); failed == nil {
				failed = view.Readable(req.Revision)
			}
			if failed != nil {
				return false
			}
			ended = !yield(piece, nil)
			piece, size = &storev1.RangeResponse{Revision: view.Revision()}, 0
			return !ended
		})
		switch {
		case ended:
		case failed != nil:
			yield(nil, failed)
		case err != nil:
			yield(nil, err)
		default:
			piece.Count, piece.More = count, more
			yield(piece, nil)
		}
	}
}

// Numbers of the fields of RangeStreamResponse, which is encoded and decoded here by hand.
const (
	fieldRangeRevision protowire.Number = 1
	fieldRangeKvs      protowire.Number = 2
	fieldRangeMore     protowire.Number = 3
	fieldRangeCount    protowire.Number = 4
	fieldRangeLast     protowire.Number = 5
)

// Numbers of the fields of KeyValue.
const (
	fieldKey            protowire.Number = 1
	fieldValue          protowire.Number = 2
	fieldCreateRevision protowire.Number = 3
	fieldModRevision    protowire.Number = 4
	fieldVersion        protowire.Number = 5
	fieldLease          protowire.Number = 6
)

// RangeStream streams a range. Values are sent from where the state has them, without a copy.
func (s *service) RangeStream(req *storev1.RangeStreamRequest, stream storev1.StoreService_RangeStreamServer) error {
	ask := req.GetRange()
	if err := mvcc.ValidateRange(ask.GetKey(), ask.GetRangeEnd()); err != nil {
		return err
	}
	view, err := s.readView(stream.Context(), ask)
	if err != nil {
		return err
	}
	out := rangeEncoder{stream: stream, revision: view.Revision()}
	var failed error
	count, more, err := view.Walk(ask, req.MaxBytes, func(kv *storev1.KeyValue) bool {
		out.append(kv)
		if out.size >= rangeChunkBytes {
			if failed = view.Readable(ask.Revision); failed == nil {
				failed = out.send()
			}
		}
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	if err != nil {
		return err
	}
	return out.last(count, more)
}

// sharedValueBytes is from which size on a value is sent from where it is, instead of being copied.
const sharedValueBytes = 1 << 10

// rangeEncoder makes and sends the messages of one range.
type rangeEncoder struct {
	stream   storev1.StoreService_RangeStreamServer
	revision int64
	// parts are the message that is being made; what was encoded after the last of them is in own. size counts the bytes of both.
	parts mem.BufferSlice
	own   []byte
	size  int
}

func (e *rangeEncoder) append(kv *storev1.KeyValue) {
	if e.size == 0 {
		e.begin()
	}
	before := len(e.own)
	e.own = protowire.AppendTag(e.own, fieldRangeKvs, protowire.BytesType)
	e.own = protowire.AppendVarint(e.own, uint64(proto.Size(kv)))
	e.own = protowire.AppendTag(e.own, fieldKey, protowire.BytesType)
	e.own = protowire.AppendBytes(e.own, kv.Key)
	for _, f := range []struct {
		number protowire.Number
		value  int64
	}{
		{fieldCreateRevision, kv.CreateRevision}, {fieldModRevision, kv.ModRevision}, {fieldVersion, kv.Version}, {fieldLease, kv.Lease},
	} {
		if f.value != 0 {
			e.own = protowire.AppendTag(e.own, f.number, protowire.VarintType)
			e.own = protowire.AppendVarint(e.own, uint64(f.value))
		}
	}
	if len(kv.Value) > 0 {
		e.own = protowire.AppendTag(e.own, fieldValue, protowire.BytesType)
		e.own = protowire.AppendVarint(e.own, uint64(len(kv.Value)))
	}
	if len(kv.Value) < sharedValueBytes {
		e.own = append(e.own, kv.Value...)
		e.size += len(e.own) - before
		return
	}
	e.size += len(e.own) - before + len(kv.Value)
	e.flush()
	e.parts = append(e.parts, mem.SliceBuffer(kv.Value))
}

// begin begins a message.
func (e *rangeEncoder) begin() {
	e.own = protowire.AppendTag(make([]byte, 0, 16<<10), fieldRangeRevision, protowire.VarintType)
	e.own = protowire.AppendVarint(e.own, uint64(e.revision))
	e.size = len(e.own)
	e.parts = make(mem.BufferSlice, 0, 64)
}

// flush makes a part of what is in own.
func (e *rangeEncoder) flush() {
	if len(e.own) > 0 {
		e.parts = append(e.parts, mem.SliceBuffer(e.own))
		e.own = e.own[len(e.own):]
	}
}

func (e *rangeEncoder) send() error {
	e.flush()
	msg := &ready{parts: e.parts}
	e.parts, e.own, e.size = nil, nil, 0
	return e.stream.SendMsg(msg)
}

// last sends what is left, with what comes last.
func (e *rangeEncoder) last(count int64, more bool) error {
	if e.size == 0 {
		e.begin()
	}
	if more {
		e.own = protowire.AppendTag(e.own, fieldRangeMore, protowire.VarintType)
		e.own = protowire.AppendVarint(e.own, 1)
	}
	e.own = protowire.AppendTag(e.own, fieldRangeCount, protowire.VarintType)
	e.own = protowire.AppendVarint(e.own, uint64(count))
	e.own = protowire.AppendTag(e.own, fieldRangeLast, protowire.VarintType)
	e.own = protowire.AppendVarint(e.own, 1)
	return e.send()
}
