package raftstore

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// ClientConfig is what a client of the store needs.
type ClientConfig struct {
	// Endpoints are host:port of members, any number of them; the others are learned from these.
	Endpoints []string
	// TLS is mandatory: the client's certificate decides whether it may come in.
	TLS *tls.Config
	// Patience is how long a request that was not carried out is tried again; 0 means 15 s. ctx may end it earlier.
	Patience time.Duration
	// AttemptTimeout is how long one member may take to answer a read before another is asked; 0 means 5 s.
	AttemptTimeout time.Duration
}

// Validate says what is missing.
func (c *ClientConfig) Validate() error {
	switch {
	case len(c.Endpoints) == 0:
		return errors.New("store client: no endpoints")
	case slices.Contains(c.Endpoints, ""):
		return errors.New("store client: an endpoint is empty")
	case c.TLS == nil:
		return errors.New("store client: no TLS settings")
	}
	return nil
}

// Client is a Store that is reached over gRPC. It prefers the leader, goes on to other members when
// one is lost, tries reads again, and tries writes again only when they were certainly not carried out.
type Client struct {
	cfg       ClientConfig
	peers     connections
	exchanges *exchanges

	mu sync.Mutex
	// addresses are the endpoints, and what members said of each other's addresses.
	addresses []string
	// choice is by chance; it spreads over the followers what clients ask them.
	choice int
	// current is where requests go, leader the last address that said it leads.
	current, leader string
	// term is the term of leader. Who claims an earlier one has been deposed and does not know it yet.
	term uint64
	// led ends when another leader is found: writes that still wait for the one before it are given up.
	led   context.Context
	leave context.CancelFunc

	// watches are the streams of its watches; they end with living.
	watches watchStreams
	living  context.Context

	// looked is closed after the first look at who leads; lost asks for another.
	looked chan struct{}
	lost   chan struct{}
	cancel context.CancelFunc
	done   sync.WaitGroup
}

var _ Store = (*Client)(nil)

const (
	// leaderLook is how often a client looks who leads when nothing goes wrong.
	leaderLook = 3 * time.Second
	// firstPause and lastPause bound the time between two tries.
	firstPause = 20 * time.Millisecond
	lastPause  = time.Second
)

// NewClient makes a client. It connects when first used; Close ends it.
func NewClient(cfg ClientConfig) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return newClientOver(newPeers(cfg.TLS), cfg), nil
}

// newClientOver makes a client over some connections.
func newClientOver(peers connections, cfg ClientConfig) *Client {
	setDefault(&cfg.Patience, 15*time.Second)
	setDefault(&cfg.AttemptTimeout, 5*time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		cfg: cfg, peers: peers, exchanges: newExchanges(peers, ""), cancel: cancel, living: ctx, choice: rand.IntN(1 << 20),
		addresses: slices.Clone(cfg.Endpoints), current: cfg.Endpoints[0],
		looked: make(chan struct{}), lost: make(chan struct{}, 1),
	}
	c.led, c.leave = context.WithCancel(ctx)
	c.done.Go(func() { c.followLeader(ctx) })
	return c
}

// Close ends the client's connections, and with them its watches.
func (c *Client) Close() {
	c.cancel()
	c.done.Wait()
	c.watches.close()
	c.exchanges.close()
	c.peers.close()
}

// followLeader keeps current at the leader.
func (c *Client) followLeader(ctx context.Context) {
	timer := time.NewTimer(leaderLook)
	defer timer.Stop()
	for first := true; ; first = false {
		again := leaderLook
		if !c.findLeader(ctx) {
			again = leaderLook / 10 // There is none, or none that can be reached.
		}
		if first {
			close(c.looked)
		}
		timer.Reset(again/2 + rand.N(again))
		select {
		case <-timer.C:
		case <-c.lost:
		case <-ctx.Done():
			return
		}
	}
}

