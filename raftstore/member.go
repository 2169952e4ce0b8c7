package raftstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/types/known/timestamppb"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
	"kaji.dev/kaji/raftstore/watch"
)

// Member is one replica of the store. It implements Store, and the other methods of StoreService.
// Requests that only the leader can carry out are passed on to it.
type Member struct {
	cfg     Config
	log     hclog.Logger
	metrics *metrics

	state *mvcc.State
	fsm   *fsm
	hub   *watch.Hub

	raft      *raft.Raft
	transport raft.Transport
	kept      *storage
	keeper    *keeper
	// stream is where connections of other members come in; a simulated member has none.
	stream *raftStream
	peers  connections
	// exchanges are how writes and reads of single keys are passed on to the leader.
	exchanges *exchanges

	proposals  *proposals
	reads      *reads
	fresh      *freshness
	leases     *leaseClock
	leadership *leadership
	room       *room
	// freeing has something in it while there may be compacted changes to free.
	freeing chan struct{}
	// applied wakes those that wait for a revision; leaderChanged those that wait for a leader.
	applied, leaderChanged broadcast
	// membership is held by the change of members that is under way.
	membership sync.Mutex
	// hashing has room for the one who hashes.
	hashing chan struct{}

	// metricsAt is where metrics are served, once they are.
	metricsAt atomic.Pointer[string]

	// failed gets why the member cannot go on.
	failed chan error
	// draining is closed when no more calls are taken from exchanges, closing when the member shuts down.
	draining, closing chan struct{}
	drained, close    sync.Once
	// living ends once Raft has shut down.
	living  context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
}

var _ Store = (*Member)(nil)

// raftLogCache is how many log entries stay in memory for members that lag a little.
const raftLogCache = 128

// snapshotsKept is how many snapshots stay on disk: the newest, and one in case that is damaged.
const snapshotsKept = 2

// openMember starts a replica from its data directory. Connections of other members reach it through
// stream; its own service is served by Run.
func openMember(cfg Config, log hclog.Logger) (*Member, error) {
	stream := newRaftStream(cfg.ClientTLS, cfg.AdvertiseAddress, log)
	m, err := openMemberIn(realWorld(&cfg, stream), cfg, log)
	if err != nil {
		return nil, err
	}
	m.stream = stream
	succession := &succession{member: m, transport: m.transport}
	m.running.Go(func() { succession.run(m.living) })
	return m, nil
}

// openMemberIn starts a replica in some world.
func openMemberIn(w world, cfg Config, log hclog.Logger) (*Member, error) {
	m := &Member{
		cfg: cfg, log: log, metrics: newMetrics(), state: mvcc.New(), peers: w.peers,
		exchanges: newExchanges(w.peers, cfg.ID), failed: make(chan error, 1), draining: make(chan struct{}), closing: make(chan struct{}), hashing: make(chan struct{}, 1),
	}
	m.leases = &leaseClock{member: m}
	m.leadership = &leadership{member: m}
	m.reads, m.fresh = newReads(m), newFreshness(m)
	m.room = &room{member: m, wake: make(chan struct{}, 1)}
	m.freeing = make(chan struct{}, 1)
	m.fsm = &fsm{
		state: m.state, log: log, metrics: m.metrics, decoded: newDecoded(), applied: &m.applied, granted: m.leases.granted, restored: m.leases.restored,
		compacted: m.compacted, wrote: m.room.wrote, raised: w.raised, newest: cfg.newestFormat,
	}
	if w.raised == nil {
		m.fsm.raised = func(mvcc.Format) {}
	}

	notices := make(chan bool, 64)
	if err := m.openRaft(w, notices); err != nil {
		return nil, err
	}
	// After Raft has restored the newest snapshot, so that watches begin there.
	m.hub = watch.NewHub(m.state, watch.Options{Progress: cfg.ProgressInterval})
	m.proposals = newProposals(m.raft, m.metrics, m.fsm.decoded)

	ctx, stop := context.WithCancel(context.Background())
	m.living, m.stop = ctx, stop
	for _, part := range []func(){
		func() { m.proposals.run(ctx) },
		func() { m.reads.run(ctx) },
		func() { m.fresh.run(ctx) },
		func() { m.leadership.run(ctx, notices) },
		func() { m.dispatch(ctx) },
		func() { m.followLeader(ctx) },
		func() { m.snapshotBySize(ctx) },
		func() { m.free(ctx) },
		func() { m.room.run(ctx) },
	} {
		m.running.Go(part)
	}
	return m, nil
}

