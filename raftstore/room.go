package raftstore

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

const (
	// roomTick is how often a member looks at its disk; the leader asks the others for theirs every askTicks, and whenever so much was
	// written, or its own is short, that the last answers may be of no use.
	roomTick = time.Second
	askTicks = 5
	// cutTicks is how often a member whose disk is short of room has the log cut by a snapshot.
	cutTicks = 10
	// roomBytes of log are applied at most until a member looks at its disk again.
	roomBytes = 8 << 20
	// historyMargin is what history may have beyond twice its bound before puts wait: compaction follows within seconds.
	historyMargin = 64 << 20
)

// level is how short of room a disk is.
type level int32

const (
	// roomy: nothing is refused.
	roomy level = iota
	// short: what makes the store grow is refused.
	short
	// out: all puts are refused, so that deletes and compactions, which bring room back, find some.
	out
)

// room is what a member has to spare on its disk, and what of it the leader demands of writes.
type room struct {
	member        *Member
	free, reserve atomic.Int64
	own           atomic.Int32
	// demanded is the level of which a quorum is no worse, on the leader; roomy on others.
	demanded atomic.Int32
	// full: the live bytes have reached the quota and not come far enough down since.
	full atomic.Bool
	// unseen are bytes of log since the last look; wake asks for one.
	unseen atomic.Int64
	wake   chan struct{}
	// others are the levels that other voters told the leader. It belongs to run.
	others map[string]level
	// held is the most bytes that the state had since the disk is short or it shrank to half, cuts how often it is to be cut soon. They belong to run.
	held int64
	cuts int
}

// isFull tells whether the live bytes are at the quota. Once they are they have to come down by a twentieth, so that a store at its edge
// does not take one write and refuse the next.
func (r *room) isFull(live int64) bool {
	quota := r.member.cfg.QuotaBytes
	switch {
	case live >= quota:
		r.full.Store(true)
	case live < quota-quota/20:
		r.full.Store(false)
	}
	return r.full.Load()
}

// levelOf judges free bytes, of which reserve should stay, and floor must for deletes to find room. A disk that was short has to have a
// quarter more than the reserve to be roomy again.
func levelOf(free, reserve, floor int64, was level) level {
	switch {
	case free < floor:
		return out
	case free < reserve, was != roomy && free < reserve+reserve/4:
		return short
	}
	return roomy
}

// quorumLevel is the level of which a quorum of voters is no worse.
func quorumLevel(voters []level) level {
	if len(voters) == 0 {
		return roomy
	}
	voters = slices.Sorted(slices.Values(voters))
	return voters[len(voters)/2]
}