// findLeader asks members who leads, and makes the leader current once it has said so itself: what
// others call it by may not be an address that works from here.
func (c *Client) findLeader(ctx context.Context) bool {
	c.mu.Lock()
	ask := append([]string{c.current}, c.addresses...)
	c.mu.Unlock()
	asked := map[string]bool{}
	for len(ask) > 0 && ctx.Err() == nil {
		address := ask[0]
		ask = ask[1:]
		if asked[address] {
			continue
		}
		asked[address] = true
		st, err := c.statusOf(ctx, address)
		if err != nil {
			continue
		}
		c.heard(st.Members)
		if st.LeaderId != "" && st.LeaderId == st.MemberId && c.found(ctx, address, st) {
			return true
		}
		for _, m := range st.Members {
			if m.Id == st.LeaderId {
				ask = append([]string{m.Address}, ask...)
			}
		}
	}
	return false
}

// found takes over who leads, by its own word.
func (c *Client) found(ctx context.Context, leader string, st *storev1.StatusResponse) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if st.Term < c.term {
		return false
	}
	c.current, c.term = leader, st.Term
	c.learn(st.Members)
	if c.leader != leader {
		c.leader = leader
		c.leave()
		c.led, c.leave = context.WithCancel(ctx)
	}
	return true
}

// giveUp ends the context of a write to the leader when another is found: one that hangs would keep the write for as
// long as its connection seems to live. Members that do not lead look after what they forward themselves. stop
// must be called when the write is done.
func (c *Client) giveUp(address string, cancel context.CancelFunc) (stop func() bool) {
	c.mu.Lock()
	led, leader := c.led, c.leader
	c.mu.Unlock()
	if leader != address {
		return func() bool { return true }
	}
	return context.AfterFunc(led, cancel)
}

// deposed tells when an address that led does so no longer.
func (c *Client) deposed(address string) gone {
	c.mu.Lock()
	led, leader := c.led, c.leader
	c.mu.Unlock()
	if leader != address {
		return neverGone
	}
	return func() (<-chan struct{}, bool) { return led.Done(), led.Err() != nil }
}

func neverGone() (<-chan struct{}, bool) { return nil, false }

// learn adds addresses of members and drops those of members that are gone. Called with mu held.
func (c *Client) learn(members []*storev1.Member) {
	known := slices.Clone(c.cfg.Endpoints)
	for _, m := range members {
		if !slices.Contains(known, m.Address) {
			known = append(known, m.Address)
		}
	}
	c.addresses = known
}

// heard adds the addresses of members that some member knows: all that this client began with may be gone before it reaches a leader. Only
// the leader's word drops any, as others may know older ones.
func (c *Client) heard(members []*storev1.Member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range members {
		if !slices.Contains(c.addresses, m.Address) {
			c.addresses = append(slices.Clip(c.addresses), m.Address)
		}
	}
}

func (c *Client) statusOf(ctx context.Context, address string) (*storev1.StatusResponse, error) {
	conn, err := c.peers.get(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	return storev1.NewStoreServiceClient(conn).Status(ctx, &storev1.StatusRequest{})
}

// target gives where requests go now. The first ones wait for the first look at who leads.
func (c *Client) target(ctx context.Context) (string, storev1.StoreServiceClient, error) {
	select {
	case <-c.looked:
	case <-ctx.Done():
		return "", nil, ctx.Err()
	}
	c.mu.Lock()
	address := c.current
	c.mu.Unlock()
	conn, err := c.peers.get(address)
	if err != nil {
		return "", nil, &Error{Reason: Unavailable, Message: err.Error()}
	}
	return address, storev1.NewStoreServiceClient(conn), nil
}

// failed moves on from an address that did not serve, unless somebody has already.
func (c *Client) failed(address string) {
	c.mu.Lock()
	if c.current == address {
		i := slices.Index(c.addresses, address)
		c.current = c.addresses[(i+1)%len(c.addresses)]
	}
	c.mu.Unlock()
	select {
	case c.lost <- struct{}{}:
	default:
	}
}

// retry calls until a member has answered, for as long as that is safe and patience lasts.
func retry[R any](ctx context.Context, c *Client, write bool, call func(context.Context, storev1.StoreServiceClient) (R, error)) (R, error) {
	return retryVia(ctx, c, func(address string, client storev1.StoreServiceClient) (R, error) {
		return attempt(ctx, c, address, client, write, call)
	})
}

// retryVia is retry, by any way to the member at an address.
func retryVia[R any](ctx context.Context, c *Client, try func(address string, client storev1.StoreServiceClient) (R, error)) (R, error) {
	var none R
	begin := time.Now()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		address, client, err := c.target(ctx)
		if err != nil {
			return none, err
		}
		r, err := try(address, client)
		if !errors.Is(err, ErrUnavailable) {
			if errors.Is(err, ErrOutcomeUnknown) {
				c.failed(address)
			}
			return r, err
		}
		c.failed(address)
		if time.Since(begin) > c.cfg.Patience {
			return none, err
		}
		if err := sleep(ctx, pause); err != nil {
			return none, err
		}
	}
}

