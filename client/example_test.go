package client_test

import (
	"context"
	"fmt"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
)

// Reading, changing and deleting objects of one kind. fake.New stands in for client.Dial.
func ExampleOf() {
	ctx := context.Background()
	c := fake.New()
	maps := client.Of[*corev1.ConfigMap](c)
	created, err := maps.Create(ctx, &corev1.ConfigMap{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "settings"},
		Data:     map[string]string{"colour": "red"},
	})
	if err != nil {
		panic(err)
	}
	created.Data["colour"] = "blue"
	if _, err := maps.Update(ctx, created); err != nil {
		panic(err)
	}
	// The object that was changed above is not the latest version any more.
	_, err = maps.Update(ctx, created)
	fmt.Println("conflict:", apierror.IsConflict(err))
	read, err := maps.Get(ctx, "default", "settings")
	fmt.Println(read.GetData()["colour"], err)
	// Output:
	// conflict: true
	// blue <nil>
}

// Keeping a copy of a collection, and being told of changes.
func ExampleNewInformer() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := fake.New(&corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "settings"}})
	informer := client.NewInformer(client.Of[*corev1.ConfigMap](c), client.InformerOptions{Namespace: "default"})
	seen := make(chan string)
	informer.AddHandler(client.Handler[*corev1.ConfigMap]{
		OnAdd: func(m *corev1.ConfigMap) { seen <- m.GetMetadata().GetName() },
	})
	go func() { _ = informer.Run(ctx) }()
	if err := informer.WaitSynced(ctx); err != nil {
		panic(err)
	}
	fmt.Println(len(informer.List("default", nil)), <-seen)
	// Output: 1 settings
}