// openRaft opens log, vote and snapshots, bootstraps a new store, and starts Raft.
func (m *Member) openRaft(w world, notices chan<- bool) (err error) {
	raftLog := m.log.Named("raft")
	if m.kept, err = w.storage(&m.cfg, m.log); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.kept.close())
		}
	}()
	if m.keeper, err = newKeeper(m.kept.logs, m.kept.snapshots, m.log); err != nil {
		return err
	}
	stable, snapshots := m.kept.stable, keptSnapshots{m.keeper}
	logs, err := raft.NewLogCache(raftLogCache, &configLog{LogStore: keptLog{m.kept.logs, m.keeper}, leads: m.leading, lost: m.fail})
	if err != nil {
		return err
	}
	transport := openVotes{Transport: w.transport(raftLog), raft: &atomic.Pointer[raft.Raft]{}}
	defer func() {
		if err != nil {
			transport.Close()
		}
	}()
	rc := m.raftConfig(notices, raftLog)
	if len(m.cfg.Members) > 0 {
		old, err := raft.HasExistingState(logs, stable, snapshots)
		if err != nil {
			return err
		}
		if !old {
			first := configurationOf(m.cfg.Members)
			if err := raft.BootstrapCluster(rc, logs, stable, snapshots, transport, first); err != nil {
				return fmt.Errorf("bootstrapping: %w", err)
			}
			m.log.Info("new store", "members", len(first.Servers))
		}
	}
	m.transport = transport
	m.raft, err = startRaft(rc, m.fsm, logs, stable, snapshots, transport)
	transport.raft.Store(m.raft)
	if halted := m.fsm.halt.err(); halted != nil && err != nil {
		return halted
	}
	return err
}

// startRaft is raft.NewRaft, which panics when it cannot read its log.
func startRaft(rc *raft.Config, fsm raft.FSM, logs raft.LogStore, stable raft.StableStore, snapshots raft.SnapshotStore, transport raft.Transport) (r *raft.Raft, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the log is damaged; remove this member and add it under a new id: %v", p)
		}
	}()
	return raft.NewRaft(rc, fsm, logs, stable, snapshots, transport)
}

// fail ends the member, as soon as whoever serves it sees that.
func (m *Member) fail(err error) {
	select {
	case m.failed <- err:
	default: // It is ending already.
	}
}

func (m *Member) raftConfig(notices chan<- bool, log hclog.Logger) *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(m.cfg.ID)
	rc.Logger = log
	rc.NotifyCh = notices
	rc.HeartbeatTimeout = m.cfg.HeartbeatTimeout
	rc.ElectionTimeout = m.cfg.HeartbeatTimeout
	rc.LeaderLeaseTimeout = m.cfg.HeartbeatTimeout / 2
	// How long a follower may not know that what it has is committed; its watches are late by as much. The
	// leader sends as often when idle, so less costs every member CPU for ever.
	rc.CommitTimeout = 50 * time.Millisecond
	rc.MaxAppendEntries = 64
	rc.SnapshotThreshold = m.cfg.SnapshotEntries
	rc.SnapshotInterval = 10 * time.Second
	rc.TrailingLogs = m.cfg.TrailingEntries
	rc.NoLegacyTelemetry = true
	return rc
}

