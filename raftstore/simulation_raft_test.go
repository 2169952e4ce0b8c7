package raftstore_test

import (
	"bytes"
	"context"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// simTransport is how a simulated member speaks Raft. Unlike TCP it may deliver a message twice, or after a later one.
type simTransport struct {
	host     *simHost
	incoming chan raft.RPC

	mu        sync.Mutex
	heartbeat func(raft.RPC)
}

var (
	_ raft.Transport   = (*simTransport)(nil)
	_ raft.WithPreVote = (*simTransport)(nil)
)

// answerTime bounds how long a member waits for an answer, as the real transport does.
const answerTime = 10 * time.Second

func newSimTransport(h *simHost) *simTransport {
	return &simTransport{host: h, incoming: make(chan raft.RPC)}
}

func (t *simTransport) Consumer() <-chan raft.RPC     { return t.incoming }
func (t *simTransport) LocalAddr() raft.ServerAddress { return raft.ServerAddress(t.host.address) }
func (t *simTransport) EncodePeer(_ raft.ServerID, a raft.ServerAddress) []byte {
	return []byte(a)
}
func (t *simTransport) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

func (t *simTransport) SetHeartbeatHandler(handle func(raft.RPC)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heartbeat = handle
}

// deliver hands a message to this member, and gives where its answer comes.
func (t *simTransport) deliver(ctx context.Context, command any, data []byte) (<-chan raft.RPCResponse, bool) {
	answer := make(chan raft.RPCResponse, 1)
	rpc := raft.RPC{Command: command, RespChan: answer}
	if data != nil {
		rpc.Reader = bytes.NewReader(data)
	}
	if isHeartbeat(command) {
		t.mu.Lock()
		handle := t.heartbeat
		t.mu.Unlock()
		if handle != nil {
			handle(rpc)
			return answer, true
		}
	}
	select {
	case t.incoming <- rpc:
		return answer, true
	case <-t.host.alive.Done():
	case <-ctx.Done():
	}
	return nil, false
}

// isHeartbeat is what the real transport looks at.
func isHeartbeat(command any) bool {
	a, ok := command.(*raft.AppendEntriesRequest)
	return ok && a.Term != 0 && a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}

// send carries a message to another member and hands it over there, perhaps twice.
func (t *simTransport) send(ctx context.Context, to *simHost, command any, data []byte) (<-chan raft.RPCResponse, error) {
	if t.host.net.repeats() {
		go func() {
			if t.host.net.travel(ctx, t.host, to, false) {
				to.raft.deliver(ctx, copied(command), data)
			}
		}()
	}
	if !t.host.net.travel(ctx, t.host, to, false) {
		return nil, t.lost(ctx, to)
	}
	answer, ok := to.raft.deliver(ctx, copied(command), data)
	if !ok {
		return nil, t.lost(ctx, to)
	}
	return answer, nil
}

// receive waits for the answer to a message and carries it back.
func (t *simTransport) receive(ctx context.Context, from *simHost, answer <-chan raft.RPCResponse) (any, error) {
	select {
	case a := <-answer:
		if !t.host.net.travel(ctx, from, t.host, false) {
			return nil, t.lost(ctx, from)
		}
		return a.Response, a.Error
	case <-from.alive.Done():
		return nil, errBroken
	case <-ctx.Done():
		return nil, errLost
	}
}

// lost waits until whoever sent a message that did not arrive gives up on it.
func (t *simTransport) lost(ctx context.Context, to *simHost) error {
	if to.alive.Err() != nil {
		return errBroken
	}
	select {
	case <-ctx.Done():
		return errLost
	case <-to.alive.Done():
		return errBroken
	}
}

// patience ends when an answer is not waited for any longer.
func (t *simTransport) patience() (context.Context, context.CancelFunc) {
	d := answerTime
	if t.host.net.chance(500) {
		d = 300 * time.Millisecond // A connection that broke, which is noticed.
	}
	return context.WithTimeout(t.host.alive, d)
}

func (t *simTransport) call(target raft.ServerAddress, command any, data []byte) (any, error) {
	to := t.host.net.find(string(target))
	if to == nil {
		return nil, errRefused
	}
	ctx, cancel := t.patience()
	defer cancel()
	answer, err := t.send(ctx, to, command, data)
	if err != nil {
		return nil, err
	}
	return t.receive(ctx, to, answer)
}

func ask[R any](t *simTransport, target raft.ServerAddress, command any, data []byte, res *R) error {
	answer, err := t.call(target, command, data)
	if answer != nil {
		*res = *answer.(*R)
	}
	return err
}

func (t *simTransport) AppendEntries(_ raft.ServerID, target raft.ServerAddress, req *raft.AppendEntriesRequest, res *raft.AppendEntriesResponse) error {
	return ask(t, target, req, nil, res)
}

func (t *simTransport) RequestVote(_ raft.ServerID, target raft.ServerAddress, req *raft.RequestVoteRequest, res *raft.RequestVoteResponse) error {
	return ask(t, target, req, nil, res)
}

func (t *simTransport) RequestPreVote(_ raft.ServerID, target raft.ServerAddress, req *raft.RequestPreVoteRequest, res *raft.RequestPreVoteResponse) error {
	return ask(t, target, req, nil, res)
}

func (t *simTransport) TimeoutNow(_ raft.ServerID, target raft.ServerAddress, req *raft.TimeoutNowRequest, res *raft.TimeoutNowResponse) error {
	return ask(t, target, req, nil, res)
}

func (t *simTransport) InstallSnapshot(_ raft.ServerID, target raft.ServerAddress, req *raft.InstallSnapshotRequest, res *raft.InstallSnapshotResponse, data io.Reader) error {
	b, err := io.ReadAll(data)
	if err != nil {
		return err
	}
	return ask(t, target, req, b, res)
}

// copied is a message as the other side decodes it: nobody shares memory.
func copied(command any) any {
	switch c := command.(type) {
	case *raft.AppendEntriesRequest:
		own := *c
		own.Entries = make([]*raft.Log, len(c.Entries))
		for i, e := range c.Entries {
			entry := *e
			own.Entries[i] = &entry
		}
		return &own
	case *raft.RequestVoteRequest:
		own := *c
		return &own
	case *raft.RequestPreVoteRequest:
		own := *c
		return &own
	case *raft.TimeoutNowRequest:
		own := *c
		return &own
	case *raft.InstallSnapshotRequest:
		own := *c
		return &own
	}
	panic("simulated: unknown message")
}

// AppendEntriesPipeline sends entries without waiting for the answers to those before. Within it nothing is overtaken.
func (t *simTransport) AppendEntriesPipeline(_ raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	to := t.host.net.find(string(target))
	if to == nil {
		return nil, errRefused
	}
	p := &simPipeline{transport: t, to: to, waiting: make(chan *simAppend, 64), sent: make(chan *simAppend, 64), done: make(chan raft.AppendFuture, 64)}
	p.ctx, p.stop = context.WithCancel(t.host.alive)
	go p.send()
	go p.receive()
	return p, nil
}

type simPipeline struct {
	transport     *simTransport
	to            *simHost
	ctx           context.Context
	stop          context.CancelFunc
	waiting, sent chan *simAppend
	done          chan raft.AppendFuture
}

// simAppend is one request in a pipeline.
type simAppend struct {
	start  time.Time
	req    *raft.AppendEntriesRequest
	res    *raft.AppendEntriesResponse
	ctx    context.Context
	cancel context.CancelFunc
	answer <-chan raft.RPCResponse
	err    error
	ready  chan struct{}
}

func (a *simAppend) Start() time.Time                      { return a.start }
func (a *simAppend) Request() *raft.AppendEntriesRequest   { return a.req }
func (a *simAppend) Response() *raft.AppendEntriesResponse { return a.res }
func (a *simAppend) Error() error                          { <-a.ready; return a.err }
func (p *simPipeline) Consumer() <-chan raft.AppendFuture  { return p.done }
func (p *simPipeline) Close() error                        { p.stop(); return nil }

// passOn hands something on unless nobody wants it any more.
func passOn[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p *simPipeline) AppendEntries(req *raft.AppendEntriesRequest, res *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	a := &simAppend{start: time.Now(), req: req, res: res, ready: make(chan struct{})}
	if !passOn(p.ctx, p.waiting, a) {
		return nil, raft.ErrPipelineShutdown
	}
	return a, nil
}

func (p *simPipeline) send() {
	for {
		select {
		case a := <-p.waiting:
			ctx, cancel := p.transport.patience()
			a.ctx, a.cancel = ctx, cancel
			a.answer, a.err = p.transport.send(ctx, p.to, a.req, nil)
			if !passOn(p.ctx, p.sent, a) {
				cancel()
				return
			}
		case <-p.ctx.Done():
			return
		}
	}
}

func (p *simPipeline) receive() {
	for {
		select {
		case a := <-p.sent:
			if a.err == nil {
				var res any
				if res, a.err = p.transport.receive(a.ctx, p.to, a.answer); a.err == nil {
					*a.res = *res.(*raft.AppendEntriesResponse)
				}
			}
			a.cancel()
			close(a.ready)
			if !passOn(p.ctx, p.done, raft.AppendFuture(a)) {
				return
			}
		case <-p.ctx.Done():
			return
		}
	}
}
