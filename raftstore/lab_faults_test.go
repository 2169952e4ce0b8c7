package raftstore_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/test/faults/network"
)

// blow is something that happens to members that are processes, or to their network. All of it is mended afterwards.
type blow struct {
	name  string
	times int
	// survived: a majority sees each other and is seen by clients all the while, so writes go on before it is mended.
	survived bool
	strike   func(*lab)
}

// blows are what a run consists of, in an order that follows from its seed.
var blows = []blow{
	{"the leader is killed", 7, true, func(l *lab) { l.kill(l.leader()) }},
	{"a follower is killed", 3, true, func(l *lab) { l.kill(l.followers()[0]) }},
	{"the leader and a follower are killed", 5, true, func(l *lab) { f := l.followers()[0]; l.kill(l.leader()); l.kill(f) }},
	{"three are killed", 2, false, func(l *lab) { l.kill(l.shuffled()[:3]...) }},
	{"all are killed at once", 3, false, func(l *lab) { l.kill(l.members...) }},
	{"all are killed, one after the other, and started", 1, false, func(l *lab) {
		for _, m := range l.shuffled() {
			l.kill(m)
			m.start()
		}
	}},
	{"a member is killed in the middle of a snapshot", 3, true, func(l *lab) { l.killInSnapshot() }},
	{"the leader is killed while history is compacted", 3, true, func(l *lab) {
		leader := l.leader()
		l.background.Go(func() { l.compact() })
		l.pause(5 * time.Millisecond)
		l.kill(leader)
	}},
	{"a member is killed again while it catches up", 3, true, func(l *lab) {
		m := l.any()
		l.kill(m)
		l.progress("while it is down", 4*processTrailing)
		m.start()
		l.pause(400 * time.Millisecond)
		l.kill(m)
	}},

	{"the leader is frozen", 3, true, func(l *lab) { l.freeze(l.leader()) }},
	{"the leader and a follower are frozen", 2, true, func(l *lab) { f := l.followers()[0]; l.freeze(l.leader(), f) }},
	{"all are frozen", 1, false, func(l *lab) { l.freeze(l.members...) }},
	{"a follower is frozen and the leader killed", 2, true, func(l *lab) { l.freeze(l.followers()[0]); l.kill(l.leader()) }},

	{"the leader is cut off from the others", 2, true, func(l *lab) { l.divide(1) }},
	{"the leader and a follower are cut off from the others", 2, true, func(l *lab) { l.divide(2) }},
	{"two followers are cut off from the others", 1, true, func(l *lab) { l.divide(3) }},
	{"the leader is cut off, and one of the others killed", 1, true, func(l *lab) { f := l.followers()[0]; l.divide(1); l.kill(f) }},
	{"the leader's cable is pulled", 2, true, func(l *lab) { l.partition(l.leader().host.Link(false)) }},
	{"the leader's cable has a bad contact", 2, false, func(l *lab) {
		leader := l.leader()
		for i := range 8 {
			l.partition(leader.host.Link(i%2 == 1))
			l.pause(300 * time.Millisecond)
		}
	}},
	{"the leader hears none of the others", 1, true, func(l *lab) {
		leader := l.leader()
		for _, f := range l.followers() {
			l.partition(leader.host.Cut(f.host.Addr))
		}
	}},
	{"none of the others hears the leader", 1, true, func(l *lab) {
		leader := l.leader()
		for _, f := range l.followers() {
			l.partition(f.host.Cut(leader.host.Addr))
		}
	}},
	{"one member is all that connects two halves", 1, false, func(l *lab) {
		m := l.shuffled()
		l.partition(l.network.Divide(hosts(m[:2]), hosts(m[3:])))
	}},
	{"each sees but two others", 1, false, func(l *lab) {
		m := l.shuffled()
		for i := range m {
			l.partition(l.network.Divide(hosts(m[i:i+1]), hosts([]*daemon{m[(i+2)%len(m)]})))
		}
	}},
	{"clients cannot reach the leader", 1, false, func(l *lab) { l.partition(l.leader().host.Cut(network.Here)) }},

	{"a tenth of all packets is lost", 1, false, func(l *lab) { l.weather(func(h *network.Host) error { return h.Lose(100) }) }},
	{"the network is slow", 1, false, func(l *lab) {
		l.weather(func(h *network.Host) error {
			err := h.Delay(40*time.Millisecond, 20*time.Millisecond)
			if errors.Is(err, network.ErrUnsupported) {
				return h.Throttle(1 << 20) // What waits behind others is late too.
			}
			return err
		})
	}},
}

