//go:build !linux

package leader

import "time"

// sinceBoot is 0 where nothing tells how long the machine slept: the monotonic clock alone counts.
func sinceBoot() time.Duration { return 0 }
