package main

import (
	"context"
	"time"

	"kaji.dev/kaji/test/bench/process"
)

// members is how many members each side has.
const members = 3

// side is one of the stores that are compared.
type side interface {
	name() string
	// start runs all members, on new directories, and returns when there is a leader.
	start(ctx context.Context) error
	// startMember runs one member again on its directory. It does not wait for it.
	startMember(i int) error
	stop()
	// servers are the members' processes; a member keeps its place.
	servers() []*process.Process
	// leader gives the place of the member that leads.
	leader(ctx context.Context) (int, error)
	// applied gives the newest revision that a member has applied, from its own memory, over a new connection.
	applied(ctx context.Context, member int) (int64, error)
	// connect makes a client with one connection to the leader; the failover client knows all members.
	connect(ctx context.Context, failover bool) (client, error)
	// debug reads a page of a member's profiles.
	debug(ctx context.Context, member int, path string) ([]byte, error)
}

// client is one connection to a side by that side's own library. It may be called from many goroutines.
type client interface {
	put(ctx context.Context, key string, value []byte) error
	// swap puts when the key's revision is rev, and reads it otherwise: the API server's update. It returns the key's revision then.
	swap(ctx context.Context, key string, value []byte, rev int64) (now int64, swapped bool, err error)
	// get is a linearizable read.
	get(ctx context.Context, key string) (value []byte, err error)
	// scans are the ways to read all keys of a prefix, linearizable; each returns how many there were.
	scans() []scan
	// fill puts keys in one transaction.
	fill(ctx context.Context, keys []string, value func(i int) []byte) error
	// watch calls ready when the watch stands and seen with the number of events as they come. It ends with ctx, then without an error.
	watch(ctx context.Context, prefix string, ready func(), seen func(events int)) error
	// compact makes all revisions but the newest unreadable and waits until that is done.
	compact(ctx context.Context) error
	close()
}

// scan is a way to read a range.
type scan struct {
	way  string
	read func(ctx context.Context, prefix string) (keys int, err error)
}

// cpu is what all members of a side have spent.
func cpu(s side) time.Duration {
	var sum time.Duration
	for _, p := range s.servers() {
		sum += p.CPU()
	}
	return sum
}

// findLeader waits until a side has a leader: on a busy machine it may be without one for a moment.
func findLeader(ctx context.Context, s side) (leader int, err error) {
	for range 100 {
		if leader, err = s.leader(ctx); err == nil {
			return leader, nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return 0, err
}
