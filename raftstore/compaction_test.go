package raftstore

import (
	"testing"
	"time"
)

func TestHistoryKeeper(t *testing.T) {
	const limit = 1000
	start := time.Unix(0, 0)
	type look struct {
		at, rev, bytes int64
		want           int64
	}
	for name, looks := range map[string][]look{
		"nothing is old yet":             {{0, 5, 0, 0}, {10, 9, 0, 0}},
		"what was superseded 60 s ago":   {{0, 5, 0, 0}, {30, 9, 0, 0}, {61, 20, 0, 5}, {62, 21, 0, 0}, {91, 22, 0, 9}},
		"idle: the newest stays":         {{0, 5, 0, 0}, {30, 5, 0, 0}, {61, 5, 0, 5}, {200, 5, 0, 0}, {300, 6, 0, 5}, {330, 7, 0, 0}},
		"too many bytes: the older half": {{0, 5, 0, 0}, {1, 6, 0, 0}, {2, 7, 0, 0}, {3, 8, limit + 1, 6}, {4, 8, 10, 0}, {63, 9, 0, 7}},
		"too many bytes at once":         {{0, 5, limit + 1, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &historyKeeper{age: time.Minute, bytes: limit}
			for _, l := range looks {
				if got := h.target(start.Add(time.Duration(l.at)*time.Second), l.rev, l.bytes); got != l.want {
					t.Errorf("at %d s, revision %d: compact to %d, want %d", l.at, l.rev, got, l.want)
				}
			}
		})
	}
}
