package admin

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore"
)

// Roles of members.
const (
	roleLeader    = "leader"
	roleFollower  = "follower"
	roleLearner   = "learner"
	roleCandidate = "candidate"
	// roleVoter is what is known of a voter that does not answer.
	roleVoter = "voter"
	// roleOutside is a member that answers, but is not one of this store, or not any more.
	roleOutside = "outside"
)

// Names of alarms.
const (
	alarmQuota   = "quota"
	alarmDisk    = "disk"
	alarmHistory = "history"
)

// alarmName is an alarm for people. One that a newer member has is named as it comes.
func alarmName(a storev1.Alarm) string {
	switch a {
	case storev1.Alarm_ALARM_QUOTA:
		return alarmQuota
	case storev1.Alarm_ALARM_DISK:
		return alarmDisk
	case storev1.Alarm_ALARM_HISTORY:
		return alarmHistory
	}
	return a.String()
}

// overview is how the members see the store, each asked by itself.
type overview struct {
	// Leader is the id of the leader that a majority of voters follows; empty when there is none.
	Leader string `json:"leader"`
	// Term is the highest term.
	Term uint64 `json:"term"`
	// Voters counts voters, Answering those that answered, Following those that follow the leader.
	Voters    int `json:"voters"`
	Answering int `json:"answering"`
	Following int `json:"following"`
	// Quorum tells whether the store can be written to.
	Quorum bool `json:"quorum"`
	// Members are all there are.
	Members []memberView `json:"members"`
}

// memberView is what a member says of itself.
type memberView struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Role    string `json:"role"`
	Voter   bool   `json:"voter"`
	// Error is why it did not answer; what follows is not known then.
	Error           string     `json:"error,omitempty"`
	Leader          string     `json:"leader,omitempty"`
	Term            uint64     `json:"term,omitempty"`
	LastIndex       uint64     `json:"lastIndex,omitempty"`
	AppliedIndex    uint64     `json:"appliedIndex,omitempty"`
	Lag             uint64     `json:"lag"`
	Revision        int64      `json:"revision,omitempty"`
	CompactRevision int64      `json:"compactRevision,omitempty"`
	Keys            int64      `json:"keys"`
	LiveBytes       int64      `json:"liveBytes"`
	QuotaBytes      int64      `json:"quotaBytes,omitempty"`
	Bytes           int64      `json:"bytes"`
	SnapshotIndex   uint64     `json:"snapshotIndex,omitempty"`
	SnapshotTime    *time.Time `json:"snapshotTime,omitempty"`
	// LogError is why it cannot write its log.
	LogError string `json:"logError,omitempty"`
	// Format is that of log and snapshots which the store has, as far as the member knows; the others are what its program reads.
	Format       uint32 `json:"format,omitempty"`
	OldestFormat uint32 `json:"oldestFormat,omitempty"`
	NewestFormat uint32 `json:"newestFormat,omitempty"`
	// Alarms are what it is short of; empty when all is well.
	Alarms []string `json:"alarms"`
	// DiskFreeBytes are free on its disk, of which DiskReserveBytes should stay; 0 when it does not look.
	DiskFreeBytes    int64 `json:"diskFreeBytes,omitempty"`
	DiskReserveBytes int64 `json:"diskReserveBytes,omitempty"`

	// at is where it answered, or where it was asked.
	at string
}

// answer is what came of asking at an address.
type answer struct {
	address string
	st      *storev1.StatusResponse
	err     error
}

// look asks the endpoints, and then the members that those know of and that have not answered.
func look(ctx context.Context, client *raftstore.Client, endpoints []string) *overview {
	answers := askAll(ctx, client, endpoints)
	best := newest(answers)
	if best == nil {
		o := &overview{}
		for _, a := range answers {
			o.Members = append(o.Members, memberView{Address: a.address, at: a.address, Role: roleVoter, Alarms: []string{}, Error: a.err.Error()})
		}
		return o
	}
	byID := map[string]answer{}
	for _, a := range answers {
		if a.st != nil {
			byID[a.st.MemberId] = a
		}
	}
	var more []string
	for _, m := range best.Members {
		if _, ok := byID[m.Id]; !ok {
			more = append(more, m.Address)
		}
	}
	others := map[string]answer{}
	for _, a := range askAll(ctx, client, more) {
		others[a.address] = a
		if a.st != nil {
			byID[a.st.MemberId] = a
		}
	}
	return join(best.Members, byID, others)
}

