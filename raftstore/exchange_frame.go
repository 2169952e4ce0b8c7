package raftstore

import (
	"errors"
	"math"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// Numbers of the fields of what Exchange carries.
const (
	fieldCalls   protowire.Number = 1 // ExchangeRequest
	fieldAnswers protowire.Number = 1 // ExchangeResponse
	fieldRefused protowire.Number = 2
	fieldID      protowire.Number = 1 // ExchangeCall and ExchangeAnswer
	fieldTxn     protowire.Number = 2
	fieldRange   protowire.Number = 3
	fieldTimeout protowire.Number = 4 // ExchangeCall
	fieldConfirm protowire.Number = 5
	fieldFailure protowire.Number = 4 // ExchangeAnswer
	fieldLarge   protowire.Number = 5
	fieldTerm    protowire.Number = 6
)

// wireCall is an ExchangeCall whose request is still encoded.
type wireCall struct {
	id uint64
	// kind is the field of the request, fieldTxn, fieldRange or fieldConfirm; 0 when it is of a kind that this version does not know.
	kind    protowire.Number
	request []byte
	timeout time.Duration
}

// wireAnswer is an ExchangeAnswer whose result is still encoded.
type wireAnswer struct {
	id     uint64
	kind   protowire.Number
	result []byte
}

var errFrame = errors.New("a message of Exchange cannot be read")

// fields visits the fields of an encoded message: those of bytes with their bytes, those that are numbers with their number.
func fields(b []byte, visit func(num protowire.Number, bytes []byte, n uint64) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errFrame
		}
		b = b[n:]
		var err error
		switch typ {
		case protowire.BytesType:
			var v []byte
			if v, n = protowire.ConsumeBytes(b); n >= 0 {
				err = visit(num, v, 0)
			}
		case protowire.VarintType:
			var v uint64
			if v, n = protowire.ConsumeVarint(b); n >= 0 {
				err = visit(num, nil, v)
			}
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return errFrame
		}
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// parseCalls reads an ExchangeRequest. The calls share memory with it.
func parseCalls(b []byte) ([]wireCall, error) {
	var calls []wireCall
	err := fields(b, func(num protowire.Number, inner []byte, _ uint64) error {
		if num != fieldCalls || inner == nil {
			return nil
		}
		var c wireCall
		err := fields(inner, func(num protowire.Number, inner []byte, n uint64) error {
			// A field of another wire type than the contract's is one that nobody knows.
			switch {
			case num == fieldID && inner == nil:
				c.id = n
			case (num == fieldTxn || num == fieldRange || num == fieldConfirm) && inner != nil:
				c.kind, c.request = num, inner
			case num == fieldTimeout && inner == nil:
				c.timeout = time.Duration(min(n, math.MaxUint32)) * time.Millisecond
			}
			return nil
		})
		calls = append(calls, c)
		return err
	})
	return calls, err
}

// parseAnswers reads an ExchangeResponse. The answers share memory with it.
func parseAnswers(b []byte, visit func(wireAnswer)) (refusedFrom uint64, err error) {
	err = fields(b, func(num protowire.Number, inner []byte, n uint64) error {
		switch {
		case num == fieldRefused && inner == nil:
			refusedFrom = n
		case num == fieldAnswers && inner != nil:
			var a wireAnswer
			err := fields(inner, func(num protowire.Number, inner []byte, n uint64) error {
				switch {
				case num == fieldID && inner == nil:
					a.id = n
				case num == fieldLarge && inner == nil:
					a.kind, a.result = num, nil
				case (num == fieldTxn || num == fieldRange || num == fieldFailure || num == fieldTerm) && inner != nil:
					a.kind, a.result = num, inner
				}
				return nil
			})
			if err != nil {
				return err
			}
			visit(a)
		}
		return nil
	})
	return refusedFrom, err
}

// callBody encodes what an ExchangeCall holds beside its id.
func callBody(kind protowire.Number, req proto.Message, timeout time.Duration) ([]byte, error) {
	size := proto.Size(req)
	b := make([]byte, 0, size+16)
	b = protowire.AppendTag(b, kind, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, req)
	if timeout > 0 {
		b = protowire.AppendTag(b, fieldTimeout, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(min(max(timeout.Milliseconds(), 1), math.MaxUint32)))
	}
	return b, err
}

// appendCall appends a call to an ExchangeRequest.
func appendCall(b []byte, id uint64, body []byte) []byte {
	b = protowire.AppendTag(b, fieldCalls, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(protowire.SizeTag(fieldID)+protowire.SizeVarint(id)+len(body)))
	b = protowire.AppendTag(b, fieldID, protowire.VarintType)
	b = protowire.AppendVarint(b, id)
	return append(b, body...)
}

// appendAnswer appends an answer to an ExchangeResponse.
func appendAnswer(b []byte, id uint64, kind protowire.Number, result proto.Message) ([]byte, error) {
	size := proto.Size(result)
	b = protowire.AppendTag(b, fieldAnswers, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(protowire.SizeTag(fieldID)+protowire.SizeVarint(id)+protowire.SizeTag(kind)+protowire.SizeBytes(size)))
	b = protowire.AppendTag(b, fieldID, protowire.VarintType)
	b = protowire.AppendVarint(b, id)
	b = protowire.AppendTag(b, kind, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, result)
}

// appendTooLarge appends the answer that an answer is too large.
func appendTooLarge(b []byte, id uint64) []byte {
	b = protowire.AppendTag(b, fieldAnswers, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(protowire.SizeTag(fieldID)+protowire.SizeVarint(id)+protowire.SizeTag(fieldLarge)+1))
	b = protowire.AppendTag(b, fieldID, protowire.VarintType)
	b = protowire.AppendVarint(b, id)
	b = protowire.AppendTag(b, fieldLarge, protowire.VarintType)
	return protowire.AppendVarint(b, 1)
}

// appendRefused appends that calls from id on are not taken.
func appendRefused(b []byte, id uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, fieldRefused, protowire.VarintType), id)
}

// failureOf puts an error in the form in which it answers a call.
func failureOf(err error) *storev1.ExchangeFailure {
	err = toStatus(err)
	f := &storev1.ExchangeFailure{Code: int32(status.Code(err)), Message: strings.ToValidUTF8(status.Convert(err).Message(), "?")}
	if e := errorIn(status.Convert(err)); e != nil {
		f.Reason = string(e.Reason)
	}
	return f
}

// failureFrom is the error that a failed call ends with at the caller.
func failureFrom(f *storev1.ExchangeFailure) error {
	if f.GetReason() != "" {
		return &Error{Reason: Reason(f.Reason), Message: f.GetMessage()}
	}
	return status.Error(codes.Code(f.GetCode()), f.GetMessage())
}
