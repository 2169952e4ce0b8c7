package leader

import "time"

// moment is a point in time by both clocks that do not jump.
type moment struct {
	awake time.Time     // with Go's monotonic reading, which stands still while the machine sleeps
	boot  time.Duration // since the machine was started, sleep included
}

// clock measures how long ago a moment was, for one who must not think it shorter than others do.
type clock struct {
	slept func() time.Duration
}

func (c clock) now() moment { return moment{time.Now(), c.slept()} }

func (c clock) since(m moment) time.Duration { return max(time.Since(m.awake), c.slept()-m.boot) }