// askAll asks all at once.
func askAll(ctx context.Context, client *raftstore.Client, addresses []string) []answer {
	out := make([]answer, len(addresses))
	var wg sync.WaitGroup
	for i, address := range addresses {
		wg.Go(func() {
			st, err := client.StatusOf(ctx, address)
			if err != nil {
				st = nil
			}
			out[i] = answer{address: address, st: st, err: err}
		})
	}
	wg.Wait()
	return out
}

// newest is the answer that knows most: of the highest term that has a leader, and has most applied.
func newest(answers []answer) (best *storev1.StatusResponse) {
	for _, a := range answers {
		if a.st == nil {
			continue
		}
		if best == nil || cmp.Or(
			cmp.Compare(led(a.st), led(best)), cmp.Compare(a.st.Term, best.Term), cmp.Compare(a.st.AppliedIndex, best.AppliedIndex),
		) > 0 {
			best = a.st
		}
	}
	return best
}

func led(st *storev1.StatusResponse) int {
	if st.LeaderId == "" {
		return 0
	}
	return 1
}

// join makes one picture of what members are said to be there, and what each says.
func join(members []*storev1.Member, byID, byAddress map[string]answer) *overview {
	o := &overview{}
	leaderTerm, top := uint64(0), uint64(0)
	for _, a := range byID {
		o.Term = max(o.Term, a.st.Term)
		if a.st.LeaderId == a.st.MemberId && a.st.Term > leaderTerm {
			o.Leader, leaderTerm, top = a.st.MemberId, a.st.Term, a.st.AppliedIndex
		}
	}
	for _, m := range members {
		v := memberView{ID: m.Id, Address: m.Address, Voter: m.Voter, Alarms: []string{}, at: m.Address}
		a, ok := byID[m.Id]
		if ok {
			v.tell(a, top)
			delete(byID, m.Id)
		} else {
			v.Error = "it does not answer"
			switch other := byAddress[m.Address]; {
			case other.err != nil:
				v.Error = other.err.Error()
			case other.st != nil:
				v.Error = m.Address + " is answered by member " + other.st.MemberId
			}
		}
		v.Role = role(m, a.st, o.Leader)
		if m.Voter {
			o.Voters++
			if ok {
				o.Answering++
			}
			if ok && o.Leader != "" && a.st.LeaderId == o.Leader {
				o.Following++
			}
		}
		o.Members = append(o.Members, v)
	}
	for id, a := range byID {
		v := memberView{ID: id, Address: a.address, at: a.address, Role: roleOutside, Alarms: []string{}}
		v.tell(a, top)
		o.Members = append(o.Members, v)
	}
	slices.SortFunc(o.Members, func(a, b memberView) int { return cmp.Compare(a.ID, b.ID) })
	o.Quorum = o.Leader != "" && o.Following >= o.Voters/2+1
	if !o.Quorum {
		o.Leader = ""
	}
	return o
}

// tell takes over what a member says; top is how much the leader has applied.
func (v *memberView) tell(a answer, top uint64) {
	st := a.st
	v.at, v.Leader, v.Term, v.LastIndex, v.AppliedIndex = a.address, st.LeaderId, st.Term, st.LastIndex, st.AppliedIndex
	v.Revision, v.CompactRevision, v.Keys, v.Bytes = st.Revision, st.CompactRevision, st.Keys, st.Bytes
	v.LiveBytes, v.QuotaBytes, v.SnapshotIndex, v.LogError = st.LiveBytes, st.QuotaBytes, st.SnapshotIndex, st.LogError
	v.Format, v.OldestFormat, v.NewestFormat = st.Format, st.OldestFormat, st.NewestFormat
	v.DiskFreeBytes, v.DiskReserveBytes = st.DiskFreeBytes, st.DiskReserveBytes
	for _, alarm := range st.Alarms {
		v.Alarms = append(v.Alarms, alarmName(alarm))
	}
	if top > st.AppliedIndex {
		v.Lag = top - st.AppliedIndex
	}
	if st.SnapshotTime != nil {
		t := st.SnapshotTime.AsTime()
		v.SnapshotTime = &t
	}
}

func role(m *storev1.Member, st *storev1.StatusResponse, leader string) string {
	switch {
	case !m.Voter:
		return roleLearner
	case st == nil:
		return roleVoter
	case m.Id == leader:
		return roleLeader
	case st.State == "Candidate":
		return roleCandidate
	}
	return roleFollower
}
