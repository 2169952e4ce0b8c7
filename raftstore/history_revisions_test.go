package raftstore_test

import (
	"cmp"
	"slices"
	"testing"
)

// sighting is a revision that the store named to a client, between two moments.
type sighting struct {
	call, end, rev int64
	// wrote: the operation made this revision.
	wrote bool
}

// revisionsInOrder says whether revisions keep to the order in which operations followed each other, over all keys and whoever
// answered: none is before one that somebody had been told already, and a write's is after it.
func (h *history) revisionsInOrder() {
	h.Helper()
	called, ended := slices.Clone(h.seen), slices.Clone(h.seen)
	slices.SortFunc(called, func(a, b sighting) int { return cmp.Compare(a.call, b.call) })
	slices.SortFunc(ended, func(a, b sighting) int { return cmp.Compare(a.end, b.end) })
	var told int64
	for _, s := range called {
		for len(ended) > 0 && ended[0].end < s.call {
			told = max(told, ended[0].rev)
			ended = ended[1:]
		}
		if s.rev < told || s.wrote && s.rev == told {
			h.Errorf("revision %d was told to an operation (write: %v) that began after another had been told %d", s.rev, s.wrote, told)
			return
		}
	}
}

func TestCheckerSeesRevisionGoBack(t *testing.T) {
	for name, seen := range map[string][]sighting{
		"a read of an older revision":       {{call: 1, end: 2, rev: 5, wrote: true}, {call: 3, end: 4, rev: 4}},
		"a write at a revision that was":    {{call: 1, end: 2, rev: 5}, {call: 3, end: 4, rev: 5, wrote: true}},
		"a read that overlaps a late write": {{call: 1, end: 9, rev: 7, wrote: true}, {call: 2, end: 3, rev: 8}, {call: 4, end: 5, rev: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			heard := &complaints{TB: t}
			(&history{TB: heard, seen: seen}).revisionsInOrder()
			if heard.count == 0 {
				t.Error("passes")
			}
		})
	}
	(&history{TB: t, seen: []sighting{{call: 1, end: 9, rev: 7, wrote: true}, {call: 2, end: 3, rev: 6}, {call: 4, end: 5, rev: 7}, {call: 6, end: 7, rev: 7}}}).revisionsInOrder()
}

// complaints counts what a checker has to say, for tests of checkers.
type complaints struct {
	testing.TB
	count int
}

func (c *complaints) Errorf(string, ...any) { c.count++ }
