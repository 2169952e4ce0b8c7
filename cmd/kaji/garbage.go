package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// garbageBytes is about how much garbage a process may hold: on top of a small heap as much as Go lets it by default, but not twice
	// the memory of one that holds millions of keys.
	garbageBytes = 256 << 20
	// leastGarbage bounds, in percent of what lives, how often a large heap is gone through.
	leastGarbage, mostGarbage = 20, 100
	// smallGarbage is what may be there however small the heap: a process that holds 30 MB and makes 300 MB of garbage a second would go
	// through its heap ten times a second. leastHeap is what one holds that has just begun.
	smallGarbage, leastHeap = 128 << 20, 8 << 20
	// garbageLook is how often the percentage is fitted to the heap.
	garbageLook = 2 * time.Second
)

// boundGarbage fits Go's garbage collector to the size of the heap until ctx ends. Where GOGC is set, that counts.
func boundGarbage(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(garbageLook)
	defer tick.Stop()
	for now := mostGarbage; ; {
		metrics.Read(live)
		want := garbagePercent(live[0].Value.Uint64())
		// Setting it stops the world for a moment: only when it matters.
		if want < now*9/10 || want > now*11/10 {
			debug.SetGCPercent(want)
			now = want
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// garbagePercent is how much garbage may be there, in percent of so many bytes that live.
func garbagePercent(live uint64) int {
	if small := smallGarbage * 100 / max(live, leastHeap); small > mostGarbage {
		return int(small)
	}
	return int(min(mostGarbage, max(leastGarbage, garbageBytes*100/max(live, 1))))
}
