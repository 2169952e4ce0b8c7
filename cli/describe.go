package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

func newDescribe(s *session) *cobra.Command {
	var sel selection
	var events bool
	c := &cobra.Command{
		Use:   "describe (KIND [NAME…] | KIND/NAME… | KIND -l SELECTOR | -f FILE | -k FOLDER)",
		Short: "Show an object with what belongs to it, and its events",
		Long: `Show an object with what belongs to it, and its events: containers and volumes of a pod, what runs on a node and what
it asks for, the replica sets of a deployment, how far a job is. Values of secrets are never shown.`,
		Example:           "  kaji describe pod/web-1\n  kaji describe nodes",
		ValidArgsFunction: s.completeResources(),
		RunE: func(c *cobra.Command, args []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			targets, err := sel.targets(s, c, args)
			if err != nil {
				return err
			}
			objects, err := sel.resolve(c.Context(), conn, targets)
			errs := []error{err}
			if len(objects) == 0 && err == nil {
				fmt.Fprintf(s.Err, "No %s found\n", plurals(targets))
			}
			for i, o := range objects {
				if i > 0 {
					fmt.Fprint(s.Out, "\n\n")
				}
				errs = append(errs, describe(c.Context(), s, conn, o, events))
			}
			return errors.Join(errs...)
		},
	}
	sel.bindManifests(c, "file, folder or - with the objects")
	sel.bindSelectors(c)
	c.Flags().BoolVarP(&sel.allNamespaces, "all-namespaces", "A", false, "in all namespaces")
	c.Flags().BoolVar(&events, "show-events", true, "show events too")
	return c
}

// describe writes one object. What belongs to it and cannot be read is left out with a word, not an error.
func describe(ctx context.Context, s *session, conn *client.Client, o kind.Object, events bool) error {
	w := newDescription(s.Out)
	d := &describer{ctx: ctx, session: s, conn: conn, w: w}
	switch o := o.(type) {
	case *corev1.Pod:
		d.pod(o)
	case *corev1.Node:
		d.node(o)
	case *corev1.Namespace:
		d.namespace(o)
	case *corev1.Service:
		d.service(o)
	case *corev1.ConfigMap:
		d.configMap(o)
	case *corev1.Secret:
		d.secret(o)
	case *appsv1.Deployment:
		d.deployment(o)
	case *appsv1.ReplicaSet:
		d.replicaSet(o)
	case *appsv1.StatefulSet:
		d.statefulSet(o)
	case *appsv1.DaemonSet:
		d.daemonSet(o)
	case *corev1.ReplicationController:
		d.replicationController(o)
	case *batchv1.Job:
		d.job(o)
	case *batchv1.CronJob:
		d.cronJob(o)
	default:
		d.generic(o)
	}
	if _, isEvent := o.(*corev1.Event); events && !isEvent {
		d.events(o)
	}
	return w.flush()
}

// describer writes objects with what belongs to them.
type describer struct {
	ctx     context.Context
	session *session
	conn    *client.Client
	w       *description
}

// head writes what all objects have.
func (d *describer) head(o kind.Object) {
	m := o.GetMetadata()
	d.w.field(0, "Name", m.GetName())
	if kind.Of(o).Namespaced() {
		d.w.field(0, "Namespace", m.GetNamespace())
	}
	d.w.pairs(0, "Labels", m.GetLabels())
	annotations := map[string]string{}
	for key, value := range m.GetAnnotations() {
		if key != lastApplied {
			annotations[key] = value
		}
	}
	d.w.pairs(0, "Annotations", annotations)
	if t := m.GetCreationTimestamp(); t != nil {
		d.w.field(0, "Created", d.when(t))
	}
	for _, ref := range m.GetOwnerReferences() {
		if ref.GetController() {
			d.w.field(0, "Controlled By", ref.GetKind()+"/"+ref.GetName())
		}
	}
	if t := m.GetDeletionTimestamp(); t != nil {
		d.w.field(0, "Deletion", fmt.Sprintf("asked for, due %s (grace period %ds)", d.when(t), m.GetDeletionGracePeriodSeconds()))
	}
	if len(m.GetFinalizers()) > 0 {
		d.w.list(0, "Finalizers", m.GetFinalizers())
	}
}

// unreadable says that a part of a description could not be read.
func (d *describer) unreadable(what string, err error) {
	d.w.field(0, what, "<cannot be read: "+apierror.FromStatus(err).Error()+">")
}
