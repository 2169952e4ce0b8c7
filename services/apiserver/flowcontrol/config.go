package flowcontrol

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Config bounds the calls under way. The zero value is what a server should have.
type Config struct {
	// Disabled lets every call in at once, and bounds streams no more.
	Disabled bool
	// Seats is how many calls are carried out at once, over all levels; a long list takes several. 64 and 32 more for
	// every processor when zero: enough for writes to share the store's commits, few enough that those under way get on.
	Seats int
	// Levels are the levels of priority; DefaultLevels when nil. Every level that calls are sorted into must be there.
	Levels []Level
	// MaxWait is how long a call may wait for a seat; 15 s when zero.
	MaxWait time.Duration
	// MaxQueuedBytes is about how many bytes the requests that wait in one level may hold in memory; 64 MiB when zero.
	MaxQueuedBytes int
	// StreamsPerIdentity is how many logs, execs, attaches and port forwards one identity may have open; 200 when zero.
	// Watches are not among them: they cost little once they stand.
	StreamsPerIdentity int
	// Streams is how many of those may be open in all; 4,000 when zero.
	Streams int
}

// Level is a priority: calls that share seats.
type Level struct {
	// Name is one of the Level… constants.
	Name string
	// Shares is the level's part of all seats, in proportion to the shares of the others.
	Shares int
	// Lendable is how much of that part, in percent, others may use while this level does not.
	Lendable int
	// QueueLength is how many calls may wait. When more come, the identity with the most waiting loses its latest.
	QueueLength int
}

// The levels, from the most to the least important.
const (
	// LevelExempt is not limited: health checks and the API server's own calls.
	LevelExempt = "exempt"
	// LevelSystem is for what the cluster's health hangs on: leases (leader election, node heartbeats), and the status of
	// nodes and of the pods on them.
	LevelSystem = "system"
	// LevelNodes is for all else that node agents ask.
	LevelNodes = "nodes"
	// LevelControllers is for the controllers, the scheduler and other parts of the system.
	LevelControllers = "controllers"
	// LevelWorkloadHigh is for administrators and for service accounts of the system's namespaces.
	LevelWorkloadHigh = "workload-high"
	// LevelWorkloadLow is for every other identity: users, and the service accounts of workloads.
	LevelWorkloadLow = "workload-low"
	// LevelCatchAll is for callers without a certificate.
	LevelCatchAll = "catch-all"
)

// limited are the levels that have seats, in the order of importance.
var limited = []string{LevelSystem, LevelNodes, LevelControllers, LevelWorkloadHigh, LevelWorkloadLow, LevelCatchAll}

// DefaultLevels are the levels with about the shares that Kubernetes gives them.
func DefaultLevels() []Level {
	return []Level{
		{Name: LevelSystem, Shares: 30, Lendable: 33, QueueLength: 2048},
		{Name: LevelNodes, Shares: 40, Lendable: 50, QueueLength: 2048},
		{Name: LevelControllers, Shares: 40, Lendable: 50, QueueLength: 2048},
		{Name: LevelWorkloadHigh, Shares: 40, Lendable: 75, QueueLength: 2048},
		{Name: LevelWorkloadLow, Shares: 60, Lendable: 90, QueueLength: 2048},
		{Name: LevelCatchAll, Shares: 5, Lendable: 0, QueueLength: 64},
	}
}

// WithShares gives levels, by name, other shares.
func WithShares(levels []Level, shares map[string]int) ([]Level, error) {
	out := slices.Clone(levels)
	for name, n := range shares {
		at := slices.IndexFunc(out, func(l Level) bool { return l.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("flow control: there is no level %q; there are %s", name, strings.Join(limited, ", "))
		}
		out[at].Shares = n
	}
	return out, nil
}

func (c *Config) setDefaults() {
	if c.Seats == 0 {
		c.Seats = 64 + 32*runtime.GOMAXPROCS(0)
	}
	if c.Levels == nil {
		c.Levels = DefaultLevels()
	}
	if c.MaxWait == 0 {
		c.MaxWait = 15 * time.Second
	}
	if c.MaxQueuedBytes == 0 {
		c.MaxQueuedBytes = 64 << 20
	}
	if c.StreamsPerIdentity == 0 {
		c.StreamsPerIdentity = 200
	}
	if c.Streams == 0 {
		c.Streams = 4000
	}
}

// Validate says what is wrong.
func (c Config) Validate() error {
	c.setDefaults()
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("flow control: "+format, args...)) }
	if c.Seats < len(limited) {
		bad("%d seats are too few: every one of the %d levels needs one", c.Seats, len(limited))
	}
	if c.MaxWait < 0 || c.MaxQueuedBytes < 0 || c.StreamsPerIdentity < 0 || c.Streams < 0 {
		bad("limits must not be negative")
	}
	seen := map[string]bool{}
	for _, l := range c.Levels {
		seen[l.Name] = true
		if l.Shares <= 0 || l.Lendable < 0 || l.Lendable > 100 || l.QueueLength < 0 {
			bad("level %q: shares must be positive, lendable a percentage, the queue's length not negative", l.Name)
		}
	}
	for _, name := range limited {
		if !seen[name] {
			bad("there is no level %q", name)
		}
		delete(seen, name)
	}
	for name := range seen {
		bad("nothing is ever sorted into a level %q", name)
	}
	return errors.Join(errs...)
}
