package main

import "testing"

func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 1600, 64 << 20: 200, 128 << 20: 100, 256 << 20: 100, 512 << 20: 50, 1 << 30: 25, 8 << 30: 20} {
		if got := garbagePercent(live); got != want {
			t.Errorf("%d MiB live: %d percent, want %d", live>>20, got, want)
		}
	}
}
