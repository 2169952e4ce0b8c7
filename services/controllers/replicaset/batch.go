package replicaset

import (
	"sync"
)

// At most this many pods are created or deleted in one pass (Kubernetes' burst), and so many calls are under way at once.
const (
	burst    = 500
	parallel = 32
)

// slowStart calls f n times, in batches that double while all succeed: a template that the server refuses costs one call, not n. It
// returns the number of calls that succeeded and the first error.
func slowStart(n int, f func() error) (succeeded int, err error) {
	for batch := 1; n > 0; batch *= 2 {
		batch = min(batch, n)
		ok, err := concurrently(batch, func(int) error { return f() })
		succeeded += ok
		if err != nil {
			return succeeded, err
		}
		n -= batch
	}
	return succeeded, nil
}

// concurrently calls f for 0 to n-1, a bounded number at a time, and returns how many succeeded and the first error.
func concurrently(n int, f func(int) error) (succeeded int, first error) {
	var group sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, parallel)
	for i := range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			err := f(i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				succeeded++
			} else if first == nil {
				first = err
			}
		})
	}
	group.Wait()
	return succeeded, first
}
