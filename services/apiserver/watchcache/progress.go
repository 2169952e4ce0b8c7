package watchcache

import (
	"context"
	"sync"
	"sync/atomic"
)

// progress is the revision that all caches have reached, and those who wait for one.
type progress struct {
	revision atomic.Int64
	mu       sync.Mutex
	waiters  map[chan struct{}]int64
}

// set moves to a revision, after every cache holds everything up to it.
func (p *progress) set(revision int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revision.Store(revision)
	for ch, wanted := range p.waiters {
		if wanted <= revision {
			close(ch)
			delete(p.waiters, ch)
		}
	}
}

// wait returns when the revision has been reached, or with ctx's error.
func (p *progress) wait(ctx context.Context, revision int64) error {
	if p.revision.Load() >= revision {
		return nil
	}
	p.mu.Lock()
	if p.revision.Load() >= revision {
		p.mu.Unlock()
		return nil
	}
	ch := make(chan struct{})
	if p.waiters == nil {
		p.waiters = map[chan struct{}]int64{}
	}
	p.waiters[ch] = revision
	p.mu.Unlock()
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		p.mu.Lock()
		delete(p.waiters, ch)
		p.mu.Unlock()
		return ctx.Err()
	}
}
