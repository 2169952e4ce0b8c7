package client_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// BenchmarkCacheMemory tells how much memory a pod takes in the cache, with the record of its fields' managers and without it.
func BenchmarkCacheMemory(b *testing.B) {
	const count = 5000
	server := fake.NewServer()
	for n := range count {
		server.Seed(podOfCluster(n))
	}
	for name, transform := range map[string]func(kind.Object){"whole": nil, "without-managed-fields": client.WithoutManagedFields} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				before := heap()
				ctx, cancel := context.WithCancel(b.Context())
				pods := client.Of[*corev1.Pod](client.New(overBytes{server}))
				informer := client.NewInformer(pods, client.InformerOptions{Transform: transform})
				done := make(chan struct{})
				go func() { defer close(done); _ = informer.Run(ctx) }()
				if err := informer.WaitSynced(ctx); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(heap()-before)/count, "B/pod")
				cancel()
				<-done
				runtime.KeepAlive(informer)
			}
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// podOfCluster is about what a Deployment's pod looks like while it runs.
func podOfCluster(n int) *corev1.Pod {
	return &corev1.Pod{
		Metadata: &metav1.ObjectMeta{
			Namespace: "default", Name: fmt.Sprintf("web-%05d", n), Labels: map[string]string{"app": "web", "pod-template-hash": "7d4b9c"},
			OwnerReferences: []*metav1.OwnerReference{{ApiVersion: "apps/v1", Kind: "ReplicaSet", Name: "web-7d4b9c", Uid: "0b7d3b2e-8a4f-4a38-9c53-6f1f3d6f0b11", Controller: proto.Bool(true)}},
			ManagedFields: []*metav1.ManagedFieldsEntry{{
				Manager: "kaji-controllers", Operation: "Update", ApiVersion: "v1", FieldsType: "FieldsV1",
				FieldsV1: &metav1.FieldsV1{Raw: fmt.Appendf(nil, `{"f:metadata":{"f:labels":{".":{},"f:app":{},"f:pod-template-hash":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"%d\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:ports":{".":{},"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:protocol":{}}},"f:resources":{".":{},"f:requests":{".":{},"f:cpu":{},"f:memory":{}}}}},"f:restartPolicy":{},"f:terminationGracePeriodSeconds":{}}}`, n)},
			}},
		},
		Spec: &corev1.PodSpec{
			NodeName: fmt.Sprint("node-", n%100), RestartPolicy: "Always", TerminationGracePeriodSeconds: proto.Int64(30),
			Containers: []*corev1.Container{{Name: "web", Image: "registry.example/web:1.4.2", ImagePullPolicy: "IfNotPresent", Ports: []*corev1.ContainerPort{{ContainerPort: 8080, Protocol: "TCP"}}}},
		},
		Status: &corev1.PodStatus{Phase: "Running", PodIp: fmt.Sprintf("10.1.%d.%d", n/250, n%250), Conditions: []*corev1.PodCondition{{Type: "Ready", Status: "True"}, {Type: "PodScheduled", Status: "True"}}},
	}
}

// overBytes is an API in memory whose answers are decoded anew, as over a network.
type overBytes struct{ *fake.Server }

func (o overBytes) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	whole := reply.(proto.Message).ProtoReflect().New().Interface()
	if err := o.Server.Invoke(ctx, method, args, whole, opts...); err != nil {
		return err
	}
	b, err := proto.Marshal(whole)
	if err != nil {
		return err
	}
	return proto.Unmarshal(b, reply.(proto.Message))
}
