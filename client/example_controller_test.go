package client_test

import (
	"context"
	"fmt"
	"strings"
	"sync"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"

	"k8s.io/client-go/util/workqueue"
)

// A controller: an informer says that something changed, a queue says what to look at, and one function makes the world as it
// should be. This one keeps an upper-case copy of every ConfigMap that asks for one.
func Example_controller() {
	ctx, cancel := context.WithCancel(context.Background())
	c := fake.New()
	maps := client.Of[*corev1.ConfigMap](c)
	informer := client.NewInformer(maps, client.InformerOptions{Namespace: "default"})

	type key struct{ namespace, name string }
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[key]())
	enqueue := func(m *corev1.ConfigMap) {
		// A change of the copy is a reason to look at the original.
		queue.Add(key{m.GetMetadata().GetNamespace(), strings.TrimSuffix(m.GetMetadata().GetName(), "-upper")})
	}
	informer.AddHandler(client.Handler[*corev1.ConfigMap]{
		OnAdd: enqueue, OnUpdate: func(_, m *corev1.ConfigMap) { enqueue(m) }, OnDelete: enqueue,
	})

	reconcile := func(ctx context.Context, k key) error {
		m, ok := informer.Get(k.namespace, k.name)
		if !ok || m.GetMetadata().GetLabels()["upper"] != "yes" {
			return nil
		}
		// Declaring what one wants is idempotent: nothing is written when it is so already.
		declared := fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\ndata: {text: %q}\n", strings.ToUpper(m.GetData()["text"]))
		stored, err := maps.Apply(ctx, k.namespace, k.name+"-upper", []byte(declared), &metav1.ApplyOptions{FieldManager: "upper", Force: true})
		if err == nil {
			fmt.Println(stored.GetMetadata().GetName(), stored.GetData()["text"])
			cancel()
		}
		return err
	}

	var running sync.WaitGroup
	running.Go(func() { _ = informer.Run(ctx) })
	running.Go(func() {
		if informer.WaitSynced(ctx) != nil {
			return
		}
		for {
			k, ended := queue.Get()
			if ended {
				return
			}
			if err := reconcile(ctx, k); err != nil {
				queue.AddRateLimited(k) // later, and later still
			} else {
				queue.Forget(k)
			}
			queue.Done(k)
		}
	})

	_, err := maps.Create(ctx, &corev1.ConfigMap{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "greeting", Labels: map[string]string{"upper": "yes"}},
		Data:     map[string]string{"text": "good morning"},
	})
	if err != nil {
		panic(err)
	}
	<-ctx.Done()
	queue.ShutDown()
	running.Wait()
	// Output: greeting-upper GOOD MORNING
}
