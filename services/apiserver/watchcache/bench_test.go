package watchcache

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
)

// benchPods are pods as the store has them, about 2 KiB each.
func benchPods(b *testing.B, n int) []*storev1.KeyValue {
	b.Helper()
	var env []*corev1.EnvVar
	for i := range 12 {
		env = append(env, &corev1.EnvVar{Name: fmt.Sprintf("SOME_SETTING_%d", i), Value: fmt.Sprintf("http://service-%d.shop.svc.cluster.local:8080/path", i)})
	}
	var mounts []*corev1.VolumeMount
	var volumes []*corev1.Volume
	for i := range 4 {
		name := fmt.Sprintf("volume-%d", i)
		mounts = append(mounts, &corev1.VolumeMount{Name: name, MountPath: "/etc/" + name})
		volumes = append(volumes, &corev1.Volume{Name: name, VolumeSource: &corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: &corev1.LocalObjectReference{Name: name}},
		}})
	}
	out := make([]*storev1.KeyValue, n)
	k := kind.Of(&corev1.Pod{})
	for i := range out {
		name := fmt.Sprintf("checkout-7d4b9c6f5d-%05d", i)
		p := &corev1.Pod{
			Metadata: &metav1.ObjectMeta{
				Namespace: "shop", Name: name, Uid: fmt.Sprintf("0b1f2f0e-7b0e-4c8f-9d51-%012d", i),
				Labels:      map[string]string{"app": "checkout", "component": "server", "team": "payments", "pod-template-hash": "7d4b9c6f5d"},
				Annotations: map[string]string{"prometheus.io/scrape": "true", "prometheus.io/port": "9102"},
			},
			Spec: &corev1.PodSpec{
				NodeName: fmt.Sprintf("node-%d", i%100), Volumes: volumes,
				Containers: []*corev1.Container{{Name: "server", Image: "registry.example.com/shop/checkout:2.41.0", Env: env, VolumeMounts: mounts}},
			},
			Status: &corev1.PodStatus{Phase: "Running", PodIp: "10.0.0.1", HostIp: "10.0.1.1"},
		}
		value, err := proto.Marshal(p)
		if err != nil {
			b.Fatal(err)
		}
		out[i] = &storev1.KeyValue{Key: []byte(k.Key("shop", name)), Value: value, ModRevision: int64(i + 1)}
	}
	return out
}

// BenchmarkLoad fills a cache with 10,000 pods, and tells what each takes once the garbage is gone.
func BenchmarkLoad(b *testing.B) {
	const n = 10_000
	kvs := benchPods(b, n)
	k := kind.Of(&corev1.Pod{})
	live := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	var c *Cache
	for b.Loop() {
		c = newCache(k, Config{MaxEvents: 1024, MaxBytes: 1 << 20}, &progress{}, hclog.NewNullLogger())
		c.replace(kvs, n)
	}
	b.ReportMetric(float64(live()-before)/n, "B/object")
	b.ReportMetric(float64(len(kvs[0].GetValue())), "stored-B/object")
	runtime.KeepAlive(c)
	runtime.KeepAlive(kvs)
}
