package main

import (
	"context"
	"sync"
	"time"
)

// usage is what the two processes of a side have spent.
type usage struct{ api, store time.Duration }

func used(s side) usage { return usage{s.api().cpu(), s.store().cpu()} }

func (u usage) since(before usage) usage { return usage{u.api - before.api, u.store - before.store} }

func (u usage) plus(v usage) usage { return usage{u.api + v.api, u.store + v.store} }

func (u usage) total() float64 { return (u.api + u.store).Seconds() }

// together has clients do work 0…n-1 among them and returns how long all of it took. The first error ends it.
func together(ctx context.Context, clients, n int, work func(ctx context.Context, client, i int) error) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	begin := time.Now()
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := range next {
				if ctx.Err() != nil {
					return
				}
				if err := work(ctx, c, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	all.Wait()
	return time.Since(begin), context.Cause(ctx)
}
