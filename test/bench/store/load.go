package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"
)

// result is what a load came to.
type result struct {
	operations int
	perSecond  float64
	p50, p99   time.Duration
}

// during has clients do work over and over for a while. The first error ends it.
func during(ctx context.Context, clients int, span time.Duration, work func(ctx context.Context, client, n int) error) (result, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	times := make([][]time.Duration, clients)
	var all sync.WaitGroup
	begin := time.Now()
	for c := range clients {
		all.Go(func() {
			own := make([]time.Duration, 0, 1024)
			defer func() { times[c] = own }()
			for n := 0; ctx.Err() == nil; n++ {
				at := time.Now()
				if at.Sub(begin) >= span {
					return
				}
				if err := work(ctx, c, n); err != nil {
					cancel(err)
					return
				}
				own = append(own, time.Since(at))
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	if err := context.Cause(ctx); err != nil {
		return result{}, err
	}
	sum := slices.Concat(times...)
	if len(sum) == 0 {
		return result{}, fmt.Errorf("nothing was done in %s", span)
	}
	slices.Sort(sum)
	return result{operations: len(sum), perSecond: float64(len(sum)) / took.Seconds(), p50: sum[len(sum)/2], p99: sum[len(sum)*99/100]}, nil
}

// together has clients do work 0…n-1 among them. The first error ends it.
func together(ctx context.Context, clients, n int, work func(ctx context.Context, client, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
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
	return context.Cause(ctx)
}

// ownCPU is what this process, the client, has spent.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
