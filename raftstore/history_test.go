package raftstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"google.golang.org/protobuf/types/known/durationpb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// history is what clients did to a few keys and what they were told, for a checker of linearizability.
type history struct {
	testing.TB
	// moment orders what happened: each call and each return is a later one. Clocks may stand still in between.
	moment atomic.Int64
	value  atomic.Int64
	// bounded has some reads be content with a state of some age. ages are the moments at which something happened, by their time.
	bounded bool
	ages    []age
	// pause is about how long a client thinks between two operations.
	pause time.Duration
	// era is part of the keys. Each new one begins with fresh keys, so that no key's history grows too long to be checked.
	era atomic.Int64

	mu       sync.Mutex
	ops      []porcupine.Operation
	unknown  int
	refused  int
	acked    int
	revision int64
	// written are the revisions at which values are known to have been written.
	written map[string]int64
	seen    []sighting
}

// age says which moment it was at a time.
type age struct {
	at     time.Time
	moment int64
}

// next gives the next moment. Between two there is room for one that is neither.
func (h *history) next() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.moment.Add(2)
	if h.bounded {
		h.ages = append(h.ages, age{time.Now(), m})
	}
	return m
}

// since gives a moment before all those of some time on.
func (h *history) since(at time.Time) int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := sort.Search(len(h.ages), func(i int) bool { return !h.ages[i].at.Before(at) })
	if i == len(h.ages) {
		return h.moment.Load()
	}
	return h.ages[i].moment - 1
}

type opKind int

const (
	opGet opKind = iota
	opPut
	opSwap
)

type opInput struct {
	kind     opKind
	key      string
	old, new string
	// bound is how old a state a get is content with.
	bound time.Duration
}

type opOutput struct {
	value   string
	swapped bool
	unknown bool
}

