package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/config"
	"kaji.dev/kaji/client/fake"

	"google.golang.org/protobuf/proto"
)

// Connecting to the cluster that the environment means: $KAJI_CONFIG, ~/.kaji/config, or a pod's service account.
func Example() {
	settings, namespace, err := config.Find(config.Wanted{UserAgent: "example/1.0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := client.Dial(settings)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	pods, _, err := client.Of[*corev1.Pod](c).List(context.Background(), namespace, nil)
	fmt.Println(len(pods), err)
}

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

// A long list in pages, all of one revision.
func ExampleResource_List() {
	ctx := context.Background()
	server := fake.NewServer()
	for n := range 5 {
		server.Seed(&corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: fmt.Sprint("web-", n), Labels: map[string]string{"app": "web"}}})
	}
	pods := client.Of[*corev1.Pod](server.Client())
	options := &metav1.ListOptions{LabelSelector: "app=web", Limit: 2}
	for {
		page, meta, err := pods.List(ctx, "default", options)
		if err != nil {
			panic(err)
		}
		var names []string
		for _, p := range page {
			names = append(names, p.GetMetadata().GetName())
		}
		fmt.Println(names)
		if meta.GetContinue() == "" {
			break
		}
		options.Continue = meta.GetContinue()
	}
	// Output:
	// [web-0 web-1]
	// [web-2 web-3]
	// [web-4]
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

// Finding objects by what they refer to, without looking at all of them.
func ExampleInformer_ByIndex() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pod := func(name, node string) *corev1.Pod {
		return &corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: &corev1.PodSpec{NodeName: node}}
	}
	c := fake.New(pod("a", "n1"), pod("b", "n2"), pod("c", "n1"))
	informer := client.NewInformer(client.Of[*corev1.Pod](c), client.InformerOptions{Transform: client.WithoutManagedFields})
	informer.AddIndex("node", func(p *corev1.Pod) []string { return []string{p.GetSpec().GetNodeName()} })
	go func() { _ = informer.Run(ctx) }()
	if err := informer.WaitSynced(ctx); err != nil {
		panic(err)
	}
	fmt.Println(informer.IndexValues("node"), len(informer.ByIndex("node", "n1")))
	// Output: [n1 n2] 2
}

// Reading one's own write from a cache.
func ExampleInformer_WaitForObject() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	maps := client.Of[*corev1.ConfigMap](fake.New())
	informer := client.NewInformer(maps, client.InformerOptions{})
	go func() { _ = informer.Run(ctx) }()
	stored, err := maps.Create(ctx, &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "settings"}})
	if err != nil {
		panic(err)
	}
	if err := informer.WaitForObject(ctx, stored); err != nil {
		panic(err)
	}
	_, there := informer.Get("default", "settings")
	fmt.Println(there)
	// Output: true
}

// Declaring some fields of an object under a name, and learning who else cares about them.
func ExampleResource_Apply() {
	ctx := context.Background()
	maps := client.Of[*corev1.ConfigMap](fake.New())
	apply := func(manager, colour string) error {
		declared := "apiVersion: v1\nkind: ConfigMap\ndata: {colour: " + colour + "}\n"
		_, err := maps.Apply(ctx, "default", "settings", []byte(declared), &metav1.ApplyOptions{FieldManager: manager})
		return err
	}
	fmt.Println(apply("painter", "red"))
	err := apply("decorator", "blue")
	var conflict *apierror.Error
	if errors.As(err, &conflict) && apierror.IsConflict(err) {
		fmt.Println("somebody else set", conflict.Violations[0].Field)
	}
	// Output:
	// <nil>
	// somebody else set data.colour
}

// Changing an object that others change too.
func ExampleResource_UpdateFunc() {
	ctx := context.Background()
	deployments := client.Of[*appsv1.Deployment](fake.New(&appsv1.Deployment{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: &appsv1.DeploymentSpec{Replicas: proto.Int32(2)},
	}))
	stored, err := deployments.UpdateFunc(ctx, "default", "web", func(d *appsv1.Deployment) error {
		// Called again, with what there is by then, when another writer came between.
		d.Spec.Replicas = proto.Int32(d.GetSpec().GetReplicas() + 1)
		return nil
	})
	fmt.Println(stored.GetSpec().GetReplicas(), err)
	// Output: 3 <nil>
}

// Objects of a kind that a word names, without its Go type.
func ExampleAny() {
	ctx := context.Background()
	c := fake.New(&corev1.Pod{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web-0"}})
	found, err := client.NewDiscovery(c).Lookup(ctx, "po")
	if err != nil {
		panic(err)
	}
	items, _, err := client.AnyOf(c, found.GetType()).List(ctx, "", nil)
	if err != nil {
		panic(err)
	}
	for _, item := range items {
		m, err := client.MetadataOf(item) // works for kinds that this program was not compiled with
		fmt.Println(found.GetOptions().GetKind(), m.GetNamespace(), m.GetName(), err)
	}
	// Output: Pod default web-0 <nil>
}

// Hearing what the server stored and nothing acts on.
func ExampleWithWarnings() {
	ctx := client.WithWarnings(context.Background(), func(text string) { fmt.Println("warning:", text) })
	maps := client.Of[*corev1.ConfigMap](fake.New())
	_, err := maps.Create(ctx, &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "settings"}})
	fmt.Println(err)
	// Output: <nil>
}
