package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// usage is what the two processes of a side have spent.
type usage struct{ api, store time.Duration }

func used(s side) usage { return usage{s.api().CPU(), s.store().CPU()} }

func (u usage) since(before usage) usage { return usage{u.api - before.api, u.store - before.store} }

func (u usage) plus(v usage) usage { return usage{u.api + v.api, u.store + v.store} }

func (u usage) total() float64 { return (u.api + u.store).Seconds() }

// during has clients do work over and over for a while and returns how often they did. The first error ends it.
func during(ctx context.Context, clients int, span time.Duration, work func(ctx context.Context, client int) error) (perSecond float64, err error) {
	var done atomic.Int64
	begin := time.Now()
	_, err = together(ctx, clients, clients, func(ctx context.Context, c, _ int) error {
		for ctx.Err() == nil && time.Since(begin) < span {
			if err := work(ctx, c); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	return float64(done.Load()) / time.Since(begin).Seconds(), err
}

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
