package raftstore

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// errPoisoned is what commands are answered with that could not be applied.
var errPoisoned = &Error{Reason: mvcc.Poisoned}

// fsm is what Raft applies committed entries to. Raft calls it from one goroutine.
type fsm struct {
	state   *mvcc.State
	log     hclog.Logger
	metrics *metrics
	decoded *decoded
	// applied wakes whoever waits for a revision, and the hub.
	applied *broadcast
	// granted is told of leases, so that the leader can begin to count their time.
	granted func(id int64, ttl time.Duration)
	// restored is told that there are other leases than before.
	restored func()
	// compacted is told that there is something to free, raised what the state's format is.
	compacted func()
	// wrote is told of the bytes of each entry.
	wrote  func(int)
	raised func(mvcc.Format)
	// newest is the newest format that this member reads.
	newest mvcc.Format
	// halt ends applying for good.
	halt halt
	// logBytes counts what was applied since the last snapshot was begun.
	logBytes atomic.Int64
}

var _ raft.BatchingFSM = (*fsm)(nil)

// Apply implements raft.FSM; its response is []mvcc.Result, one for each command of the entry, or the error for which none of them
// was applied.
func (f *fsm) Apply(entry *raft.Log) any {
	start := time.Now()
	defer f.applied.wake()
	if err := f.halt.err(); err != nil {
		return err
	}
	// An entry that was decoded before is of the oldest format.
	commands, format := f.decoded.take(entry.Data), mvcc.Format(0)
	if commands == nil {
		var batch storev1.LogEntry
		if err := proto.Unmarshal(entry.Data, &batch); err != nil {
			// Every member sees the same bytes and leaves them out alike.
			f.metrics.leftOut.Inc()
			f.log.Error("log entry left out: it cannot be read", "index", entry.Index, "error", err)
			return &Error{Reason: mvcc.Poisoned, Message: fmt.Sprintf("log entry %d was left out, as it cannot be read: %s", entry.Index, err)}
		}
		commands, format = batch.Commands, mvcc.Format(batch.Format)
		// Other members read it, so that leaving it out would make this one differ from them.
		if err := mvcc.CheckFormat(fmt.Sprintf("log entry %d", entry.Index), max(mvcc.OldestFormat, format), f.newest); err != nil {
			f.halt.stop(err)
			return err
		}
	}
	f.logBytes.Add(int64(len(entry.Data)))
	f.wrote(len(entry.Data))
	results := f.state.Apply(commands)
	for i, r := range results {
		switch {
		case r.LeaseGrant != nil:
			f.granted(r.LeaseGrant.Id, r.LeaseGrant.Ttl.AsDuration())
		case r.Compact != nil:
			f.compacted()
		case r.Err != nil && errors.Is(r.Err, errPoisoned):
			f.metrics.leftOut.Inc()
			f.log.Error("command left out: applying it failed", "index", entry.Index, "command", i, "error", r.Err, "stack", string(r.Stack))
		}
	}
	if format > 0 {
		f.raised(f.state.Format())
	}
	f.metrics.applied(len(commands), time.Since(start))
	return results
}

// ApplyBatch implements raft.BatchingFSM.
func (f *fsm) ApplyBatch(entries []*raft.Log) []any {
	responses := make([]any, len(entries))
	for i, e := range entries {
		if e.Type == raft.LogCommand {
			responses[i] = f.Apply(e)
		}
	}
	return responses
}

// Snapshot implements raft.FSM.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if err := f.halt.err(); err != nil {
		return nil, err // Raft takes the state for what it handed over, which it is not any more.
	}
	f.logBytes.Store(0)
	return &fsmSnapshot{snapshot: f.state.Snapshot(), log: f.log}, nil
}

// Restore implements raft.FSM. The state is replaced only once all of the snapshot has proved good.
func (f *fsm) Restore(in io.ReadCloser) error {
	defer in.Close()
	if err := f.halt.err(); err != nil {
		return err
	}
	state, err := mvcc.Read(in)
	if err == nil {
		err = mvcc.CheckFormat("the snapshot", state.Format(), f.newest)
	}
	if errors.Is(err, ErrUnreadable) {
		// For good: Raft would go on from the snapshot before, which lacks what is between the two.
		f.halt.stop(err)
	}
	if err != nil {
		return err
	}
	f.state.Replace(state)
	f.restored()
	f.raised(state.Format())
	f.applied.wake()
	return nil
}

type fsmSnapshot struct {
	snapshot *mvcc.Snapshot
	log      hclog.Logger
}

// Persist implements raft.FSMSnapshot.
func (s *fsmSnapshot) Persist(sink raft.SnapshotSink) error {
	start := time.Now()
	n, err := s.snapshot.WriteTo(sink)
	if err != nil {
		if cancelErr := sink.Cancel(); cancelErr != nil {
			s.log.Warn("unfinished snapshot stays on disk", "error", cancelErr)
		}
		return fmt.Errorf("writing snapshot: %w", err)
	}
	if err := sink.Close(); err != nil {
		return fmt.Errorf("closing snapshot: %w", err)
	}
	s.log.Info("snapshot written", "revision", s.snapshot.Revision(), "bytes", n, "duration", time.Since(start))
	return nil
}

// Release implements raft.FSMSnapshot.
func (*fsmSnapshot) Release() {}
