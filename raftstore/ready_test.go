package raftstore

import (
	"testing"

	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

func TestCodecTakesWhatIsReadyAndMessages(t *testing.T) {
	c := newCodec()
	out, err := c.Marshal(newReady([]byte("ab"), []byte("c")))
	if err != nil {
		t.Fatal(err)
	}
	var r raw
	if err := c.Unmarshal(out, &r); err != nil || string(r.bytes) != "abc" {
		t.Fatalf("%q, %v", r.bytes, err)
	}
	if out, err = c.Marshal(txnOf("k")); err != nil {
		t.Fatal(err)
	}
	var req storev1.TxnRequest
	if err := c.Unmarshal(out, &req); err != nil || !proto.Equal(&req, txnOf("k")) {
		t.Fatalf("%v, %v", &req, err)
	}
}
