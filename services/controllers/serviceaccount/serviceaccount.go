// Package serviceaccount sees to it that every namespace has the ServiceAccount "default", under which pods run that name no other.
//
// It owns the existence of those accounts and nothing in them.
package serviceaccount

import (
	"context"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/controllers/runtime"
)

const name = "default"

// Add adds the controller to a scope.
func Add(s *runtime.Scope) {
	namespaces, accounts := runtime.Informer[*corev1.Namespace](s), runtime.Informer[*corev1.ServiceAccount](s)
	queue := runtime.NewController(runtime.Config[runtime.Key]{
		Name: "serviceaccount",
		Reconcile: func(ctx context.Context, key runtime.Key) (runtime.Result, error) {
			return runtime.Result{}, ensure(ctx, namespaces, accounts, key.Name)
		},
		Inputs: []runtime.Synced{namespaces, accounts},
		Keys: func() []runtime.Key {
			var keys []runtime.Key
			for _, n := range namespaces.List("", nil) {
				keys = append(keys, runtime.KeyOf(n))
			}
			return keys
		},
	}, s.Metrics, s.Log)
	namespaces.AddHandler(client.Handler[*corev1.Namespace]{
		OnAdd:    func(n *corev1.Namespace) { queue.Enqueue(runtime.KeyOf(n)) },
		OnUpdate: func(_, n *corev1.Namespace) { queue.Enqueue(runtime.KeyOf(n)) },
	})
	accounts.AddHandler(client.Handler[*corev1.ServiceAccount]{OnDelete: func(a *corev1.ServiceAccount) {
		if a.GetMetadata().GetName() == name {
			queue.Enqueue(runtime.Key{Name: a.GetMetadata().GetNamespace()})
		}
	}})
	s.Add(queue.Run)
}

func ensure(ctx context.Context, namespaces *client.Informer[*corev1.Namespace], accounts *client.Informer[*corev1.ServiceAccount], namespace string) error {
	ns, ok := namespaces.Get("", namespace)
	if !ok || ns.GetMetadata().GetDeletionTimestamp() != nil {
		return nil
	}
	if _, ok := accounts.Get(namespace, name); ok {
		return nil
	}
	_, err := accounts.Resource().Create(ctx, &corev1.ServiceAccount{Metadata: &metav1.ObjectMeta{Namespace: namespace, Name: name}})
	if apierror.IsAlreadyExists(err) || apierror.IsNotFound(err) || apierror.IsForbidden(err) {
		// There by now, or the namespace is gone or going.
		return nil
	}
	return err
}
