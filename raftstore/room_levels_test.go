package raftstore

import (
	"testing"
)

func TestLevelOfADisk(t *testing.T) {
	for _, c := range []struct {
		free, reserve int64
		was, want     level
	}{
		{100, 80, roomy, roomy},
		{80, 80, roomy, roomy},
		{79, 80, roomy, short},
		{39, 80, roomy, out},
		{40, 80, out, short},
		{80, 80, short, short}, // It was short, so it has to have a quarter more.
		{99, 80, short, short},
		{100, 80, short, roomy},
		{100, 80, out, roomy},
	} {
		if got := levelOf(c.free, c.reserve, 40, c.was); got != c.want {
			t.Errorf("%d free of a reserve of %d, was %d: level %d, want %d", c.free, c.reserve, c.was, got, c.want)
		}
	}
}

// TestLevelOfAQuorum: writes are refused when those voters that have room are no majority.
func TestLevelOfAQuorum(t *testing.T) {
	for _, c := range []struct {
		voters []level
		want   level
	}{
		{nil, roomy},
		{[]level{short}, short},
		{[]level{out, roomy, roomy}, roomy},
		{[]level{out, roomy, short}, short},
		{[]level{out, roomy, out}, out},
		{[]level{out, roomy}, out}, // Of two, both have to write.
		{[]level{out, out, roomy, roomy, roomy}, roomy},
		{[]level{out, short, short, roomy, roomy}, short},
	} {
		if got := quorumLevel(c.voters); got != c.want {
			t.Errorf("voters %v: level %d, want %d", c.voters, got, c.want)
		}
	}
}
