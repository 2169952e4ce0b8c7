package raftstore

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	// The codec that ordinary messages are left to.
	protocodec "google.golang.org/grpc/encoding/proto"
)

// ready is a message that is encoded already. Sent to many streams its bytes are not copied.
type ready struct {
	parts mem.BufferSlice
}

// newReady makes a message of pieces, which must not be changed afterwards.
func newReady(parts ...[]byte) *ready {
	r := &ready{parts: make(mem.BufferSlice, len(parts))}
	for i, p := range parts {
		r.parts[i] = mem.SliceBuffer(p)
	}
	return r
}

// raw is a message that is received and not decoded, at least not by gRPC.
type raw struct {
	bytes []byte
}

// codec is gRPC's protobuf codec, which also sends what is ready and receives what stays raw.
type codec struct{ encoding.CodecV2 }

func newCodec() encoding.CodecV2 {
	return codec{CodecV2: encoding.GetCodecV2(protocodec.Name)}
}

// Marshal implements encoding.CodecV2.
func (c codec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(*ready); ok {
		return r.parts, nil
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal implements encoding.CodecV2.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*raw); ok {
		r.bytes = data.Materialize()
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
