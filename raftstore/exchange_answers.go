package raftstore

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// answers puts results together into messages.
type answers struct {
	server *exchangeServer
	// method is of the calls that are answered.
	method string
	bytes  []byte
	good   int
	// left is how many answers are yet to come, about.
	left int
}

func (a *answers) add(id uint64, kind protowire.Number, result proto.Message) {
	if a.bytes == nil {
		// Those that come together are much alike.
		size := proto.Size(result) + 16
		a.bytes = make([]byte, 0, size+min(size*max(a.left-1, 0), answerBytes))
	}
	a.left--
	b, err := appendAnswer(a.bytes, id, kind, result)
	if err != nil {
		b, err = appendAnswer(a.bytes, id, fieldFailure, failureOf(&Error{Reason: Internal, Message: err.Error()}))
	}
	if err != nil {
		return // Messages of strings and numbers alone can always be encoded.
	}
	a.bytes = b
	if kind != fieldFailure {
		a.good++
	}
	if len(a.bytes) >= answerBytes {
		a.flush()
	}
}

func (a *answers) fail(id uint64, err error) {
	f := failureOf(err)
	outcome := f.Reason
	if outcome == "" {
		outcome = codes.Code(f.Code).String()
	}
	a.count(outcome, 1)
	a.add(id, fieldFailure, f)
}

func (a *answers) count(outcome string, n int) {
	a.server.member.metrics.exchangeCalls.WithLabelValues(a.method, outcome).Add(float64(n))
}

func (a *answers) flush() {
	if len(a.bytes) > 0 {
		a.server.send(a.bytes)
		a.bytes = nil
	}
	if a.good > 0 {
		a.count("OK", a.good)
		a.good = 0
	}
}

// read answers a range from a view.
func (a *answers) read(view *mvcc.View, id uint64, req *storev1.RangeRequest) {
	res, err := view.Range(req)
	if err != nil {
		a.fail(id, err)
		return
	}
	a.ranged(id, res)
}

func (a *answers) ranged(id uint64, res *storev1.RangeResponse) {
	size := 0
	for _, kv := range res.Kvs {
		size += len(kv.Key) + len(kv.Value)
	}
	if size <= smallAnswer {
		a.add(id, fieldRange, res)
		return
	}
	a.count("TOO_LARGE", 1)
	a.bytes = appendTooLarge(a.bytes, id)
}