// wrote is told of bytes that went into the log.
func (r *room) wrote(n int) {
	if r.unseen.Add(int64(n)) < roomBytes {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// floor is what is left for deletes and compactions alone: by default a segment.
func (r *room) floor() int64 { return r.member.cfg.DiskReserveBytes / 3 }

// measure looks at the disk.
func (r *room) measure() error {
	r.unseen.Store(0)
	free, err := r.member.kept.free()
	if err != nil {
		return err
	}
	// A snapshot has to fit, or the log would never be cut again.
	reserve := r.member.cfg.DiskReserveBytes + r.member.state.Stats().Bytes
	r.free.Store(free)
	r.reserve.Store(reserve)
	was := level(r.own.Load())
	now := levelOf(free, reserve, r.floor(), was)
	r.own.Store(int32(now))
	if (now == roomy) != (was == roomy) {
		if now == roomy {
			r.member.log.Info("the disk has room again", "free", free, "reserve", reserve)
		} else {
			r.member.log.Warn("the disk is running out of room: make some, or delete objects and compact", "free", free, "reserve", reserve)
		}
	}
	return nil
}

// run looks after the disk until ctx ends. In a world without disks, and without a reserve, there is nothing to do.
func (r *room) run(ctx context.Context) {
	m := r.member
	if m.kept.free == nil || m.cfg.DiskReserveBytes < 0 {
		return
	}
	tick := time.NewTicker(roomTick)
	defer tick.Stop()
	failed := false
	for n, ticked := 0, true; ; {
		err := r.measure()
		if err != nil && !failed {
			m.log.Warn("cannot tell how much room the disk has", "error", err)
		}
		failed = err != nil
		r.lead(ctx, ticked && n%askTicks == 0, !ticked)
		if ticked && level(r.own.Load()) != roomy {
			r.cutLog(ctx, n%cutTicks == 0)
		}
		select {
		case <-tick.C:
			ticked = true
			n++
		case <-r.wake:
			ticked = false
		case <-ctx.Done():
			return
		}
	}
}

// lead finds out, on the leader, what to demand of writes. A few voters whose disks are full hold nobody up: they fall behind, and come
// back. A leader that is one of them hands over when it is due. Disks that are alike run short at the same moment: a leader that went by what
// the others said seconds ago would fill them.
func (r *room) lead(ctx context.Context, due, written bool) {
	m := r.member
	if !m.leading() {
		r.others = nil
		r.demanded.Store(int32(roomy))
		return
	}
	var voters []*storev1.Member
	for _, who := range m.members() {
		if who.Voter && who.Id != m.cfg.ID {
			voters = append(voters, who)
		}
	}
	own := level(r.own.Load())
	if r.others == nil || due || written || own != roomy {
		r.ask(ctx, voters)
	}
	levels := []level{own}
	for _, who := range voters {
		levels = append(levels, r.others[who.Id])
	}
	demanded := quorumLevel(levels)
	r.demanded.Store(int32(demanded))
	if own <= demanded || !due {
		return
	}
	for _, who := range voters {
		if l, told := r.others[who.Id]; told && l <= demanded {
			m.log.Warn("handing over leadership, as this member's disk is short of room", "to", who.Id)
			if err := await(ctx, m.raft.LeadershipTransferToServer(raft.ServerID(who.Id), raft.ServerAddress(who.Address))); err != nil && ctx.Err() == nil {
				m.log.Warn("leadership was not handed over", "error", err)
			}
			return
		}
	}
}

// ask has the other voters tell how their disks are. Whoever does not answer helps no quorum either way, and counts as roomy.
func (r *room) ask(ctx context.Context, voters []*storev1.Member) {
	type answer struct {
		id  string
		st  *storev1.StatusResponse
		err error
	}
	answers := make(chan answer, len(voters))
	for _, who := range voters {
		go func() {
			st, err := r.member.statusOf(ctx, who)
			answers <- answer{who.Id, st, err}
		}()
	}
	r.others = map[string]level{}
	for range voters {
		a := <-answers
		if a.err != nil {
			continue
		}
		told := roomy
		if slices.Contains(a.st.Alarms, storev1.Alarm_ALARM_DISK) {
			told = max(short, levelOf(a.st.DiskFreeBytes, a.st.DiskReserveBytes, r.floor(), short))
		}
		r.others[a.id] = told
	}
}

// cutLog writes a snapshot if the log has anything after the last, which lets go of the log before it, and of the oldest snapshot. It
// does so now and then, and twice as soon as the state is half of what it was: then the old snapshots are what takes the room.
func (r *room) cutLog(ctx context.Context, due bool) {
	m := r.member
	held := m.state.Stats().Bytes
	r.held = max(r.held, held)
	if held < r.held/2 {
		r.held, r.cuts = held, snapshotsKept
	}
	if m.fsm.logBytes.Load() == 0 || held > r.free.Load() || !due && r.cuts == 0 {
		return
	}
	r.cuts = max(0, r.cuts-1)
	if err := await(ctx, m.raft.Snapshot()); err != nil && ctx.Err() == nil {
		m.log.Warn("the log was not cut", "error", err)
	}
}

// alarms are what the member is short of.
func (r *room) alarms(st mvcc.Stats) []storev1.Alarm {
	var list []storev1.Alarm
	if r.isFull(st.LiveBytes) {
		list = append(list, storev1.Alarm_ALARM_QUOTA)
	}
	if level(r.own.Load()) != roomy {
		list = append(list, storev1.Alarm_ALARM_DISK)
	}
	if r.historyFull(st) {
		list = append(list, storev1.Alarm_ALARM_HISTORY)
	}
	return list
}

// historyFull tells whether more history is in memory than compaction should ever leave there.
func (r *room) historyFull(st mvcc.Stats) bool {
	return st.Bytes-st.LiveBytes > 2*r.member.cfg.HistoryBytes+historyMargin
}

// full tells whether there may be transactions for which there is no room; checkQuota says which.
func (m *Member) full() bool {
	st := m.state.Stats()
	return m.room.isFull(st.LiveBytes) || level(m.room.demanded.Load()) != roomy || m.room.historyFull(st)
}

// checkQuota refuses transactions for which there is no room. Those without puts are always taken. At the quota, and on a disk that is short,
// so are updates that leave their keys as large as they are, give or take a timestamp: heartbeats and statuses go
// on, or a full store would take the nodes for dead. The size is that of what is applied, so that writes under way may
// overshoot the quota a little.
func (m *Member) checkQuota(req *storev1.TxnRequest) error {
	st := m.state.Stats()
	full, disk := m.room.isFull(st.LiveBytes), level(m.room.demanded.Load())
	crowded := m.room.historyFull(st)
	if !full && disk == roomy && !crowded {
		return nil
	}
	g := m.state.Growth(req)
	larger := g.Creates || g.Most > slackBytes
	switch quota := m.cfg.QuotaBytes; {
	case !g.Puts:
		return nil
	case disk == out, disk == short && larger:
		return m.noDisk()
	case full && (larger || st.LiveBytes > quota+quota/32):
		return &Error{Reason: NoSpace, Message: fmt.Sprintf("the store holds %s and its quota is %s: delete objects until it holds less than %s, or raise the quota on all members",
			byteCount(st.LiveBytes), byteCount(quota), byteCount(quota-quota/20))}
	case crowded:
		return &Error{Reason: TooManyRequests, Message: fmt.Sprintf("%s of superseded values are waiting for compaction: send it again later", byteCount(st.Bytes-st.LiveBytes))}
	}
	return nil
}

// slackBytes is by how much a put may grow its key and still pass for the same size.
const slackBytes = 64

// checkGrant refuses leases when there is no room for more; they are kept in memory and in snapshots as keys are.
func (m *Member) checkGrant() error {
	switch {
	case level(m.room.demanded.Load()) != roomy:
		return m.noDisk()
	case m.room.isFull(m.state.Stats().LiveBytes):
		return &Error{Reason: NoSpace, Message: "the store's quota of " + byteCount(m.cfg.QuotaBytes) + " is used up: delete objects, or raise the quota on all members"}
	}
	return nil
}

func (m *Member) noDisk() error {
	return &Error{Reason: NoSpace, Message: fmt.Sprintf("the disks of a majority of members are nearly full; this one has %s left and keeps %s: make room, or delete objects and compact; deletes and compactions go on",
		byteCount(m.room.free.Load()), byteCount(m.room.reserve.Load()))}
}