// registers is a set of independent registers.
var registers = porcupine.Model{
	Partition: func(ops []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		for _, op := range ops {
			key := op.Input.(opInput).key
			byKey[key] = append(byKey[key], op)
		}
		var parts [][]porcupine.Operation
		for _, p := range byKey {
			parts = append(parts, p)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		in, out, value := input.(opInput), output.(opOutput), state.(string)
		switch in.kind {
		case opGet:
			return out.value == value, value
		case opPut:
			return true, in.new
		default:
			holds := value == in.old
			if !out.unknown && out.swapped != holds {
				return false, value
			}
			if holds {
				return true, in.new
			}
			return true, value
		}
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
}

func newHistory(t testing.TB) *history { return &history{TB: t} }

// client works on the keys until ctx ends.
func (h *history) client(ctx context.Context, id int, s raftstore.Store) {
	rnd := rand.New(rand.NewPCG(uint64(id), 7))
	last := map[string]string{}
	for ctx.Err() == nil {
		if h.pause > 0 {
			time.Sleep(time.Duration(rnd.Int64N(int64(2 * h.pause))))
		}
		in := opInput{kind: opKind(rnd.IntN(3)), key: fmt.Sprintf("/history/%d/%d", h.era.Load(), rnd.IntN(4))}
		in.old = last[in.key]
		if in.kind == opSwap && in.old == "" {
			in.kind = opGet
		}
		if in.kind == opGet && h.bounded && rnd.IntN(2) == 0 {
			in.bound = time.Duration(rnd.IntN(400)) * time.Millisecond
		}
		if in.kind != opGet {
			in.new = fmt.Sprint(h.value.Add(1))
		}
		h.do(id, s, in, last)
	}
}

func (h *history) do(id int, s raftstore.Store, in opInput, last map[string]string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	began := time.Now()
	call := h.next()
	var out opOutput
	var err error
	var rev int64
	if in.kind == opGet {
		var res *storev1.RangeResponse
		req := &storev1.RangeRequest{Key: []byte(in.key)}
		if bound := in.bound; h.bounded && bound > 0 {
			// What is read was the newest at some moment from that long ago on: as if the read had begun then.
			req.MaxStaleness = durationpb.New(bound)
			call = min(call, h.since(began.Add(-bound)))
		}
		if res, err = s.Range(ctx, req); err == nil {
			rev = res.Revision
			if len(res.Kvs) > 0 {
				out.value = string(res.Kvs[0].Value)
			}
			last[in.key] = out.value
		}
	} else {
		req := putReq(in.key, in.new)
		if in.kind == opSwap {
			req.Compares = []*storev1.Compare{{Key: []byte(in.key), Target: &storev1.Compare_Value{Value: []byte(in.old)}}}
		}
		var res *storev1.TxnResponse
		if res, err = s.Txn(ctx, req); err == nil {
			rev = res.Revision
			out.swapped = res.Succeeded
			if res.Succeeded {
				last[in.key] = in.new
			}
		}
	}
	end := h.next()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err == nil:
		h.acked++
		h.revision = max(h.revision, rev)
		if rev > 0 {
			h.seen = append(h.seen, sighting{call: call, end: end, rev: rev, wrote: in.kind == opPut || out.swapped})
		}
		if rev > 0 && (in.kind == opPut || out.swapped) {
			if h.written == nil {
				h.written = map[string]int64{}
			}
			h.written[in.new] = rev
		}
	case in.kind == opGet, errors.Is(err, raftstore.ErrUnavailable):
		h.refused++
		return // Nothing happened, and nothing was learned.
	case errors.Is(err, raftstore.ErrOutcomeUnknown), errors.Is(err, context.DeadlineExceeded):
		h.unknown++
		out.unknown = true
		end = math.MaxInt64 // It may happen at any time from here on, or never: which is the same as at the very end.
		delete(last, in.key)
	default:
		h.Errorf("%+v: %v", in, err)
		return
	}
	h.ops = append(h.ops, porcupine.Operation{ClientId: id, Input: in, Call: call, Output: out, Return: end})
}

// check says whether the history can be explained by registers that change one operation at a time.
func (h *history) check() {
	h.Helper()
	h.Logf("%d operations acknowledged, %d refused, %d with unknown outcome", h.acked, h.refused, h.unknown)
	if h.acked < 100 {
		h.Errorf("only %d operations were acknowledged", h.acked)
	}
	h.linearizable()
}

func (h *history) linearizable() {
	h.Helper()
	if result := porcupine.CheckOperationsTimeout(registers, h.ops, time.Minute); result != porcupine.Ok {
		h.Errorf("linearizability: %s", result)
	}
	h.revisionsInOrder()
}

func TestCheckerSeesStaleRead(t *testing.T) {
	stale := []porcupine.Operation{
		{ClientId: 0, Input: opInput{kind: opPut, key: "a", new: "1"}, Output: opOutput{}, Call: 0, Return: 1},
		{ClientId: 0, Input: opInput{kind: opPut, key: "a", new: "2"}, Output: opOutput{}, Call: 2, Return: 3},
		{ClientId: 1, Input: opInput{kind: opGet, key: "a"}, Output: opOutput{value: "1"}, Call: 4, Return: 5},
	}
	if porcupine.CheckOperations(registers, stale) {
		t.Fatal("a stale read passes for linearizable")
	}
}

// TestLinearizableWhileLeadersChange has clients on the leader and on followers work while leadership is
// moved about and members are stopped and started.
func TestLinearizableWhileLeadersChange(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.leader()
	h := newHistory(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	_, tls := c.tls("system:apiserver")
	for i, nd := range c.nodes {
		pinned := raftstore.NewPinned(raftstore.ClientConfig{Endpoints: []string{nd.address}, TLS: tls})
		t.Cleanup(pinned.Close)
		wg.Go(func() { h.client(ctx, i, pinned) })
	}
	for i := 3; i < 6; i++ {
		client := c.client()
		wg.Go(func() { h.client(ctx, i, client) })
	}
	admin := c.client()
	for i := range 6 {
		if i%3 == 2 {
			c.restart(c.leader())
			continue
		}
		if _, err := admin.MoveLeader(ctx, &storev1.MoveLeaderRequest{}); err != nil && !errors.Is(err, raftstore.ErrRefused) && !errors.Is(err, raftstore.ErrOutcomeUnknown) {
			t.Errorf("MoveLeader: %v", err)
		}
		target := c.leader().id
		c.waitFor("some operations under "+target, func() bool {
			h.mu.Lock()
			defer h.mu.Unlock()
			return h.acked > 150*(i+1)
		})
	}
	cancel()
	wg.Wait()
	h.check()
	c.sameEverywhere()
}

// sameEverywhere checks that all members hold the very same state, history and all.
func (c *cluster) sameEverywhere() {
	c.Helper()
	var first []byte
	for _, nd := range c.nodes {
		var copied bytes.Buffer
		if _, err := nd.WriteSnapshot(timeout(c.T), &copied); err != nil {
			c.Fatal(err)
		}
		if first == nil {
			first = copied.Bytes()
		}
		if !bytes.Equal(first, copied.Bytes()) {
			c.Errorf("%s holds another state than %s", nd.id, c.nodes[0].id)
		}
	}
}
