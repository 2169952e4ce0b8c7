package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/apitest"
	"kaji.dev/kaji/services/controllers"
)

const patience = 60 * time.Second

// cluster is a real API server on a store in memory, with nodes played by the test.
type cluster struct {
	*testing.T
	ctx       context.Context
	server    *apitest.Server
	endpoints []string
	client    *client.Client
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	server := apitest.Start(t, nil)
	c := &cluster{T: t, ctx: ctx, server: server, endpoints: []string{server.Address}, client: server.Client()}
	return c
}

// lead runs a process of controllers, until the returned function is called.
func (c *cluster) lead(name string) (stop func()) {
	c.Helper()
	files := c.server.Files(identity.Identity{Name: identity.Controllers, Groups: []string{identity.GroupComponents}}, "127.0.0.1")
	serverTLS, err := identity.ServerTLS(files)
	if err != nil {
		c.Fatal(err)
	}
	clientTLS, err := identity.ClientTLS(files, "")
	if err != nil {
		c.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- controllers.Run(ctx, controllers.Config{
			Address: "127.0.0.1:0", TLS: serverTLS, ClientTLS: clientTLS, Endpoints: c.endpoints, Identity: name,
			LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 200 * time.Millisecond,
		}, hclog.NewNullLogger())
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			c.Errorf("controllers %s: %v", name, err)
		}
	})
	c.Cleanup(stop)
	return stop
}

// node plays the scheduler and the nodes: pods are bound, ready, and end when they are deleted.
func (c *cluster) node() {
	pods := client.Of[*corev1.Pod](c.client)
	play := func(p *corev1.Pod) {
		m := p.GetMetadata()
		var err error
		switch {
		case m.GetDeletionTimestamp() != nil:
			err = pods.Delete(c.ctx, m.GetNamespace(), m.GetName(), &metav1.DeleteOptions{GracePeriodSeconds: proto.Int64(0)})
		case p.GetSpec().GetNodeName() == "":
			_, err = corev1.NewPodServiceClient(c.client.Conn()).BindPods(c.ctx, &corev1.BindPodsRequest{Bindings: []*corev1.PodBinding{{Namespace: m.GetNamespace(), Name: m.GetName(), NodeName: "node"}}})
		case p.GetStatus().GetPhase() == "Pending":
			next := proto.CloneOf(p)
			next.Metadata.ResourceVersion = ""
			next.Status.Phase = "Running"
			next.Status.Conditions = append(next.Status.Conditions, &corev1.PodCondition{Type: "Ready", Status: "True", LastTransitionTime: timestamppb.Now()})
			_, err = pods.UpdateStatus(c.ctx, next)
		}
		if err != nil && !apierror.IsNotFound(err) && !apierror.IsConflict(err) && c.ctx.Err() == nil {
			c.Errorf("playing the node for %s: %v", m.GetName(), err)
		}
	}
	informer := client.NewInformer(pods, client.InformerOptions{})
	informer.AddHandler(client.Handler[*corev1.Pod]{OnAdd: play, OnUpdate: func(_, p *corev1.Pod) { play(p) }})
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(c.ctx)
	go func() { defer close(done); _ = informer.Run(ctx) }()
	c.Cleanup(func() { cancel(); <-done })
}

// await follows a kind until the condition holds for what is there.
func await[T kind.Object](c *cluster, what string, done func([]T) bool) {
	c.Helper()
	informer := client.NewInformer(client.Of[T](c.client), client.InformerOptions{})
	wake := make(chan struct{}, 1)
	poke := func(T) {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	informer.AddHandler(client.Handler[T]{OnAdd: poke, OnDelete: poke, OnUpdate: func(_, o T) { poke(o) }})
	ctx, cancel := context.WithCancel(c.ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = informer.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	if err := informer.WaitSynced(ctx); err != nil {
		c.Fatalf("%s: %v", what, err)
	}
	for !done(informer.List("", nil)) {
		select {
		case <-wake:
		case <-ctx.Done():
			c.Fatalf("not yet %s: %v", what, informer.List("", nil))
		}
	}
}

func deployment(namespace string, replicas int32, image string) *appsv1.Deployment {
	label := map[string]string{"app": "web"}
	return &appsv1.Deployment{
		Metadata: &metav1.ObjectMeta{Namespace: namespace, Name: "web"},
		Spec: &appsv1.DeploymentSpec{
			Replicas: proto.Int32(replicas), Selector: &metav1.LabelSelector{MatchLabels: label},
			Template: &corev1.PodTemplateSpec{
				Metadata: &metav1.ObjectMeta{Labels: label},
				Spec:     &corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Image: image}}},
			},
		},
	}
}

// rolledOut tells whether the one deployment is complete with n replicas, all of them updated; an empty revision is any.
func rolledOut(n int32, revision string) func([]*appsv1.Deployment) bool {
	return func(all []*appsv1.Deployment) bool {
		return slices.ContainsFunc(all, func(d *appsv1.Deployment) bool {
			s := d.GetStatus()
			return s.GetObservedGeneration() == d.GetMetadata().GetGeneration() && s.GetReplicas() == n && s.GetUpdatedReplicas() == n && s.GetAvailableReplicas() == n &&
				(revision == "" || d.GetMetadata().GetAnnotations()["deployment.kubernetes.io/revision"] == revision) &&
				slices.ContainsFunc(s.GetConditions(), func(x *appsv1.DeploymentCondition) bool { return x.GetReason() == "NewReplicaSetAvailable" })
		})
	}
}

