package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// owner is an object that controls pods.
type owner struct {
	namespace, uid string
}

// ownersOfPods lists which objects control the pods of an object that is about to go: its ReplicaSets for a Deployment,
// its Jobs for a CronJob, and itself for another workload. It is asked before the deletion; afterwards nobody knows.
func ownersOfPods(ctx context.Context, conn *client.Client, o kind.Object) ([]owner, error) {
	var out []owner
	switch o := o.(type) {
	case *appsv1.ReplicaSet, *appsv1.StatefulSet, *appsv1.DaemonSet, *batchv1.Job, *corev1.ReplicationController:
		out = append(out, ownerOf(o))
	case *appsv1.Deployment:
		sets, err := replicaSetsOf(ctx, conn, o)
		if err != nil {
			return nil, err
		}
		for _, rs := range sets {
			out = append(out, ownerOf(rs))
		}
	case *batchv1.CronJob:
		jobs, _, err := listAll(ctx, conn, kind.Of(&batchv1.Job{}), o.GetMetadata().GetNamespace(), &metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for _, job := range jobs {
			if controlledBy(job, o) {
				out = append(out, ownerOf(job))
			}
		}
	}
	return out, nil
}

func ownerOf(o kind.Object) owner {
	return owner{o.GetMetadata().GetNamespace(), o.GetMetadata().GetUid()}
}

// awaitPods waits until no pod is left of owners that are gone.
func awaitPods(ctx context.Context, s *session, conn *client.Client, owners []owner) error {
	var namespaces []string
	for _, o := range owners {
		if !slices.Contains(namespaces, o.namespace) {
			namespaces = append(namespaces, o.namespace)
		}
	}
	for _, namespace := range namespaces {
		left := map[string]string{} // name → uid
		owned := func(o kind.Object) bool {
			return slices.ContainsFunc(o.GetMetadata().GetOwnerReferences(), func(ref *metav1.OwnerReference) bool {
				return ref.GetController() && slices.Contains(owners, owner{namespace, ref.GetUid()})
			})
		}
		told := false
		err := listThenWatch(ctx, conn, kind.Lookup("pods"), namespace, &metav1.ListOptions{}, func(items []kind.Object) (bool, error) {
			clear(left)
			for _, o := range items {
				if owned(o) {
					left[o.GetMetadata().GetName()] = o.GetMetadata().GetUid()
				}
			}
			if len(left) > 0 && !told {
				told = true
				fmt.Fprintf(s.Err, "Waiting for %d pods to end...\n", len(left))
			}
			return len(left) == 0, nil
		}, func(e metav1.EventType, o kind.Object) (bool, error) {
			name := o.GetMetadata().GetName()
			switch {
			case e == metav1.EventType_EVENT_TYPE_DELETED:
				delete(left, name)
			case owned(o):
				left[name] = o.GetMetadata().GetUid()
			}
			return len(left) == 0, nil
		})
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return stillThere(ctx, conn, kind.Lookup("pods"), namespace, left)
		}
	}
	return nil
}

// awaitGone waits until none of the objects exists, nor a pod of the owners. Those of one kind and namespace share a watch.
func (d *deleteCommand) awaitGone(ctx context.Context, conn *client.Client, objects []kind.Object, owners []owner) error {
	if d.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.timeout)
		defer cancel()
	}
	type group struct {
		kind      *kind.Kind
		namespace string
	}
	groups := map[group]map[string]string{} // name → uid
	var order []group
	for _, o := range objects {
		g := group{kind.Of(o), o.GetMetadata().GetNamespace()}
		if groups[g] == nil {
			groups[g] = map[string]string{}
			order = append(order, g)
		}
		groups[g][o.GetMetadata().GetName()] = o.GetMetadata().GetUid()
	}
	for _, g := range order {
		if err := awaitNames(ctx, conn, g.kind, g.namespace, groups[g]); err != nil {
			return err
		}
		if left := groups[g]; len(left) > 0 {
			return stillThere(ctx, conn, g.kind, g.namespace, left)
		}
	}
	return awaitPods(ctx, d.session, conn, owners)
}

// awaitNames waits until no object of these names has its uid any more, and removes from left what is gone.
// When ctx ends first, that is no error.
func awaitNames(ctx context.Context, conn *client.Client, k *kind.Kind, namespace string, left map[string]string) error {
	options := &metav1.ListOptions{}
	if len(left) == 1 {
		for name := range left {
			options.FieldSelector = "metadata.name=" + name
		}
	}
	return listThenWatch(ctx, conn, k, namespace, options, func(items []kind.Object) (bool, error) {
		there := map[string]string{}
		for _, o := range items {
			there[o.GetMetadata().GetName()] = o.GetMetadata().GetUid()
		}
		for name, uid := range left {
			if there[name] != uid {
				delete(left, name)
			}
		}
		return len(left) == 0, nil
	}, func(e metav1.EventType, o kind.Object) (bool, error) {
		m := o.GetMetadata()
		if uid, ok := left[m.GetName()]; ok && (uid != m.GetUid() || e == metav1.EventType_EVENT_TYPE_DELETED) {
			delete(left, m.GetName())
		}
		return len(left) == 0, nil
	})
}

// stillThere says what was not gone in time, and what keeps it.
func stillThere(ctx context.Context, conn *client.Client, k *kind.Kind, namespace string, left map[string]string) error {
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	var lines []string
	for name := range left {
		o, err := client.ForKind(conn, k).Get(look, namespace, name)
		if err != nil {
			lines = append(lines, name)
			continue
		}
		why := ""
		if p, ok := o.(*corev1.Pod); ok && p.GetSpec().GetNodeName() != "" {
			why = ": its containers on node " + p.GetSpec().GetNodeName() + " have not ended"
		}
		if f := o.GetMetadata().GetFinalizers(); len(f) > 0 {
			why = ": finalizers " + strings.Join(f, ", ") + " have work to do"
		}
		lines = append(lines, refer(o)+why)
	}
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	return fmt.Errorf("still there after the timeout: %s", strings.Join(lines, "; "))
}
