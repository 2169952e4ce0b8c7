package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/deploy/cluster"
	"kaji.dev/kaji/deploy/supervise"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const (
	changes     = 200
	connections = 16
)

// fanOut has many watchers follow one collection while it changes, and counts what reaches them. The watchers run in
// this process and take their share of the two cores; what the servers spend is read from their processes.
func fanOut(ctx context.Context, cfg *cluster.Config, watchers int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var ready, got sync.WaitGroup
	errs := make(chan error, watchers)
	for c := range connections {
		api, err := cfg.Client()
		if err != nil {
			return err
		}
		defer api.Close()
		maps := client.Of[*corev1.ConfigMap](api)
		for range watchers/connections + boolInt(c < watchers%connections) {
			ready.Add(1)
			got.Go(func() {
				w, err := maps.Watch(ctx, namespace, &metav1.ListOptions{LabelSelector: "fanout=yes"})
				ready.Done()
				if err != nil {
					errs <- err
					return
				}
				defer w.Stop()
				for seen := 0; seen < changes; {
					e, err := w.Recv()
					if err != nil {
						errs <- err
						return
					}
					if e.Type != metav1.EventType_EVENT_TYPE_BOOKMARK {
						seen++
					}
				}
			})
		}
	}
	ready.Wait()
	api, err := cfg.Client()
	if err != nil {
		return err
	}
	defer api.Close()
	maps := client.Of[*corev1.ConfigMap](api)
	cpu := cpuSeconds(cfg)
	begin := time.Now()
	for n := range changes {
		m := configMap(fmt.Sprintf("fanout-%d", n), "x")
		m.Metadata.Labels = map[string]string{"fanout": "yes"}
		if _, err := maps.Create(ctx, m); err != nil {
			return err
		}
	}
	written := time.Since(begin)
	got.Wait()
	select {
	case err := <-errs:
		return fmt.Errorf("a watcher failed: %w", err)
	default:
	}
	took := time.Since(begin)
	events := float64(watchers * changes)
	fmt.Printf("\n| watch fan-out, %d watchers, %d changes | |\n|---|---|\n", watchers, changes)
	fmt.Printf("| events delivered per second | %.0f |\n| changes written per second meanwhile | %.0f |\n", events/took.Seconds(), changes/written.Seconds())
	fmt.Printf("| server CPU seconds per 100,000 events | %.2f |\n", (cpuSeconds(cfg)-cpu)/events*100_000)
	return nil
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// cpuSeconds is what the services of the cluster have spent so far (proc(5): utime and stime, in ticks of 10 ms).
func cpuSeconds(cfg *cluster.Config) float64 {
	ticks := 0
	for name, pid := range supervise.Running(cfg.RunDir()) {
		if name == cluster.ContainerdName {
			continue
		}
		b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			continue
		}
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		user, _ := strconv.Atoi(f[11])
		system, _ := strconv.Atoi(f[12])
		ticks += user + system
	}
	return float64(ticks) / 100
}
