// Command peer measures Kaji's API server and store beside kube-apiserver and etcd, in one run and in turns, so that the ratios
// mean something on any machine.
//
// Each side is two processes on loopback: the API server and a store of one member, on the same disk, with fsync, and with mutual
// TLS everywhere. This process is the client of both, with as many connections to each: client-go with protobuf and without its
// limits of rate, and Kaji's SDK. Lists and watches are read to their last byte and not decoded, by either.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// parameters are how much is measured.
type parameters struct {
	dir, etcd, kubeAPIServer, kaji string
	only                           string
	rounds, pods, clients, lists   int
	connections, watchers, rate    int
	span                           time.Duration
	keep                           bool
	profiles                       string
}

func (p *parameters) bind() {
	flag.StringVar(&p.dir, "dir", "", "where the data goes while this runs, on the disk to be measured; the system's temporary directory when empty")
	flag.StringVar(&p.kaji, "kaji", "bin/kaji", "the kaji binary")
	flag.StringVar(&p.kubeAPIServer, "kube-apiserver", "bin/peer/kube-apiserver", "the kube-apiserver binary")
	flag.StringVar(&p.etcd, "etcd", "bin/peer/etcd", "the etcd binary")
	flag.StringVar(&p.only, "only", "create,memory,list,watch,apply", "the rows to measure; create is needed by memory and list")
	flag.IntVar(&p.rounds, "rounds", 3, "rounds; the table has their medians")
	flag.IntVar(&p.pods, "pods", 10_000, "pods made in all rounds together, listed and cached")
	flag.IntVar(&p.clients, "clients", 64, "clients that create and apply at once")
	flag.IntVar(&p.connections, "connections", 8, "connections to each side")
	flag.IntVar(&p.lists, "lists", 4, "lists at once when memory is measured")
	flag.IntVar(&p.watchers, "watchers", 1000, "watchers")
	flag.IntVar(&p.rate, "rate", 100, "changes a second under watch")
	flag.DurationVar(&p.span, "span", 3*time.Second, "how long pods change under watch, and are applied, in each round")
	flag.StringVar(&p.profiles, "profiles", "", "directory for CPU profiles of both API servers, 3 s of each row's first round; none when empty")
	flag.BoolVar(&p.keep, "keep", false, "keep the directory with the servers' data and logs")
}

func (p *parameters) validate() error {
	for _, n := range []int{p.rounds, p.pods, p.clients, p.connections, p.lists, p.watchers, p.rate} {
		if n < 1 {
			return errors.New("all numbers must be positive")
		}
	}
	for _, path := range []string{p.kaji, p.kubeAPIServer, p.etcd} {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w; `go tool task bench:api` builds it", err)
		}
	}
	return nil
}

func main() {
	// The servers die with the thread that started them.
	runtime.LockOSThread()
	var p parameters
	p.bind()
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := compare(ctx, p); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func compare(ctx context.Context, p parameters) (err error) {
	if err := p.validate(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(p.dir, "kaji-bench-")
	if err != nil {
		return err
	}
	if p.keep {
		fmt.Fprintln(os.Stderr, "data and logs stay in", dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	files, err := makeCertificates(dir)
	if err != nil {
		return err
	}
	sides := []side{
		&kaji{dir: filepath.Join(dir, "kaji"), binary: p.kaji, certificates: files, connections: p.connections},
		&kube{dir: filepath.Join(dir, "kube"), etcd: p.etcd, binary: p.kubeAPIServer, certificates: files, connections: p.connections},
	}
	for _, sub := range []string{"kaji", "kube"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	b := &bench{p: p, table: newTable(sides)}
	for _, s := range sides {
		defer s.stop()
		if err := s.start(ctx); err != nil {
			return err
		}
		if err := b.prepare(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
	}
	begin := time.Now()
	err = b.all(ctx, sides)
	whole := ""
	if err != nil {
		whole = ", ended early"
	}
	fmt.Printf("## Kaji beside kube-apiserver: %d rounds in turns, %d CPUs, %.0f s%s\n\n", p.rounds, runtime.NumCPU(), time.Since(begin).Seconds(), whole)
	b.table.print(os.Stdout)
	return err
}

// all runs every row round by round, one side after the other, the other one first in every second round.
func (b *bench) all(ctx context.Context, sides []side) error {
	for _, part := range []struct {
		name string
		run  func(ctx context.Context, s side, round int) error
	}{
		{"create", b.create},
		{"memory", func(ctx context.Context, s side, _ int) error { return b.memory(ctx, s) }},
		{"list", func(ctx context.Context, s side, _ int) error { return b.list(ctx, s) }},
		{"watch", b.watch},
		{"apply", func(ctx context.Context, s side, _ int) error { return b.apply(ctx, s) }},
	} {
		if !strings.Contains(b.p.only, part.name) {
			continue
		}
		for round := range b.p.rounds {
			for i := range sides {
				s := sides[(i+round)%len(sides)]
				runtime.GC() // of what the side before left in this process
				err := b.profiled(ctx, s, part.name, round, func() error { return part.run(ctx, s, round) })
				if err != nil {
					return fmt.Errorf("%s: %w", s.name(), err)
				}
			}
		}
		fmt.Fprintln(os.Stderr, "measured:", part.name)
	}
	return nil
}

// prepare makes what the rows need.
func (b *bench) prepare(ctx context.Context, s side) error {
	for _, name := range []string{listed, watched, applied} {
		if err := s.namespace(ctx, name); err != nil {
			return err
		}
	}
	for i := range touchedPods {
		if err := s.create(ctx, i, watched, fmt.Sprintf("watched-%d", i)); err != nil {
			return err
		}
	}
	_, err := s.apply(ctx, 0, applied)
	return err
}