func hosts(of []*daemon) []*network.Host {
	var list []*network.Host
	for _, m := range of {
		list = append(list, m.host)
	}
	return list
}

// leader finds the member that leads, by its own word.
func (l *lab) leader() *daemon {
	l.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		for _, m := range l.members {
			if st := m.status(); st.GetLeaderId() == m.id && st.GetState() == "Leader" {
				return m
			}
		}
	}
	l.Fatal("no member leads")
	return nil
}

// followers are the members that do not lead, in any order.
func (l *lab) followers() []*daemon {
	l.Helper()
	leader := l.leader()
	var rest []*daemon
	for _, m := range l.shuffled() {
		if m != leader {
			rest = append(rest, m)
		}
	}
	return rest
}

func (l *lab) any() *daemon { return l.members[l.rnd.IntN(len(l.members))] }

func (l *lab) shuffled() []*daemon {
	list := make([]*daemon, len(l.members))
	for i, j := range l.rnd.Perm(len(list)) {
		list[i] = l.members[j]
	}
	return list
}

// status is what a member says of itself; nothing when it does not answer at once.
func (d *daemon) status() *storev1.StatusResponse {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	st, err := d.pinned.Status(ctx, &storev1.StatusRequest{})
	if err != nil {
		return nil
	}
	return st
}

func (l *lab) kill(members ...*daemon) {
	l.Helper()
	for _, m := range members {
		m.kill()
		l.kills++
	}
}

// killInSnapshot kills the first member that begins to write a snapshot, there and then.
func (l *lab) killInSnapshot() {
	l.Helper()
	w, err := fsnotify.NewWatcher()
	if err != nil {
		l.Fatal(err)
	}
	defer w.Close()
	folders := map[string]*daemon{}
	for _, m := range l.members {
		folder := filepath.Join(m.dir, "snapshots")
		if err := w.Add(folder); err != nil {
			l.Fatal(err)
		}
		folders[folder] = m
	}
	// Each looks every ten to twenty seconds whether it is time for one.
	late := time.After(patience)
	for {
		select {
		case e := <-w.Events:
			if m := folders[filepath.Dir(e.Name)]; m != nil && e.Has(fsnotify.Create) && strings.HasSuffix(e.Name, ".tmp") {
				l.kill(m)
				l.inSnapshot++
				return
			}
		case err := <-w.Errors:
			l.Fatal(err)
		case <-late:
			l.Fatal("nobody wrote a snapshot")
		}
	}
}

func (l *lab) freeze(members ...*daemon) {
	l.Helper()
	for _, m := range members {
		m.freeze()
		l.freezes++
	}
}

// divide cuts the leader and the first followers, or what is left of them without the leader, from the others.
func (l *lab) divide(first int) {
	l.Helper()
	side := append([]*daemon{l.leader()}, l.followers()...)
	l.partition(l.network.Divide(hosts(side[:first]), hosts(side[first:])))
}

// partition notes that a way was cut, once a round.
func (l *lab) partition(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
	l.divided = true
}

func (l *lab) weather(change func(*network.Host) error) {
	l.Helper()
	for _, m := range l.members {
		if err := change(m.host); err != nil {
			l.Fatal(err)
		}
	}
}

// mend puts everything right that a blow has done.
func (l *lab) mend() {
	l.Helper()
	if err := l.network.Heal(); err != nil {
		l.Fatal(err)
	}
	for _, m := range l.members {
		m.thaw()
		if !m.running() {
			m.start()
		}
	}
}