func attempt[R any](ctx context.Context, c *Client, address string, client storev1.StoreServiceClient, write bool, call func(context.Context, storev1.StoreServiceClient) (R, error)) (R, error) {
	callCtx, sent := watchSending(ctx)
	var cancel context.CancelFunc
	if write {
		callCtx, cancel = context.WithCancel(callCtx)
		defer c.giveUp(address, cancel)()
	} else {
		callCtx, cancel = context.WithTimeout(callCtx, c.cfg.AttemptTimeout)
	}
	defer cancel()
	r, err := call(callCtx, client)
	return r, fromStatus(ctx, err, sent.Load(), write)
}

// sleep waits about d, so that many who wait do not come back at once.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Txn implements Store.
func (c *Client) Txn(ctx context.Context, req *storev1.TxnRequest) (*storev1.TxnResponse, error) {
	// Refused here, as the member would: a request past gRPC's bounds would not get there.
	if err := mvcc.ValidateTxn(req); err != nil {
		return nil, err
	}
	return retryVia(ctx, c, func(address string, client storev1.StoreServiceClient) (*storev1.TxnResponse, error) {
		r, err := c.exchanges.txn(ctx, address, req, c.deposed(address))
		if !errors.Is(err, errUnary) {
			return r, err
		}
		return attempt(ctx, c, address, client, true, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.TxnResponse, error) {
			return s.Txn(ctx, req)
		})
	})
}

// Compact implements Store.
func (c *Client) Compact(ctx context.Context, req *storev1.CompactRequest) (*storev1.CompactResponse, error) {
	// Compacting twice is the same as once, so it can be tried again like a read.
	return retry(ctx, c, false, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.CompactResponse, error) {
		return s.Compact(ctx, req)
	})
}

// LeaseGrant implements Store.
func (c *Client) LeaseGrant(ctx context.Context, req *storev1.LeaseGrantRequest) (*storev1.LeaseGrantResponse, error) {
	return retry(ctx, c, true, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.LeaseGrantResponse, error) {
		return s.LeaseGrant(ctx, req)
	})
}

// LeaseRevoke implements Store.
func (c *Client) LeaseRevoke(ctx context.Context, req *storev1.LeaseRevokeRequest) (*storev1.LeaseRevokeResponse, error) {
	return retry(ctx, c, true, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.LeaseRevokeResponse, error) {
		return s.LeaseRevoke(ctx, req)
	})
}

// LeaseKeepAlive implements Store.
func (c *Client) LeaseKeepAlive(ctx context.Context, req *storev1.LeaseKeepAliveRequest) (*storev1.LeaseKeepAliveResponse, error) {
	return retry(ctx, c, false, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.LeaseKeepAliveResponse, error) {
		return keepAliveOnce(ctx, s, req)
	})
}

// Status implements Store; it is the status of the member that the client's requests go to.
func (c *Client) Status(ctx context.Context, req *storev1.StatusRequest) (*storev1.StatusResponse, error) {
	return retry(ctx, c, false, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.StatusResponse, error) {
		return s.Status(ctx, req)
	})
}
