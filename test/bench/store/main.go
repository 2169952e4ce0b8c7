// Command store measures Kaji's store and etcd, in one run and in turns, so that the ratios mean something on any machine.
//
// Each side is three members on loopback, processes of their own, on the same disk, with fsync, and with mutual TLS between
// members and to clients. This process is the client of both: with as many goroutines and connections to each, all of them to the
// leader, with each side's own client library. The only thing that runs beside the side being measured is the other side, idle.
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
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"
)

// parameters are how much is measured.
type parameters struct {
	dir, etcd, kaji, before          string
	sides, rows                      []string
	rounds, connections, watchConns  int
	watchers, kills, starts, million int
	span, settle                     time.Duration
	keep, json                       bool
	profiles                         string
}

func (p *parameters) bind() {
	flag.StringVar(&p.dir, "dir", "", "where the data goes while this runs, on the disk to be measured; the system's temporary directory when empty")
	flag.StringVar(&p.kaji, "kaji", "bin/kaji", "the kaji binary")
	flag.StringVar(&p.before, "before", "", "another kaji binary, for the side \"before\": the build that a change is compared with")
	flag.StringVar(&p.etcd, "etcd", "bin/bench-store/etcd", "the etcd binary")
	p.sides, p.rows = []string{"kaji", "etcd"}, slices.Concat(rowNames(), []string{"failover"})
	list := func(name string, into *[]string, usage string) {
		flag.Func(name, usage, func(s string) error { *into = strings.Split(s, ","); return nil })
	}
	list("sides", &p.sides, "sides, the others compared with the first: kaji, etcd, before (default kaji,etcd)")
	list("rows", &p.rows, "rows, of "+strings.Join(p.rows, ",")+" and million, which is memory and start with a million keys (default all but million)")
	flag.IntVar(&p.rounds, "rounds", 3, "rounds; the table has their medians")
	flag.DurationVar(&p.span, "span", 3*time.Second, "how long each row is measured in each round")
	flag.IntVar(&p.connections, "connections", 8, "connections to each side")
	flag.IntVar(&p.watchConns, "watch-connections", 8, "connections that the watchers share")
	flag.IntVar(&p.watchers, "watchers", 1000, "watchers")
	flag.IntVar(&p.kills, "kills", 10, "how often the leader is killed")
	flag.IntVar(&p.million, "keys", 1_000_000, "keys of the row million")
	flag.IntVar(&p.starts, "starts", 3, "how often a member of the row million is started")
	flag.DurationVar(&p.settle, "settle", 30*time.Second, "how long members of the row million are left alone before their memory is read")
	flag.StringVar(&p.profiles, "profile", "", "directory for CPU profiles of the leader and of this process, from each row's first round; none when empty")
	flag.BoolVar(&p.json, "json", false, "print JSON in place of the table")
	flag.BoolVar(&p.keep, "keep", false, "keep the directory with the servers' data and logs")
}

func (p *parameters) validate() error {
	for _, n := range []int{p.rounds, p.connections, p.watchConns, p.watchers, p.kills, p.starts, p.million} {
		if n < 1 {
			return errors.New("all numbers must be positive")
		}
	}
	for _, r := range p.rows {
		if !slices.Contains(append(rowNames(), "failover", "million"), r) {
			return fmt.Errorf("there is no row %q", r)
		}
	}
	for _, s := range p.sides {
		path, ok := map[string]string{"kaji": p.kaji, "etcd": p.etcd, "before": p.before}[s]
		if !ok {
			return fmt.Errorf("there is no side %q", s)
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("side %s: %w; `go tool task bench:store` builds kaji and etcd", s, err)
		}
	}
	if p.profiles != "" {
		return os.MkdirAll(p.profiles, 0o755)
	}
	return nil
}

func main() {
	// The servers die with the thread that started them.
	runtime.LockOSThread()
	// The client is not what is measured: the less of the machine it takes from the servers the better, for all sides alike.
	debug.SetGCPercent(400)
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

// makeSides gives the sides by the order of the flag.
func makeSides(p parameters, dir string) ([]side, error) {
	files, err := makeCertificates(dir)
	if err != nil {
		return nil, err
	}
	var sides []side
	for _, name := range p.sides {
		own := filepath.Join(dir, name)
		if err := os.Mkdir(own, 0o700); err != nil {
			return nil, err
		}
		switch name {
		case "kaji":
			sides = append(sides, &kaji{label: "Kaji", dir: own, binary: p.kaji, certificates: files})
		case "before":
			sides = append(sides, &kaji{label: "Kaji before", dir: own, binary: p.before, certificates: files})
		case "etcd":
			sides = append(sides, &etcd{dir: own, binary: p.etcd, certificates: files})
		}
	}
	return sides, nil
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
	sides, err := makeSides(p, dir)
	if err != nil {
		return err
	}
	b := &bench{p: p, dir: dir, table: newTable(sides)}
	for _, s := range sides {
		defer s.stop()
		if err := s.start(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name(), err)
		}
	}
	begin := time.Now()
	err = b.all(ctx, sides)
	b.table.finish(p, time.Since(begin), err)
	if p.json {
		return errors.Join(err, b.table.json(os.Stdout))
	}
	b.table.print(os.Stdout)
	return err
}
