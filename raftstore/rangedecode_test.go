package raftstore

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// pieces takes what is sent.
type pieces struct {
	grpc.ServerStreamingServer[storev1.RangeStreamResponse]
	sent []*ready
}

func (p *pieces) SendMsg(m any) error {
	p.sent = append(p.sent, m.(*ready))
	return nil
}

// cut cuts a message into pieces of odd lengths, as it might come off the network.
func cut(rnd *rand.Rand, raw []byte) (parts mem.BufferSlice) {
	for len(raw) > 0 {
		n := min(len(raw), rnd.IntN(40)+rnd.IntN(2)*rnd.IntN(1<<14))
		parts = append(parts, mem.SliceBuffer(raw[:n]))
		raw = raw[n:]
	}
	return parts
}

// TestRangePiecesAreProtobuf: what is encoded by hand is what protobuf reads, and is decoded by hand to the same, however it was cut.
func TestRangePiecesAreProtobuf(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		out := &pieces{}
		e := rangeEncoder{stream: out, revision: rnd.Int64()}
		want := &storev1.RangeStreamResponse{Revision: e.revision, Count: rnd.Int64N(1 << 40), More: rnd.IntN(2) == 0, Last: true}
		for range rnd.IntN(20) {
			kv := &storev1.KeyValue{
				Key: bytes.Repeat([]byte("k"), rnd.IntN(300)+1), CreateRevision: rnd.Int64N(1 << 50), ModRevision: rnd.Int64(), Version: rnd.Int64N(3),
				Lease: rnd.Int64N(2) * rnd.Int64(),
			}
			if rnd.IntN(4) > 0 {
				kv.Value = bytes.Repeat([]byte{byte(rnd.Int())}, rnd.IntN(3*sharedValueBytes)+1)
			}
			want.Kvs = append(want.Kvs, kv)
			e.append(kv)
		}
		if err := e.last(want.Count, want.More); err != nil {
			t.Fatal(err)
		}
		raw := out.sent[0].parts.Materialize()
		byProtobuf, byHand := &storev1.RangeStreamResponse{}, &storev1.RangeStreamResponse{}
		if err := proto.Unmarshal(raw, byProtobuf); err != nil || !proto.Equal(byProtobuf, want) {
			t.Fatalf("protobuf reads %v, %v; want %v", byProtobuf, err, want)
		}
		if err := decodePiece(cut(rnd, raw), byHand); err != nil || !proto.Equal(byHand, want) {
			t.Fatalf("by hand it is %v, %v; want %v", byHand, err, want)
		}
	}
}

// FuzzDecodePiece: what the decoder takes, protobuf takes for the same; what it refuses is left to protobuf.
func FuzzDecodePiece(f *testing.F) {
	for _, res := range []*storev1.RangeStreamResponse{
		{}, {Revision: 5, Last: true, Count: 1},
		{Revision: 1 << 40, More: true, Kvs: []*storev1.KeyValue{{Key: []byte("a"), Value: []byte("b"), Lease: 7}, {Key: []byte("c"), Version: 2}}},
	} {
		raw, err := proto.Marshal(res)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, uint64(3))
	}
	f.Fuzz(func(t *testing.T, raw []byte, seed uint64) {
		byHand, byProtobuf := &storev1.RangeStreamResponse{}, &storev1.RangeStreamResponse{}
		if decodePiece(cut(rand.New(rand.NewPCG(seed, 0)), raw), byHand) != nil {
			return
		}
		if err := proto.Unmarshal(raw, byProtobuf); err != nil || !proto.Equal(byHand, byProtobuf) {
			t.Fatalf("%x: by hand %v, by protobuf %v, %v", raw, byHand, byProtobuf, err)
		}
	})
}