// dispatch hands what is applied to watchers until ctx ends.
func (m *Member) dispatch(ctx context.Context) {
	for {
		woken := m.applied.next()
		m.hub.Dispatch()
		select {
		case <-woken:
		case <-ctx.Done():
			return
		}
	}
}

// followLeader wakes those that wait for a leader, and cuts off watches when there has been none for so
// long that what they tell may be old.
func (m *Member) followLeader(ctx context.Context) {
	seen := make(chan raft.Observation, 64)
	observer := raft.NewObserver(seen, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState:
			return true
		}
		return false
	})
	m.raft.RegisterObserver(observer)
	defer m.raft.DeregisterObserver(observer)
	patience := 3 * m.cfg.HeartbeatTimeout
	tick := time.NewTicker(patience / 4)
	defer tick.Stop()
	led := time.Now()
	for {
		select {
		case <-seen:
			m.leaderChanged.wake()
		case <-tick.C:
			if m.leaderAddress() != "" {
				led = time.Now()
			} else if time.Since(led) > patience {
				m.hub.Interrupt()
			}
		case <-ctx.Done():
			return
		}
	}
}

// snapshotBySize has a snapshot made when the log has grown by many bytes; Raft itself counts entries.
func (m *Member) snapshotBySize(ctx context.Context) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if m.fsm.logBytes.Load() < m.cfg.SnapshotBytes {
				continue
			}
			if err := await(ctx, m.raft.Snapshot()); err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) && ctx.Err() == nil {
				m.log.Warn("snapshot failed and will be tried again", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// leaderAddress gives where the leader is; empty when there is none.
func (m *Member) leaderAddress() string {
	address, _ := m.raft.LeaderWithID()
	return string(address)
}

// Status implements Store.
func (m *Member) Status(ctx context.Context, _ *storev1.StatusRequest) (*storev1.StatusResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	_, leader := m.raft.LeaderWithID()
	st := m.state.Stats()
	res := &storev1.StatusResponse{
		MemberId: m.cfg.ID, LeaderId: string(leader), State: m.raft.State().String(),
		Term: m.raft.CurrentTerm(), LastIndex: m.raft.LastIndex(), AppliedIndex: m.raft.AppliedIndex(),
		Revision: st.Revision, CompactRevision: st.Compacted, Keys: st.Keys, Bytes: st.Bytes,
		LiveBytes: st.LiveBytes, QuotaBytes: m.cfg.QuotaBytes, Members: m.members(),
		Format: uint32(st.Format), OldestFormat: uint32(mvcc.OldestFormat), NewestFormat: uint32(m.fsm.newest),
		Alarms: m.room.alarms(st), DiskFreeBytes: m.room.free.Load(), DiskReserveBytes: m.room.reserve.Load(),
	}
	if s := m.keeper.newest(); s != nil {
		res.SnapshotIndex = s.index
		if !s.time.IsZero() {
			res.SnapshotTime = timestamppb.New(s.time)
		}
	}
	if err := m.keeper.failing(); err != nil {
		res.LogError = err.Error()
	}
	return res, nil
}

// drain ends watches, and has those who hold exchanges go elsewhere.
func (m *Member) drain() {
	m.drained.Do(func() { close(m.draining) })
	m.hub.Close()
}

// shutDown ends the member: first what waits for it, then Raft, then its log. It may be called again.
func (m *Member) shutDown() {
	m.close.Do(func() {
		close(m.closing)
		m.drain()
		if m.stream != nil {
			m.stream.stopDialing()
		}
		if err := m.raft.Shutdown().Error(); err != nil {
			m.log.Warn("Raft did not shut down well", "error", err)
		}
		m.stop()
		m.running.Wait()
		if m.stream != nil {
			m.stream.Close()
		}
		m.exchanges.close()
		m.peers.close()
		if err := m.kept.close(); err != nil {
			m.log.Warn("closing the log", "error", err)
		}
	})
}

func byteCount(n int64) string {
	const unit = 1 << 20
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/unit)
}
