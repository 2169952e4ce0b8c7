// Package harness runs controllers against the API in memory, in a bubble of simulated time, for tests.
//
// It owns the bubble, the server, and a simulated node that makes pods ready and ends them. It checks nothing itself.
package harness

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/controllers/runtime"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// World is one test's cluster.
type World struct {
	T      *testing.T
	Ctx    context.Context
	Server *fake.Server
	Client *client.Client
}

// Run makes a cluster in a bubble of simulated time and gives it to f.
func Run(t *testing.T, f func(*World)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		server := fake.NewServer()
		f(&World{T: t, Ctx: ctx, Server: server, Client: server.Client()})
		cancel()
		synctest.Wait()
	})
}

// Start runs controllers until the returned function is called, or the test ends.
func (w *World) Start(adds ...func(*runtime.Scope)) (stop func()) {
	w.T.Helper()
	ctx, cancel := context.WithCancel(w.Ctx)
	scope := runtime.NewScope(w.Client, "", nil, hclog.NewNullLogger())
	for _, add := range adds {
		add(scope)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := scope.Run(ctx); err != nil {
			w.T.Errorf("controllers: %v", err)
		}
	}()
	return func() { cancel(); <-done }
}

// Settle lets simulated time pass until all is quiet again.
func (w *World) Settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Create stores an object through the API, or fails the test.
func Create[T kind.Object](w *World, o T) T {
	w.T.Helper()
	stored, err := client.Of[T](w.Client).Create(w.Ctx, o)
	if err != nil {
		w.T.Fatal(err)
	}
	return stored
}

// Get reads an object, or fails the test.
func Get[T kind.Object](w *World, namespace, name string) T {
	w.T.Helper()
	o, err := client.Of[T](w.Client).Get(w.Ctx, namespace, name)
	if err != nil {
		w.T.Fatal(err)
	}
	return o
}

// List reads all objects of a kind in a namespace, or fails the test.
func List[T kind.Object](w *World, namespace string) []T {
	w.T.Helper()
	items, _, err := client.Of[T](w.Client).List(w.Ctx, namespace, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	return items
}

// Edit changes an object through the API, or fails the test.
func Edit[T kind.Object](w *World, namespace, name string, change func(T)) T {
	w.T.Helper()
	o := Get[T](w, namespace, name)
	change(o)
	kind.Metadata(o).ResourceVersion = ""
	stored, err := client.Of[T](w.Client).Update(w.Ctx, o)
	if err != nil {
		w.T.Fatal(err)
	}
	return stored
}

// EditStatus changes an object's status through the API, or fails the test.
func EditStatus[T kind.Object](w *World, namespace, name string, change func(T)) T {
	w.T.Helper()
	o := Get[T](w, namespace, name)
	change(o)
	kind.Metadata(o).ResourceVersion = ""
	stored, err := client.Of[T](w.Client).UpdateStatus(w.Ctx, o)
	if err != nil {
		w.T.Fatal(err)
	}
	return stored
}

// Delete removes an object with an optional propagation policy, or fails the test.
func Delete[T kind.Object](w *World, namespace, name, policy string) {
	w.T.Helper()
	options := &metav1.DeleteOptions{}
	if policy != "" {
		options.PropagationPolicy = proto.String(policy)
	}
	if err := client.Of[T](w.Client).Delete(w.Ctx, namespace, name, options); err != nil {
		w.T.Fatal(err)
	}
}

// Node simulates the scheduler and the nodes: pods are bound, become ready after a while, and end after a while when deleted.
// ready decides, pod by pod; nil means every pod becomes ready.
func (w *World) Node(start, end time.Duration, ready func(*corev1.Pod) bool) {
	pods := client.Of[*corev1.Pod](w.Client)
	informer := client.NewInformer(pods, client.InformerOptions{})
	// Calls that fail for a reason that passes are tried again: a node is as stubborn as controllers are.
	insist := func(after time.Duration, call func() error) {
		go func() {
			time.Sleep(after)
			for w.Ctx.Err() == nil {
				if err := apierror.FromStatus(call()); err == nil || apierror.IsNotFound(err) {
					return
				}
				time.Sleep(time.Second)
			}
		}()
	}
	handle := func(p *corev1.Pod) {
		m := p.GetMetadata()
		switch {
		case m.GetDeletionTimestamp() != nil:
			insist(end, func() error {
				return pods.Delete(w.Ctx, m.GetNamespace(), m.GetName(), &metav1.DeleteOptions{GracePeriodSeconds: proto.Int64(0)})
			})
		case p.GetSpec().GetNodeName() == "":
			insist(0, func() error {
				_, err := corev1.NewPodServiceClient(w.Client.Conn()).BindPods(w.Ctx, &corev1.BindPodsRequest{Bindings: []*corev1.PodBinding{{Namespace: m.GetNamespace(), Name: m.GetName(), NodeName: "node"}}})
				return err
			})
		case p.GetStatus().GetPhase() == "Pending" && (ready == nil || ready(p)):
			insist(start, func() error {
				next := proto.CloneOf(p)
				next.Metadata.ResourceVersion = ""
				SetReady(next, true)
				_, err := pods.UpdateStatus(w.Ctx, next)
				return err
			})
		}
	}
	informer.AddHandler(client.Handler[*corev1.Pod]{OnAdd: handle, OnUpdate: func(_, p *corev1.Pod) { handle(p) }})
	go func() { _ = informer.Run(w.Ctx) }()
}

// SetReady makes a pod running, and ready or not, as of now.
func SetReady(p *corev1.Pod, ready bool) {
	status := "False"
	if ready {
		status = "True"
	}
	p.Status = &corev1.PodStatus{Phase: "Running", Conditions: []*corev1.PodCondition{
		{Type: "Ready", Status: status, LastTransitionTime: timestamppb.New(time.Now().Truncate(time.Second))},
	}}
}
