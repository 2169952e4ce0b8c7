package mvcc

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

func raiseCommand(f Format) *storev1.Command {
	return &storev1.Command{Command: &storev1.Command_RaiseFormat{RaiseFormat: &storev1.RaiseFormat{Format: uint32(f)}}}
}

func TestFormatIsRaisedAndNeverLowered(t *testing.T) {
	s := fuzzedState()
	if s.Format() != 1 {
		t.Fatalf("a new store has format %d, which older members may not read", s.Format())
	}
	rev := s.Revision()
	for _, f := range []Format{1, 2, 1, 2} {
		if r := s.Apply([]*storev1.Command{raiseCommand(f)})[0]; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	if s.Format() != 2 || s.Stats().Format != 2 || s.Revision() != rev {
		t.Errorf("format %d at revision %d, was %d", s.Format(), s.Revision(), rev)
	}
	for _, f := range []Format{0, NewestFormat + 1} {
		if r := s.Apply([]*storev1.Command{raiseCommand(f)})[0]; reason(r.Err) != Unreadable || s.Format() != 2 {
			t.Errorf("raised to %d: %v", f, r.Err)
		}
	}
}

// TestSnapshotHasTheFormatOfTheState: of format 1 it is what programs read that know no other.
func TestSnapshotHasTheFormatOfTheState(t *testing.T) {
	s := fuzzedState()
	old := snapshotBytes(t, s)
	for f := OldestFormat; f <= NewestFormat; f++ {
		s.AdoptFormat(f)
		b := snapshotBytes(t, s)
		restored, err := Read(bytes.NewReader(b))
		if err != nil || restored.Format() != f {
			t.Fatalf("format %d: %v, %v", f, restored, err)
		}
		if f == 1 && !bytes.Equal(b, old) {
			t.Error("a snapshot of format 1 changed")
		}
	}
	s.format.Store(uint32(NewestFormat + 1))
	_, err := Read(bytes.NewReader(snapshotBytes(t, s)))
	if reason(err) != Unreadable || !strings.Contains(err.Error(), "has format 3") || !strings.Contains(err.Error(), "formats 1 to 2") {
		t.Errorf("a snapshot from the future: %v", err)
	}
}

// TestUnknownFieldsStayOut: what a newer client asks for does not get into the log of members that do not know it, wherever it says so.
func TestUnknownFieldsStayOut(t *testing.T) {
	whole := func() *storev1.TxnRequest {
		return &storev1.TxnRequest{
			Compares: []*storev1.Compare{{Key: []byte("k"), Target: &storev1.Compare_Version{Version: 1}}},
			Success: []*storev1.Op{
				{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte("a")}}},
				{Op: &storev1.Op_Range{Range: &storev1.RangeRequest{Key: []byte("a")}}},
			},
			Failure: []*storev1.Op{{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: []byte("b")}}}},
		}
	}
	if err := ValidateTxn(whole()); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]func(*storev1.TxnRequest) protoreflect.ProtoMessage{
		"request": func(r *storev1.TxnRequest) protoreflect.ProtoMessage { return r },
		"compare": func(r *storev1.TxnRequest) protoreflect.ProtoMessage { return r.Compares[0] },
		"step":    func(r *storev1.TxnRequest) protoreflect.ProtoMessage { return r.Failure[0] },
		"put":     func(r *storev1.TxnRequest) protoreflect.ProtoMessage { return r.Success[0].GetPut() },
		"range":   func(r *storev1.TxnRequest) protoreflect.ProtoMessage { return r.Success[1].GetRange() },
		"delete":  func(r *storev1.TxnRequest) protoreflect.ProtoMessage { return r.Failure[0].GetDelete() },
	} {
		req := whole()
		at(req).ProtoReflect().SetUnknown([]byte{0xf8, 0x7f, 1}) // Field 2047, a varint.
		if err := ValidateTxn(req); reason(err) != Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A read of a bounded age has no place in a log, where a member that knows the field could differ from one that does not.
func TestBoundedAgeStaysOutOfTransactions(t *testing.T) {
	read := &storev1.RangeRequest{Key: []byte("k")}
	req := &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Range{Range: read}}}}
	if err := ValidateTxn(req); err != nil {
		t.Fatal(err)
	}
	read.MaxStaleness = durationpb.New(0)
	if err := ValidateTxn(req); reason(err) != Invalid {
		t.Error(err)
	}
}

// TestFieldsOfLogAndSnapshots compares what can be in a log entry and in a snapshot with testdata/fields.txt, which says since what
// format each is there. A field that one member knows and another does not makes them differ, so one is added by the steps of
// docs/checklists/new-store-command.md, and then to that list.
func TestFieldsOfLogAndSnapshots(t *testing.T) {
	var found []string
	seen := map[protoreflect.FullName]bool{}
	var walk func(protoreflect.MessageDescriptor)
	walk = func(m protoreflect.MessageDescriptor) {
		if seen[m.FullName()] {
			return
		}
		seen[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			found = append(found, string(f.FullName()))
			if f.Message() != nil {
				walk(f.Message())
			}
		}
	}
	walk((&storev1.LogEntry{}).ProtoReflect().Descriptor())
	walk((&storev1.SnapshotRecord{}).ProtoReflect().Descriptor())
	slices.Sort(found)
	raw, err := os.ReadFile("testdata/fields.txt")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	since := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if field, format, ok := strings.Cut(strings.TrimSpace(line), " "); ok && field != "#" {
			listed = append(listed, field)
			since[field] = format
		}
	}
	slices.Sort(listed)
	if !slices.Equal(found, listed) {
		t.Errorf("fields in log entries and snapshots:\n%s\nlisted in testdata/fields.txt:\n%s", strings.Join(found, "\n"), strings.Join(listed, "\n"))
	}
	// Each command needs the format it came with.
	commands := (&storev1.Command{}).ProtoReflect().Descriptor().Fields()
	for i := range commands.Len() {
		f := commands.Get(i)
		c := &storev1.Command{}
		c.ProtoReflect().Set(f, c.ProtoReflect().NewField(f))
		if got, want := string('0'+rune(FormatOf(c))), since[string(f.FullName())]; got != want {
			t.Errorf("command %s needs format %s, and is there since %s", f.Name(), got, want)
		}
	}
}
