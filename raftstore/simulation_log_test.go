package raftstore_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// TestLogSurvivesPowerCuts has the log of a member written, cut off at its end and compacted on a disk that is full at times, and
// loses power in the middle, again and again. What was acknowledged is there, what was not is there whole or not at all, and a
// disk that has room again takes writes again.
func TestLogSurvivesPowerCuts(t *testing.T) {
	for seed := range uint64(*simulationSeeds) {
		if ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &logWriter{T: t, rnd: rand.New(rand.NewPCG(seed, 2)), disk: newSimDisk()}
				for life := range 12 {
					l.live(life)
				}
			})
		}); !ok {
			return
		}
	}
}

// logWriter writes a log through its lives and knows what has to be in it.
type logWriter struct {
	*testing.T
	rnd  *rand.Rand
	disk *simDisk
	// kept are the entries that were acknowledged, from index 1 on.
	kept []*raft.Log
	// open are the changes since that were not: the one under way, and before it those that failed. Each may be found after a crash.
	open []change
	life int
}

// change is what the log may be found as instead of kept: cut off behind so many entries, with some of others behind them.
type change struct {
	keep    int
	written []*raft.Log
}

func (l *logWriter) next() uint64 { return uint64(len(l.kept)) + 1 }

// live opens the log, checks it, and works on it until power fails.
func (l *logWriter) live(life int) {
	l.life = life
	logs, _, err := l.disk.open(hclog.NewNullLogger())
	if err != nil {
		l.Fatalf("life %d: the log does not open: %v", life, err)
	}
	if !l.check(logs) {
		l.FailNow()
	}
	over := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for l.work(logs, over) {
		}
	}()
	time.Sleep(time.Duration(l.rnd.IntN(40_000)) * time.Microsecond)
	found := l.disk.crash(l.rnd)
	close(over)
	<-done
	if err := logs.Close(); err != nil {
		l.Error(err)
	}
	l.disk = found
}

// work does one thing, and tells whether the power was still on when it was done.
func (l *logWriter) work(logs *simLog, over chan struct{}) bool {
	full := l.rnd.IntN(10) == 0
	l.disk.set(time.Duration(l.rnd.IntN(2000))*time.Microsecond, full)
	next := change{keep: len(l.kept)}
	var err error
	if n := len(l.kept); n > 4 && l.rnd.IntN(6) == 0 {
		next.keep = n - 1 - l.rnd.IntN(3)
		l.open = append(l.open, next)
		err = logs.DeleteRange(uint64(next.keep)+1, uint64(n))
	} else {
		for range 1 + l.rnd.IntN(3) {
			next.written = append(next.written, &raft.Log{
				Index: l.next() + uint64(len(next.written)), Term: uint64(l.life + 1),
				Data: bytes.Repeat([]byte{byte(l.rnd.IntN(255) + 1)}, l.rnd.IntN(3000)),
			})
		}
		l.open = append(l.open, next)
		err = logs.StoreLogs(next.written)
	}
	select {
	case <-over:
		return false
	default:
	}
	switch {
	case err == nil:
		l.kept, l.open = append(l.kept[:next.keep], next.written...), nil
	case !full:
		l.Errorf("life %d: a write on a disk with room: %v", l.life, err)
		<-over
		return false
	default:
		time.Sleep(time.Millisecond)
	}
	return true
}

// check compares the log with what it may hold, and takes over what it has.
func (l *logWriter) check(logs *simLog) bool {
	last, err := logs.LastIndex()
	if err != nil {
		l.Error(err)
		return false
	}
	found := make([]*raft.Log, last)
	for i := range found {
		found[i] = &raft.Log{}
		if err := logs.GetLog(uint64(i)+1, found[i]); err != nil {
			l.Errorf("life %d: entry %d of %d acknowledged and %d there: %v", l.life, i+1, len(l.kept), last, err)
			return false
		}
	}
	may := func(c change) bool {
		want := append(slices.Clone(l.kept[:c.keep]), c.written...)
		return len(found) >= c.keep && len(found) <= len(want) && slices.EqualFunc(found, want[:len(found)], func(a, b *raft.Log) bool {
			return a.Index == b.Index && a.Term == b.Term && bytes.Equal(a.Data, b.Data)
		})
	}
	if !may(change{keep: len(l.kept)}) && !slices.ContainsFunc(l.open, may) {
		l.Errorf("life %d: %d entries were acknowledged, %d are there, and not what was written", l.life, len(l.kept), last)
		return false
	}
	l.kept, l.open = found, nil
	return true
}
