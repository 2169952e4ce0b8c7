package raftstore

import (
	"context"
	"errors"
	"fmt"
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
	// batchesInFlight is how many entries are on their way at once: while one is being written to
	// disks, the next fills up.
	batchesInFlight = 3
	// enqueueTimeout bounds how long an entry waits for Raft to take it.
	enqueueTimeout = 5 * time.Second
)

// errNotLeader: the command was not proposed, as this member does not lead. Whoever gets it finds the
// leader and tries again; it does not leave the package.
var errNotLeader = &Error{Reason: Unavailable, Message: "this member does not lead the store"}

// proposal is one command on its way.
type proposal struct {
	ctx     context.Context
	command []byte
	// done gets the outcome once; it never blocks the sender.
	done chan outcome
}

type outcome struct {
	result mvcc.Result
	err    error
}

// proposals gathers commands into log entries: one entry, and so one write to each disk, for all
// commands that came while the entries before it were under way.
type proposals struct {
	raft    *raft.Raft
	metrics *metrics
	queue   chan *proposal
	flying  chan flight
	// stopped is closed once nothing will be proposed any more.
	stopped chan struct{}
}

type flight struct {
	batch  []*proposal
	future raft.ApplyFuture
	start  time.Time
}

func newProposals(r *raft.Raft, m *metrics) *proposals {
	return &proposals{
		raft: r, metrics: m,
		queue: make(chan *proposal, proposalQueue), flying: make(chan flight, batchesInFlight), stopped: make(chan struct{}),
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
	prop := &proposal{ctx: ctx, command: data, done: make(chan outcome, 1)}
	select {
	case p.queue <- prop:
	default:
		return mvcc.Result{}, &Error{Reason: TooManyRequests, Message: fmt.Sprintf("%d writes are waiting already", proposalQueue)}
	}
	var o outcome
	select {
	case o = <-prop.done:
	case <-ctx.Done():
		return mvcc.Result{}, ctx.Err()
	case <-p.stopped:
		select {
		case o = <-prop.done:
		default:
			o.err = errNotLeader // Queued when nobody looked any more.
		}
	}
	if o.err == nil {
		o.err = o.result.Err
	}
	return o.result, o.err
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
		start := time.Now()
		// Blocks while Raft writes an earlier entry, and on flying while too many are under way; the
		// queue fills up meanwhile.
		p.flying <- flight{batch: batch, future: p.raft.Apply(data, enqueueTimeout), start: start}
	}
}

// answerEarly is the mistake of mutant.EarlyAnswers: it promises what may never be.
func (p *proposals) answerEarly(batch []*proposal) {
	for _, prop := range batch {
		var c storev1.Command
		if err := proto.Unmarshal(prop.command, &c); err == nil && c.GetTxn() != nil && len(c.GetTxn().Compares) == 0 {
			select {
			case prop.done <- outcome{result: mvcc.Result{Txn: &storev1.TxnResponse{Succeeded: true}}}:
			default:
			}
			prop.done = make(chan outcome, 1) // Where the truth goes, unheard.
		}
	}
}

// gather makes a log entry of first and what is queued behind it. The entry is a LogEntry, put
// together from commands that are encoded already.
func (p *proposals) gather(first *proposal) (batch []*proposal, entry []byte) {
	for next := first; ; {
		if err := next.ctx.Err(); err != nil {
			next.done <- outcome{err: err} // Nobody waits for it any more.
		} else {
			entry = protowire.AppendTag(entry, 1, protowire.BytesType)
			entry = protowire.AppendBytes(entry, next.command)
			batch = append(batch, next)
		}
		if len(entry) >= batchBytes || len(batch) >= batchCommands {
			return batch, entry
		}
		select {
		case next = <-p.queue:
		default:
			return batch, entry
		}
	}
}

// land waits for an entry and tells its proposals what came of them.
func (p *proposals) land(ctx context.Context, f flight) {
	err := proposeError(await(ctx, f.future))
	p.metrics.proposeSeconds.Observe(time.Since(f.start).Seconds())
	if err == nil {
		results, ok := f.future.Response().([]mvcc.Result)
		if !ok || len(results) != len(f.batch) {
			err = &Error{Reason: Internal, Message: "the state machine did not understand its own log entry"}
		} else {
			for i, prop := range f.batch {
				prop.done <- outcome{result: results[i]}
			}
			return
		}
	}
	for _, prop := range f.batch {
		prop.done <- outcome{err: err}
	}
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