// A deployment from its creation to its end, over the real API server: defaults, validation, conflicts and all.
func TestDeploymentOnARealAPIServer(t *testing.T) {
	c := newCluster(t)
	c.node()
	c.lead("a")
	deployments := client.Of[*appsv1.Deployment](c.client)
	if _, err := deployments.Create(c.ctx, deployment("default", 5, "example/web:1")); err != nil {
		t.Fatal(err)
	}
	await(c, "rolled out", rolledOut(5, "1"))
	update(c, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "example/web:2" })
	await(c, "updated", rolledOut(5, "2"))
	update(c, func(d *appsv1.Deployment) { d.Spec.Replicas = proto.Int32(2) })
	await(c, "scaled down", rolledOut(2, "2"))
	update(c, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "example/web:1" })
	await(c, "undone", rolledOut(2, "3"))
	await(c, "left with two replica sets", func(all []*appsv1.ReplicaSet) bool { return len(all) == 2 })
	if err := deployments.Delete(c.ctx, "default", "web", &metav1.DeleteOptions{PropagationPolicy: proto.String("Foreground")}); err != nil {
		t.Fatal(err)
	}
	await(c, "rid of the deployment", func(all []*appsv1.Deployment) bool { return len(all) == 0 })
	await(c, "rid of its pods", func(all []*corev1.Pod) bool { return len(all) == 0 })
	await(c, "rid of its replica sets", func(all []*appsv1.ReplicaSet) bool { return len(all) == 0 })
}

// The leader ends while an update rolls; the next one finishes it, and never are there more pods than the strategy allows.
func TestLeadershipMoves(t *testing.T) {
	c := newCluster(t)
	c.node()
	stop := c.lead("a")
	await(c, "led by a", ledBy("a"))
	c.lead("b")
	if _, err := client.Of[*appsv1.Deployment](c.client).Create(c.ctx, deployment("default", 6, "example/web:1")); err != nil {
		t.Fatal(err)
	}
	await(c, "rolled out", rolledOut(6, "1"))
	update(c, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "example/web:2" })
	await(c, "begun", func(all []*corev1.Pod) bool {
		return slices.ContainsFunc(all, func(p *corev1.Pod) bool { return p.GetSpec().GetContainers()[0].GetImage() == "example/web:2" })
	})
	stop()
	await(c, "led by b", ledBy("b"))
	await(c, "updated", rolledOut(6, "2"))
}

// One of two API servers ends while an update rolls, with the watches and calls on it; nobody but the log notices.
func TestAPIServerEnds(t *testing.T) {
	c := newCluster(t)
	second := c.server.Another()
	c.endpoints = append(c.endpoints, second.Address)
	c.node()
	c.lead("a")
	if _, err := client.Of[*appsv1.Deployment](c.client).Create(c.ctx, deployment("default", 6, "example/web:1")); err != nil {
		t.Fatal(err)
	}
	await(c, "rolled out", rolledOut(6, "1"))
	update(c, func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers[0].Image = "example/web:2" })
	await(c, "begun", func(all []*corev1.Pod) bool {
		return slices.ContainsFunc(all, func(p *corev1.Pod) bool { return p.GetSpec().GetContainers()[0].GetImage() == "example/web:2" })
	})
	second.Stop()
	await(c, "updated", rolledOut(6, "2"))
	update(c, func(d *appsv1.Deployment) { d.Spec.Replicas = proto.Int32(3) })
	await(c, "scaled down", rolledOut(3, "2"))
}

func TestNamespaceIsEmptied(t *testing.T) {
	c := newCluster(t)
	c.node()
	c.lead("a")
	namespaces := client.Of[*corev1.Namespace](c.client)
	if _, err := namespaces.Create(c.ctx, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: "shop"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Of[*appsv1.Deployment](c.client).Create(c.ctx, deployment("shop", 3, "example/web:1")); err != nil {
		t.Fatal(err)
	}
	await(c, "rolled out", rolledOut(3, "1"))
	if err := namespaces.Delete(c.ctx, "", "shop", nil); err != nil {
		t.Fatal(err)
	}
	await(c, "rid of the namespace", func(all []*corev1.Namespace) bool {
		return !slices.ContainsFunc(all, func(n *corev1.Namespace) bool { return n.GetMetadata().GetName() == "shop" })
	})
	for _, k := range kind.All() {
		if !k.Namespaced() {
			continue
		}
		left, _, err := client.ForKind(c.client, k).List(c.ctx, "shop", nil)
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %v left, %v", k, left, err)
		}
	}
}

func ledBy(name string) func([]*coordinationv1.Lease) bool {
	return func(all []*coordinationv1.Lease) bool {
		return slices.ContainsFunc(all, func(l *coordinationv1.Lease) bool {
			return l.GetMetadata().GetName() == controllers.LeaseName && l.GetSpec().GetHolderIdentity() == name
		})
	}
}

func update(c *cluster, change func(*appsv1.Deployment)) {
	c.Helper()
	deployments := client.Of[*appsv1.Deployment](c.client)
	d, err := deployments.Get(c.ctx, "default", "web")
	if err != nil {
		c.Fatal(err)
	}
	change(d)
	d.Metadata.ResourceVersion = ""
	if _, err := deployments.Update(c.ctx, d); err != nil {
		c.Fatal(fmt.Errorf("update: %w", err))
	}
}
