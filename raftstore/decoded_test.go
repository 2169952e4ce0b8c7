package raftstore

import (
	"testing"

	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// The commands that are noted for an entry must be those that the entry says.
func TestDecodedIsWhatTheEntrySays(t *testing.T) {
	prop := &proposal{ctx: t.Context(), done: make(chan outcome, 1)}
	for _, key := range []string{"a", "b", "c"} {
		encoded, err := proto.Marshal(txnOf(key))
		if err != nil {
			t.Fatal(err)
		}
		read := &storev1.TxnRequest{}
		if err := proto.Unmarshal(encoded, read); err != nil {
			t.Fatal(err)
		}
		prop.commands = append(prop.commands, command{txn: encoded, read: read})
	}
	p := newProposals(nil, newMetrics(), newDecoded())
	p.waiting.Add(3)
	batch, entry := p.gather(prop)
	p.decoded.put(entry, readCommands(batch))
	var want storev1.LogEntry
	if err := proto.Unmarshal(entry, &want); err != nil {
		t.Fatal(err)
	}
	if got := (&storev1.LogEntry{Commands: p.decoded.take(entry)}); !proto.Equal(got, &want) || len(want.Commands) != 3 {
		t.Errorf("%v, want %v", got, &want)
	}
	if p.decoded.take(entry) != nil {
		t.Error("an entry is taken twice")
	}
	p.decoded.put(entry, readCommands(batch))
	if copied := append([]byte(nil), entry...); p.decoded.take(copied) != nil {
		t.Error("a copy of an entry, which may have been changed, is taken for it")
	}
	// One that is not decoded has the whole entry decoded.
	batch[0].commands[1].read = nil
	if readCommands(batch) != nil {
		t.Error("commands of an entry are left out")
	}
	if p.waiting.Load() != 0 {
		t.Errorf("%d commands are waiting", p.waiting.Load())
	}
}
