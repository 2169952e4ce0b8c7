package raftstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mutant"
	"kaji.dev/kaji/raftstore/mvcc"
)

const (
	// proposalQueue bounds the writes that wait for a log entry.
	proposalQueue = 16 << 10
	// batchBytes and batchCommands end a log entry; a single larger command still goes.
	batchBytes    = 512 << 10
	batchCommands = 1024
	// enqueueTimeout bounds how long an entry waits for Raft to take it.
	enqueueTimeout = 5 * time.Second
)

// errNotLeader: the command was not proposed, as this member does not lead. Whoever gets it finds the
// leader and tries again; it does not leave the package.
var errNotLeader = &Error{Reason: Unavailable, Message: "this member does not lead the store"}

// proposal is commands on their way, which go into the log together.
type proposal struct {
	ctx      context.Context
	commands []command
	// done gets the outcome once; it never blocks the sender.
	done chan outcome
}

// command is a Command that is encoded: as such, or as the transaction that it is.
type command struct {
	encoded, txn []byte
	// format is what a program has to read to apply it; 0 stands for the oldest.
	format mvcc.Format
	// read is what txn says, when it has been decoded. It belongs to the state machine from when it is proposed on.
	read *storev1.TxnRequest
}

// appendTo appends the command to a LogEntry.
func (c command) appendTo(entry []byte) []byte {
	entry = protowire.AppendTag(entry, 1, protowire.BytesType)
	if c.txn == nil {
		return protowire.AppendBytes(entry, c.encoded)
	}
	entry = protowire.AppendVarint(entry, uint64(protowire.SizeTag(1)+protowire.SizeBytes(len(c.txn))))
	entry = protowire.AppendTag(entry, 1, protowire.BytesType)
	return protowire.AppendBytes(entry, c.txn)
}

// outcome is what came of a proposal: a result for each command, or why there are none.
type outcome struct {
	results []mvcc.Result
	err     error
}

// proposals gathers commands into log entries: one entry, and so one write to each disk, for all
// commands that came while the entries before it were under way.
type proposals struct {
	raft    *raft.Raft
	metrics *metrics
	decoded *decoded
	queue   chan *proposal
	// waiting counts the commands in queue.
	waiting atomic.Int64
	// flying has no room: one entry is waited for and one more is on its way. While the one is being written to disks the other fills up. More
	// at once would be smaller ones, and each costs every member several system calls and wake-ups.
	flying chan flight
	// stopped is closed once nothing will be proposed any more.
	stopped chan struct{}
}

type flight struct {
	batch  []*proposal
	entry  []byte
	future raft.ApplyFuture
	start  time.Time
}

func newProposals(r *raft.Raft, m *metrics, d *decoded) *proposals {
	return &proposals{
		raft: r, metrics: m, decoded: d,
		queue: make(chan *proposal, proposalQueue), flying: make(chan flight), stopped: make(chan struct{}),
	}
}

// propose commits a command and gives what it did. An error is errNotLeader when the command was
// certainly not proposed, ErrTooManyRequests, ctx's, ErrOutcomeUnknown, or the state machine's refusal.
func (p *proposals) propose(ctx context.Context, c *storev1.Command) (mvcc.Result, error) {
	// Encoded here, not by the batcher: the caller may reuse its request once ctx has ended.
	data, err := proto.Marshal(c)
	if err != nil {
		return mvcc.Result{}, &Error{Reason: mvcc.Invalid, Message: err.Error()}
	}
	results, err := p.proposeAll(ctx, []command{{encoded: data, format: mvcc.FormatOf(c)}})
	if err != nil {
		return mvcc.Result{}, err
	}
	return results[0], results[0].Err
}

// proposeAll commits commands in one log entry and gives what each did. An error is as that of propose, and of all of them.
func (p *proposals) proposeAll(ctx context.Context, commands []command) ([]mvcc.Result, error) {
	n := int64(len(commands))
	if p.waiting.Add(n) > proposalQueue {
		p.waiting.Add(-n)
		return nil, &Error{Reason: TooManyRequests, Message: fmt.Sprintf("%d writes are waiting already", proposalQueue)}
	}
	prop := &proposal{ctx: ctx, commands: commands, done: make(chan outcome, 1)}
	// There is room, as no more proposals than commands are waiting.
	p.queue <- prop
	select {
	case o := <-prop.done:
		return o.results, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.stopped:
		select {
		case o := <-prop.done:
			return o.results, o.err
		default:
			return nil, errNotLeader // Queued when nobody looked any more.
		}
	}
}

