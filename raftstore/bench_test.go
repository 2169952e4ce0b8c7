package raftstore_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
)

// benchStore starts one member and gives it, and a client that reaches it over TLS.
func benchStore(b *testing.B) (member *raftstore.Member, client *raftstore.Client) {
	b.Helper()
	dir := b.TempDir()
	ca, err := identity.InitCA(filepath.Join(dir, "ca"), "bench")
	if err != nil {
		b.Fatal(err)
	}
	f := identity.FilesIn(filepath.Join(dir, "tls"), "tls")
	if err := f.Ensure(ca, identity.Request{Name: identity.StoreName("s1"), Groups: []string{identity.GroupStores}, Hosts: []string{"127.0.0.1"}}); err != nil {
		b.Fatal(err)
	}
	server, err := identity.ServerTLS(f)
	if err != nil {
		b.Fatal(err)
	}
	tls, err := identity.ClientTLS(f, "")
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	m, err := raftstore.Open(raftstore.Config{
		ID: "s1", Listener: l, AdvertiseAddress: address, DataDir: filepath.Join(dir, "data"), ServerTLS: server, ClientTLS: tls,
		Members: []raftstore.Peer{{ID: "s1", Address: address}}, HeartbeatTimeout: 300 * time.Millisecond,
	}, hclog.NewNullLogger())
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- m.Serve(ctx) }()
	if client, err = raftstore.NewClient(raftstore.ClientConfig{Endpoints: []string{address}, TLS: tls}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		client.Close()
		stop()
		<-served
		m.ShutDown()
	})
	if _, err := client.Txn(context.Background(), putReq("ready", "1")); err != nil {
		b.Fatal(err)
	}
	return m, client
}

// spread does b.N operations from n goroutines.
func spread(b *testing.B, n int, do func(i int64) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range n {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				if err := do(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkPut writes 256 bytes to one member, every write on disk, over TLS and directly.
func BenchmarkPut(b *testing.B) {
	value := string(make([]byte, 256))
	for _, way := range []string{"remote", "local"} {
		for _, clients := range []int{1, 64, 256} {
			b.Run(fmt.Sprintf("%s/clients=%d", way, clients), func(b *testing.B) {
				member, client := benchStore(b)
				store := raftstore.Store(client)
				if way == "local" {
					store = member
				}
				ctx := context.Background()
				spread(b, clients, func(i int64) error {
					_, err := store.Txn(ctx, putReq(fmt.Sprintf("/bench/%d", i%10_000), value))
					return err
				})
			})
		}
	}
}

// BenchmarkGet reads 2 KiB, linearizable, from one member over TLS.
func BenchmarkGet(b *testing.B) {
	for _, clients := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			_, client := benchStore(b)
			ctx := context.Background()
			if _, err := client.Txn(ctx, putReq("/bench/k", string(make([]byte, 2048)))); err != nil {
				b.Fatal(err)
			}
			spread(b, clients, func(int64) error {
				_, err := client.Range(ctx, &storev1.RangeRequest{Key: []byte("/bench/k")})
				return err
			})
		})
	}
}

// BenchmarkWatch has one writer write 256 bytes to one member as fast as it can, and 1,000 watchers of one client follow over TLS. What is
// counted is events handed out; the CPU is that of client and member together.
func BenchmarkWatch(b *testing.B) {
	const watchers = 1000
	_, client := benchStore(b)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	writes := max(1, b.N/watchers)
	var wg sync.WaitGroup
	for range watchers {
		w, err := client.Watch(ctx, &storev1.WatchRequest{Key: []byte("/bench/"), RangeEnd: []byte("/bench0")})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Recv(); err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			for seen := 0; seen < writes; {
				res, err := w.Recv()
				if err != nil {
					b.Error(err)
					return
				}
				seen += len(res.Events)
			}
		})
	}
	value := string(make([]byte, 256))
	cpu := cpuTime(b)
	b.ResetTimer()
	for i := range writes {
		if _, err := client.Txn(ctx, putReq(fmt.Sprintf("/bench/%d", i%1000), value)); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
	b.StopTimer()
	events := float64(writes * watchers)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric((cpuTime(b)-cpu).Seconds()*1e5/events, "CPU-s/100k-events")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRange reads 10,000 keys of 2 KiB over TLS, in one message and in pieces. The CPU is that of client and member together.
func BenchmarkRange(b *testing.B) {
	const keys = 10_000
	_, client := benchStore(b)
	ctx := context.Background()
	value := string(make([]byte, 2048))
	for from := 0; from < keys; from += 100 {
		req := &storev1.TxnRequest{}
		for i := from; i < from+100; i++ {
			req.Success = append(req.Success, putReq(fmt.Sprintf("/bench/%05d", i), value).Success...)
		}
		if _, err := client.Txn(ctx, req); err != nil {
			b.Fatal(err)
		}
	}
	for name, read := range map[string]func(context.Context, *storev1.RangeRequest) (*storev1.RangeResponse, error){
		"whole": client.RangeOnce, "pieces": client.Range,
	} {
		b.Run(name, func(b *testing.B) {
			cpu := cpuTime(b)
			for b.Loop() {
				res, err := read(ctx, &storev1.RangeRequest{Key: []byte("/bench/"), RangeEnd: []byte("/bench0")})
				if err != nil || len(res.Kvs) != keys {
					b.Fatal(err)
				}
			}
			n := float64(b.N * keys)
			b.ReportMetric(n/b.Elapsed().Seconds(), "keys/s")
			b.ReportMetric((cpuTime(b)-cpu).Seconds()*1e6/n, "CPU-s/1M-keys")
		})
	}
}

// cpuTime is the CPU time that the process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
