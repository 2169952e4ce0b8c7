// Command api measures the hot paths of a running cluster in one run, so that their ratios mean something: what the disk
// does (4 KiB append and fdatasync), store puts, API creates, watch fan-out.
//
// It needs a cluster of `kaji up`. Objects are made in a namespace of its own, which is deleted at the end.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/deploy/cluster"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
)

const namespace = "bench"

func main() {
	dir := flag.String("dir", cluster.DefaultDir, "cluster directory")
	span := flag.Duration("span", 3*time.Second, "how long each load is applied")
	watchers := flag.Int("watchers", 1000, "watchers of the fan-out")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := run(ctx, *dir, *span, *watchers); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dir string, span time.Duration, watchers int) error {
	cfg, err := cluster.Load(dir)
	if err != nil {
		return err
	}
	api, err := cfg.Client()
	if err != nil {
		return err
	}
	defer api.Close()
	tls, err := identity.ClientTLS(cfg.Files("apiserver"), "")
	if err != nil {
		return err
	}
	var members []string
	for i := range cfg.Members {
		members = append(members, cfg.Store(i+1))
	}
	store, err := raftstore.NewClient(raftstore.ClientConfig{Endpoints: members, TLS: tls})
	if err != nil {
		return err
	}
	defer store.Close()
	namespaces := client.Of[*corev1.Namespace](api)
	if _, err := namespaces.Create(ctx, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: namespace}}); err != nil {
		return err
	}
	defer func() { _ = namespaces.Delete(context.WithoutCancel(ctx), "", namespace, nil) }()

	disk, err := fsync(cfg.Dir, span)
	if err != nil {
		return err
	}
	fmt.Printf("store members: %d\n\n| work | /s | p50 ms | p99 ms | ratio to one fdatasync at a time |\n|---|---|---|---|---|\n", cfg.Members)
	row("4 KiB append + fdatasync, 1 at a time", disk, disk)
	value := make([]byte, 256)
	for _, clients := range []int{1, 64, 256} {
		r := load(ctx, clients, span, func(ctx context.Context, c, n int) error {
			key := fmt.Appendf(nil, "/bench/%d/%d/%d", clients, c, n)
			_, err := store.Txn(ctx, &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: key, Value: value}}}}})
			return err
		})
		row(fmt.Sprintf("store put 256 B, %d clients", clients), r, disk)
	}
	maps := client.Of[*corev1.ConfigMap](api)
	for _, clients := range []int{1, 64, 256} {
		r := load(ctx, clients, span, func(ctx context.Context, c, n int) error {
			_, err := maps.Create(ctx, configMap(fmt.Sprintf("create-%d-%d-%d", clients, c, n), string(value)))
			return err
		})
		row(fmt.Sprintf("API create ConfigMap 256 B, %d clients", clients), r, disk)
	}
	_, err = store.Txn(ctx, &storev1.TxnRequest{Success: []*storev1.Op{{Op: &storev1.Op_Delete{Delete: &storev1.DeleteOp{Key: []byte("/bench/"), RangeEnd: []byte("/bench0")}}}}})
	if err != nil {
		return err
	}
	return fanOut(ctx, cfg, watchers)
}

func configMap(name, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: map[string]string{"v": fmt.Sprintf("%-256x", value)[:256]}}
}

// result is what a load came to.
type result struct {
	perSecond float64
	p50, p99  time.Duration
	failed    error
}

func row(work string, r, disk result) {
	if r.failed != nil {
		fmt.Printf("| %s | failed: %v | | | |\n", work, r.failed)
		return
	}
	fmt.Printf("| %s | %.0f | %.2f | %.2f | %.2f |\n", work, r.perSecond, ms(r.p50), ms(r.p99), r.perSecond/disk.perSecond)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// load has so many clients do the work over and over for a while.
func load(ctx context.Context, clients int, span time.Duration, work func(ctx context.Context, client, n int) error) result {
	begin := time.Now()
	times := make([][]time.Duration, clients)
	var mu sync.Mutex
	var failed error
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for n := 0; time.Since(begin) < span; n++ {
				t := time.Now()
				if err := work(ctx, c, n); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				times[c] = append(times[c], time.Since(t))
			}
		})
	}
	all.Wait()
	took := time.Since(begin)
	sum := slices.Concat(times...)
	slices.Sort(sum)
	if len(sum) == 0 || failed != nil {
		return result{failed: fmt.Errorf("after %d: %w", len(sum), failed)}
	}
	return result{perSecond: float64(len(sum)) / took.Seconds(), p50: sum[len(sum)/2], p99: sum[len(sum)*99/100]}
}

// fsync measures the disk below the cluster.
func fsync(dir string, span time.Duration) (result, error) {
	f, err := os.Create(filepath.Join(dir, ".bench"))
	if err != nil {
		return result{}, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4096)
	r := load(context.Background(), 1, span, func(context.Context, int, int) error {
		if _, err := f.Write(block); err != nil {
			return err
		}
		return unix.Fdatasync(int(f.Fd()))
	})
	return r, r.failed
}
