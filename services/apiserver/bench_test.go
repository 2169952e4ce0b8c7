package apiserver_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// Everything here runs over mutual TLS on loopback, client and server in one process, the store in memory.

// BenchmarkCreate creates pods, many at a time.
func BenchmarkCreate(b *testing.B) {
	s := apitest.Start(b, nil)
	pods := client.Of[*corev1.Pod](s.Client())
	var n atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := pods.Create(context.Background(), newPod("p"+strconv.FormatInt(n.Add(1), 10))); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkUpdateStatus writes the status of pods, many at a time.
func BenchmarkUpdateStatus(b *testing.B) {
	s := apitest.Start(b, nil)
	pods := client.Of[*corev1.Pod](s.Client())
	var n atomic.Int64
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		p := check(pods.Create(context.Background(), newPod("p"+strconv.FormatInt(n.Add(1), 10))))(b)
		for i := 0; pb.Next(); i++ {
			p.Status.Message = strconv.Itoa(i)
			p = check(pods.UpdateStatus(context.Background(), p))(b)
		}
	})
}

// BenchmarkGet reads one object, linearizably, many at a time.
func BenchmarkGet(b *testing.B) {
	s := apitest.Start(b, nil)
	pods := client.Of[*corev1.Pod](s.Client())
	check(pods.Create(context.Background(), newPod("a")))(b)
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			check(pods.Get(context.Background(), "default", "a"))(b)
		}
	})
}

// BenchmarkApplyUnchanged applies a Deployment that is as it is applied, many at a time: applies that are known, and
// ones that have to be worked out.
func BenchmarkApplyUnchanged(b *testing.B) {
	s := apitest.Start(b, nil)
	deployments := client.Of[*appsv1.Deployment](s.Client())
	var n atomic.Int64
	for name, patch := range map[string]func() []byte{
		"known": func() []byte { return []byte(declaredWeb) },
		// A comment makes other bytes of it.
		"unknown": func() []byte { return fmt.Appendf(nil, "%s# %d\n", declaredWeb, n.Add(1)) },
	} {
		b.Run(name, func(b *testing.B) {
			options := &metav1.ApplyOptions{FieldManager: "ci"}
			check(deployments.Apply(context.Background(), "default", "web", []byte(declaredWeb), options))(b)
			b.SetParallelism(32)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := deployments.Apply(context.Background(), "default", "web", patch(), options); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// fill puts pods into the store, past the API server.
func fill(b *testing.B, s *apitest.Server, count int) {
	b.Helper()
	k := kind.Of(&corev1.Pod{})
	for i := 0; i < count; i += 1000 {
		req := &storev1.TxnRequest{}
		for j := i; j < min(i+1000, count); j++ {
			p := newPod(fmt.Sprintf("p%06d", j))
			p.Spec.NodeName = "n" + strconv.Itoa(j%100)
			value := check(proto.Marshal(p))(b)
			req.Success = append(req.Success, &storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{
				Key: []byte(k.Key("default", p.Metadata.Name)), Value: value,
			}}})
		}
		check(s.Store.Txn(context.Background(), req))(b)
	}
}

// BenchmarkList lists 10,000 pods: all of them, a node's, and a page of 500.
func BenchmarkList(b *testing.B) {
	s := apitest.Start(b, nil)
	fill(b, s, 10_000)
	api := corev1.NewPodServiceClient(s.Client().Conn())
	for name, c := range map[string]struct {
		options *metav1.ListOptions
		want    int
	}{
		"all": {nil, 10_000}, "node": {&metav1.ListOptions{FieldSelector: "spec.nodeName=n7"}, 100}, "page": {&metav1.ListOptions{Limit: 500}, 500},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				list := check(api.ListPods(context.Background(), &metav1.ListRequest{Options: c.options}))(b)
				if len(list.GetItems()) != c.want {
					b.Fatalf("%d items", len(list.GetItems()))
				}
			}
		})
	}
}

// BenchmarkWatch has 1,000 watchers see each change of a pod; one operation is one change seen by all.
func BenchmarkWatch(b *testing.B) {
	const watchers = 1000
	s := apitest.Start(b, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var running, seen sync.WaitGroup
	// Ten connections, as from ten processes.
	for range 10 {
		api := corev1.NewConfigMapServiceClient(s.Client().Conn())
		for range watchers / 10 {
			stream := check(api.WatchConfigMaps(ctx, &metav1.WatchRequest{Namespace: "default"}))(b)
			check(stream.Header())(b)
			running.Go(func() {
				for {
					if _, err := stream.Recv(); err != nil {
						return
					}
					seen.Done()
				}
			})
		}
	}
	maps := client.Of[*corev1.ConfigMap](s.Client())
	seen.Add(watchers)
	m := check(maps.Create(ctx, configMap("a", map[string]string{})))(b)
	seen.Wait()
	for i := 0; b.Loop(); i++ {
		seen.Add(watchers)
		m.Data = map[string]string{"i": strconv.Itoa(i)}
		m = check(maps.Update(ctx, m))(b)
		seen.Wait()
	}
	b.ReportMetric(float64(watchers)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
	cancel()
	running.Wait()
}
