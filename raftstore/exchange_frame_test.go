package raftstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

func txnOf(key string) *storev1.TxnRequest {
	return &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte(key), Value: []byte("v")}}}}}
}

// What is written by hand must be what the generated messages write and read.
func TestFramesAreTheContract(t *testing.T) {
	get := &storev1.RangeRequest{Key: []byte("k")}
	want := &storev1.ExchangeRequest{Calls: []*storev1.ExchangeCall{
		{Id: 1, Request: &storev1.ExchangeCall_Txn{Txn: txnOf("a")}, TimeoutMs: 1500},
		{Id: 300, Request: &storev1.ExchangeCall_Range{Range: get}},
		{Id: 301, Request: &storev1.ExchangeCall_Txn{Txn: &storev1.TxnRequest{}}},
	}}
	var b []byte
	for _, c := range want.Calls {
		kind, req := fieldTxn, proto.Message(c.GetTxn())
		if c.GetRange() != nil {
			kind, req = fieldRange, c.GetRange()
		}
		body, err := callBody(kind, req, time.Duration(c.TimeoutMs)*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		b = appendCall(b, c.Id, body)
	}
	var got storev1.ExchangeRequest
	if err := proto.Unmarshal(b, &got); err != nil || !proto.Equal(&got, want) {
		t.Fatalf("%v, %v; want %v", &got, err, want)
	}
	encoded, err := proto.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	calls, err := parseCalls(encoded)
	if err != nil || len(calls) != 3 {
		t.Fatalf("%v, %v", calls, err)
	}
	for i, c := range calls {
		w := want.Calls[i]
		if c.id != w.Id || c.timeout != time.Duration(w.TimeoutMs)*time.Millisecond || (c.kind == fieldTxn) != (w.GetTxn() != nil) {
			t.Errorf("call %d is %+v", i, c)
		}
	}
	if _, err := parseCalls(encoded[:len(encoded)-1]); err == nil {
		t.Error("half a message can be read")
	}
}

func TestAnswersAreTheContract(t *testing.T) {
	want := &storev1.ExchangeResponse{Answers: []*storev1.ExchangeAnswer{
		{Id: 1, Result: &storev1.ExchangeAnswer_Txn{Txn: &storev1.TxnResponse{Revision: 7, Succeeded: true}}},
		{Id: 2, Result: &storev1.ExchangeAnswer_Failure{Failure: &storev1.ExchangeFailure{Code: int32(codes.OutOfRange), Reason: "COMPACTED", Message: "gone"}}},
		{Id: 200, Result: &storev1.ExchangeAnswer_TooLarge{TooLarge: true}},
	}, RefusedFrom: 201}
	b, err := appendAnswer(nil, 1, fieldTxn, want.Answers[0].GetTxn())
	if err != nil {
		t.Fatal(err)
	}
	if b, err = appendAnswer(b, 2, fieldFailure, failureOf(&Error{Reason: "COMPACTED", Message: "gone"})); err != nil {
		t.Fatal(err)
	}
	b = appendRefused(appendTooLarge(b, 200), 201)
	var got storev1.ExchangeResponse
	if err := proto.Unmarshal(b, &got); err != nil || !proto.Equal(&got, want) {
		t.Fatalf("%v, %v; want %v", &got, err, want)
	}
	encoded, err := proto.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[uint64]bool{}
	refused, err := parseAnswers(encoded, func(a wireAnswer) { ids[a.id] = true })
	if err != nil || refused != 201 || len(ids) != 3 || !ids[200] {
		t.Errorf("%v, refused from %d, %v", ids, refused, err)
	}
}

// An error must come out of an exchange as it comes out of a call of its own.
func TestFailuresAreTheErrorsOfCalls(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	for reason := range codeOf {
		sent := &Error{Reason: reason, Message: "why \xff"}
		b, err := proto.Marshal(failureOf(sent))
		var f storev1.ExchangeFailure
		if err != nil || proto.Unmarshal(b, &f) != nil {
			t.Fatal(err)
		}
		if got := fromStatus(ctx, failureFrom(&f), true, true); ReasonOf(got) != reason {
			t.Errorf("%s comes out as %v", reason, got)
		}
	}
	for _, err := range []error{context.Canceled, context.DeadlineExceeded, errors.New("fault"), status.Error(codes.Internal, "panic")} {
		for _, write := range []bool{true, false} {
			unary, mine := fromStatus(ctx, toStatus(err), true, write), fromStatus(ctx, failureFrom(failureOf(err)), true, write)
			if ReasonOf(unary) != ReasonOf(mine) {
				t.Errorf("%v (write: %t) is %v by exchange and %v alone", err, write, mine, unary)
			}
		}
	}
	cancel()
	if err := fromStatus(ctx, failureFrom(failureOf(context.Canceled)), true, true); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller's own end is %v", err)
	}
}

func FuzzExchangeMessages(f *testing.F) {
	b, err := proto.Marshal(&storev1.ExchangeRequest{Calls: []*storev1.ExchangeCall{{Id: 1, Request: &storev1.ExchangeCall_Txn{Txn: txnOf("a")}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(appendRefused(nil, 9))
	f.Fuzz(func(t *testing.T, b []byte) {
		calls, err := parseCalls(b)
		var want storev1.ExchangeRequest
		if proto.Unmarshal(b, &want) == nil {
			if err != nil || len(calls) != len(want.Calls) {
				t.Fatalf("%d calls, %v; the contract reads %d", len(calls), err, len(want.Calls))
			}
			for i, c := range calls {
				if c.id != want.Calls[i].Id {
					t.Errorf("call %d has id %d; the contract reads %d", i, c.id, want.Calls[i].Id)
				}
			}
		}
		if _, err := parseAnswers(b, func(wireAnswer) {}); err == nil {
			var res storev1.ExchangeResponse
			_ = proto.Unmarshal(b, &res) // May still refuse what is within the answers.
		}
	})
}
