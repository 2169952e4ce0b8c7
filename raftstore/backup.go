package raftstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"

	"github.com/hashicorp/raft"
	"google.golang.org/grpc/metadata"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// restorePrefix begins the names of files that hold a copy while it is taken in.
const restorePrefix = "restore-"

// pieceBytes is how much of a copy goes into one message.
const pieceBytes = 256 << 10

// WriteSnapshot writes a consistent copy of the store, with all that had been acknowledged when it was
// called, and gives its revision.
func (m *Member) WriteSnapshot(ctx context.Context, out io.Writer) (int64, error) {
	rev, err := m.acknowledged(ctx)
	if err != nil {
		return 0, err
	}
	if err := m.waitRevision(ctx, rev); err != nil {
		return 0, err
	}
	snapshot := m.state.Snapshot()
	_, err = snapshot.WriteTo(out)
	return snapshot.Revision(), err
}

// restore replaces the contents of the store by a copy, on the leader. The copy's keys keep their
// revisions, but the store goes on from a revision past both its own and the copy's, so that no
// revision means two things and whoever watches has to start anew.
func (m *Member) restore(ctx context.Context, in io.Reader) (int64, error) {
	copied, err := mvcc.Read(in)
	if err != nil {
		return 0, err
	}
	if !m.membership.TryLock() {
		return 0, refusef("a change of the members is under way")
	}
	defer m.membership.Unlock()
	if err := m.reads.confirm(ctx, 1); err != nil {
		return 0, err
	}
	if err := m.takeFormat(ctx, copied); err != nil {
		return 0, err
	}
	// Writes that are acknowledged from here until Raft takes the copy are lost with the rest; the margin
	// keeps their revisions apart from what comes after.
	copied.Rebase(max(m.state.Revision(), copied.Revision()) + restoreMargin)

	m.log.Warn("restoring the store from a copy", "revision", copied.Revision())
	done := make(chan error, 1)
	go func() { done <- m.install(copied) }()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = raft.ErrLeadershipLost // Raft knows no contexts and may yet carry it out.
	case <-m.living.Done():
		err = raft.ErrRaftShutdown
	}
	if err != nil {
		return 0, proposeError(err)
	}
	return copied.Revision(), nil
}

// install has Raft replace the state of all members.
func (m *Member) install(state *mvcc.State) error {
	file, err := os.CreateTemp(m.cfg.DataDir, restorePrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	size, err := state.Snapshot().WriteTo(file)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return m.raft.Restore(&raft.SnapshotMeta{Version: raft.SnapshotVersionMax, Size: size}, file, 0)
}

// restoreMargin is more revisions than are written while a copy is taken in.
const restoreMargin = 1 << 20

// Snapshot streams a copy, with its checksum in the last message.
func (s *service) Snapshot(_ *storev1.SnapshotRequest, stream storev1.StoreService_SnapshotServer) error {
	sum := sha256.New()
	w := &pieceWriter{send: func(p []byte) error {
		sum.Write(p)
		return stream.Send(&storev1.SnapshotResponse{Data: p})
	}}
	rev, err := s.WriteSnapshot(stream.Context(), w)
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		return err
	}
	return stream.Send(&storev1.SnapshotResponse{Revision: rev, Sha256: sum.Sum(nil)})
}

// Restore takes in a copy. On a member that does not lead it is passed on as it comes.
func (s *service) Restore(stream storev1.StoreService_RestoreServer) error {
	ctx := stream.Context()
	if !s.leading() {
		return s.passRestore(stream)
	}
	file, err := os.CreateTemp(s.cfg.DataDir, restorePrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	sum := sha256.New()
	var want []byte
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		sum.Write(req.Data)
		if _, err := file.Write(req.Data); err != nil {
			return err
		}
		if len(req.Sha256) > 0 {
			want = req.Sha256
		}
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return &Error{Reason: mvcc.Corrupt, Message: "the copy's checksum does not fit; nothing was replaced"}
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	rev, err := s.restore(ctx, file)
	if err != nil {
		return err
	}
	return stream.SendAndClose(&storev1.RestoreResponse{Revision: rev})
}

func (s *service) passRestore(in storev1.StoreService_RestoreServer) error {
	ctx := in.Context()
	address := s.leaderAddress()
	if isForwarded(ctx) || address == "" || address == s.cfg.AdvertiseAddress {
		return errNotLeader
	}
	conn, err := s.peers.get(address)
	if err != nil {
		return err
	}
	out, err := storev1.NewStoreServiceClient(conn).Restore(metadata.AppendToOutgoingContext(ctx, forwardedKey, s.cfg.ID))
	if err != nil {
		return err
	}
	for {
		req, err := in.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if out.Send(req) != nil {
			break // Why is in what CloseAndRecv gives.
		}
	}
	res, err := out.CloseAndRecv()
	if err != nil {
		return err
	}
	return in.SendAndClose(res)
}

// pieceWriter gathers small writes into messages. What it hands to send is not used again.
type pieceWriter struct {
	buf  []byte
	send func([]byte) error
}

func (w *pieceWriter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if w.buf == nil {
			w.buf = make([]byte, 0, pieceBytes)
		}
		k := min(len(p), cap(w.buf)-len(w.buf))
		w.buf = append(w.buf, p[:k]...)
		p = p[k:]
		if len(w.buf) == cap(w.buf) {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

func (w *pieceWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	err := w.send(w.buf)
	w.buf = nil
	return err
}
