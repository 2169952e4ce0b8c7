// Package namespace empties namespaces that are being deleted, and lets them go when nothing is left.
//
// It owns the status conditions of namespaces that end and the finalizer "kubernetes" in their spec. It deletes objects of
// every namespaced kind, each by its own rules: an object with finalizers, or a pod that ends gracefully, is waited for.
// Namespaces that live are none of its business.
package namespace

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/controllers/runtime"
)

const (
	// finalizer in spec.finalizers is what this controller takes away.
	finalizer = "kubernetes"
	// lookAgain is for content whose end no event tells this controller of.
	lookAgain = 2 * time.Second
	// page bounds how many objects of a kind are read at once.
	page = 500
)

type controller struct {
	api        *client.Client
	namespaces *client.Informer[*corev1.Namespace]
	log        hclog.Logger
}

// Add adds the controller to a scope.
func Add(s *runtime.Scope) {
	c := &controller{api: s.Client, namespaces: runtime.Informer[*corev1.Namespace](s), log: s.Log.Named("namespace")}
	pods := runtime.Informer[*corev1.Pod](s)
	queue := runtime.NewController(runtime.Config[runtime.Key]{
		Name:      "namespace",
		Workers:   4,
		Reconcile: c.reconcile,
		Inputs:    []runtime.Synced{c.namespaces, pods},
		Keys: func() []runtime.Key {
			var keys []runtime.Key
			for _, n := range c.namespaces.List("", nil) {
				keys = append(keys, runtime.KeyOf(n))
			}
			return keys
		},
	}, s.Metrics, s.Log)
	c.namespaces.AddHandler(client.Handler[*corev1.Namespace]{
		OnAdd:    func(n *corev1.Namespace) { queue.Enqueue(runtime.KeyOf(n)) },
		OnUpdate: func(_, n *corev1.Namespace) { queue.Enqueue(runtime.KeyOf(n)) },
	})
	// Pods take longest to go; their end is what the rest of a namespace most often waits for.
	pods.AddHandler(client.Handler[*corev1.Pod]{OnDelete: func(p *corev1.Pod) {
		name := p.GetMetadata().GetNamespace()
		if n, ok := c.namespaces.Get("", name); ok && n.GetMetadata().GetDeletionTimestamp() != nil {
			queue.Enqueue(runtime.Key{Name: name})
		}
	}})
	s.Add(queue.Run)
}

func (c *controller) reconcile(ctx context.Context, key runtime.Key) (runtime.Result, error) {
	cached, ok := c.namespaces.Get("", key.Name)
	if !ok || cached.GetMetadata().GetDeletionTimestamp() == nil || !slices.Contains(cached.GetSpec().GetFinalizers(), finalizer) {
		return runtime.Result{}, nil
	}
	// What is deleted here cannot be brought back: the decision is taken on what the store says now.
	ns, err := c.namespaces.Resource().Get(ctx, "", key.Name)
	if apierror.IsNotFound(err) {
		return runtime.Result{}, nil
	}
	if err != nil {
		return runtime.Result{}, err
	}
	if ns.GetMetadata().GetUid() != cached.GetMetadata().GetUid() || ns.GetMetadata().GetDeletionTimestamp() == nil {
		return runtime.Result{}, nil
	}
	left, failed := c.empty(ctx, key.Name)
	if failed == nil && left.total() == 0 {
		return runtime.Result{}, c.release(ctx, ns)
	}
	if ns, err = c.report(ctx, ns, left, failed); err != nil {
		return runtime.Result{}, err
	}
	if failed != nil {
		return runtime.Result{}, failed
	}
	c.log.Debug("content remains", "namespace", ns.GetMetadata().GetName(), "objects", left.total())
	return runtime.Result{RequeueAfter: lookAgain}, nil
}

// empty deletes what is in the namespace, and says what remains.
func (c *controller) empty(ctx context.Context, namespace string) (remaining, error) {
	left := remaining{objects: map[string]int{}, finalizers: map[string]int{}}
	var failed error
	for _, k := range kind.All() {
		if !k.Namespaced() {
			continue
		}
		if err := c.emptyKind(ctx, client.ForKind(c.api, k), namespace, &left); err != nil && failed == nil {
			failed = err
		}
	}
	return left, failed
}

func (c *controller) emptyKind(ctx context.Context, r *client.Resource[kind.Object], namespace string, left *remaining) error {
	background := "Background"
	next := ""
	for {
		objects, meta, err := r.List(ctx, namespace, &metav1.ListOptions{Limit: page, Continue: next})
		if apierror.IsExpired(err) && next != "" {
			// What was not read this time is read the next.
			left.objects[r.Kind().String()]++
			return nil
		}
		if err != nil {
			return err
		}
		for _, o := range objects {
			m := o.GetMetadata()
			if m.GetDeletionTimestamp() == nil {
				err := r.Delete(ctx, namespace, m.GetName(), &metav1.DeleteOptions{
					Preconditions: &metav1.Preconditions{Uid: proto.String(m.GetUid())}, PropagationPolicy: &background,
				})
				if err != nil && !apierror.IsNotFound(err) && !apierror.IsConflict(err) {
					return err
				}
				if err == nil && len(m.GetFinalizers()) == 0 && r.Kind().Name() != "Pod" {
					continue // gone at once
				}
			}
			left.note(r.Kind(), m)
		}
		if next = meta.GetContinue(); next == "" {
			return nil
		}
	}
}

// release takes the finalizer away; the API server then removes the namespace.
func (c *controller) release(ctx context.Context, ns *corev1.Namespace) error {
	next := proto.CloneOf(ns)
	next.Spec.Finalizers = slices.DeleteFunc(next.Spec.Finalizers, func(f string) bool { return f == finalizer })
	_, err := c.namespaces.Resource().Update(ctx, next)
	if apierror.IsNotFound(err) {
		return nil
	}
	return err
}