// run proposes what is queued until ctx ends, which is when Raft has shut down. Whoever is still queued then is told so.
func (p *proposals) run(ctx context.Context) {
	landed := make(chan struct{})
	go func() {
		defer close(landed)
		for f := range p.flying {
			p.land(ctx, f)
		}
	}()
	for {
		var first *proposal
		select {
		case first = <-p.queue:
		case <-ctx.Done():
			close(p.flying)
			<-landed
			p.refuse()
			close(p.stopped)
			return
		}
		batch, data := p.gather(first)
		if len(batch) == 0 {
			continue
		}
		if mutant.EarlyAnswers {
			p.answerEarly(batch)
		}
		if commands := readCommands(batch); commands != nil {
			p.decoded.put(data, commands)
		}
		start := time.Now()
		// Blocks while Raft writes an earlier entry, and on flying while too many are under way; the
		// queue fills up meanwhile.
		p.flying <- flight{batch: batch, entry: data, future: p.raft.Apply(data, enqueueTimeout), start: start}
	}
}

// answerEarly is the mistake of mutant.EarlyAnswers: it promises what may never be.
func (p *proposals) answerEarly(batch []*proposal) {
	for _, prop := range batch {
		results := make([]mvcc.Result, len(prop.commands))
		blind := true
		for i, c := range prop.commands {
			var entry storev1.LogEntry
			err := proto.Unmarshal(c.appendTo(nil), &entry)
			blind = blind && err == nil && entry.Commands[0].GetTxn() != nil && len(entry.Commands[0].GetTxn().Compares) == 0
			results[i] = mvcc.Result{Txn: &storev1.TxnResponse{Succeeded: true}}
		}
		if blind {
			select {
			case prop.done <- outcome{results: results}:
			default:
			}
			prop.done = make(chan outcome, 1) // Where the truth goes, unheard.
		}
	}
}

// gather makes a log entry of first and what is queued behind it. The entry is a LogEntry, put
// together from commands that are encoded already.
func (p *proposals) gather(first *proposal) (batch []*proposal, entry []byte) {
	commands := 0
	format := mvcc.OldestFormat
	defer func() {
		if format > mvcc.OldestFormat {
			entry = protowire.AppendVarint(protowire.AppendTag(entry, 2, protowire.VarintType), uint64(format))
		}
	}()
	for next := first; ; {
		p.waiting.Add(-int64(len(next.commands)))
		if err := next.ctx.Err(); err != nil {
			next.done <- outcome{err: err} // Nobody waits for it any more.
		} else {
			for _, c := range next.commands {
				entry = c.appendTo(entry)
				format = max(format, c.format)
			}
			commands += len(next.commands)
			batch = append(batch, next)
		}
		if len(entry) >= batchBytes || commands >= batchCommands {
			return batch, entry
		}
		select {
		case next = <-p.queue:
		default:
			return batch, entry
		}
	}
}

// readCommands gives the commands of a batch; nil unless all of them have been decoded, and are of the oldest format, which the entry then is.
func readCommands(batch []*proposal) []*storev1.Command {
	var commands []*storev1.Command
	for _, prop := range batch {
		for _, c := range prop.commands {
			if c.read == nil || c.format > mvcc.OldestFormat {
				return nil
			}
			commands = append(commands, &storev1.Command{Command: &storev1.Command_Txn{Txn: c.read}})
		}
	}
	return commands
}

// land waits for an entry and tells its proposals what came of them.
func (p *proposals) land(ctx context.Context, f flight) {
	err := proposeError(await(ctx, f.future))
	p.decoded.take(f.entry) // When it was not applied.
	p.metrics.proposeSeconds.Observe(time.Since(f.start).Seconds())
	var results []mvcc.Result
	if err == nil {
		results, err = answered(f)
	}
	for _, prop := range f.batch {
		if err != nil {
			prop.done <- outcome{err: err}
			continue
		}
		n := len(prop.commands)
		prop.done <- outcome{results: results[:n:n]}
		results = results[n:]
	}
}

// answered gives what the state machine answered to the commands of an entry.
func answered(f flight) ([]mvcc.Result, error) {
	commands := 0
	for _, prop := range f.batch {
		commands += len(prop.commands)
	}
	switch r := f.future.Response().(type) {
	case []mvcc.Result:
		if len(r) == commands {
			return r, nil
		}
	case error:
		if errors.Is(r, ErrUnreadable) {
			// Others may have applied it.
			return nil, &Error{Reason: OutcomeUnknown, Message: "the outcome of the write is unknown, as this member stopped: " + r.Error()}
		}
		return nil, r
	}
	return nil, &Error{Reason: Internal, Message: "the state machine did not understand its own log entry"}
}

// await waits for one of Raft's futures. Raft leaves some unanswered for ever when it shuts down, so ctx
// has to end then.
func await(ctx context.Context, f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return raft.ErrRaftShutdown
	}
}

// refuse answers what is left in the queue.
func (p *proposals) refuse() {
	for {
		select {
		case prop := <-p.queue:
			p.waiting.Add(-int64(len(prop.commands)))
			prop.done <- outcome{err: errNotLeader}
		default:
			return
		}
	}
}

// proposeError tells entries that never got into the log from those that may have.
func proposeError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress), errors.Is(err, raft.ErrEnqueueTimeout):
		return errNotLeader
	}
	return &Error{Reason: OutcomeUnknown, Message: "the outcome of the write is unknown: " + err.Error()}
}
