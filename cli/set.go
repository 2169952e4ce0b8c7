package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/similar"
)

func newSet(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "set",
		Short: "Change images, environment and resources of running workloads",
		Example: `  kaji set image deployment/web web=registry.local/web:2
  kaji set env deployment/web COLOUR=blue DEBUG-
  kaji set resources deployment/web --requests=cpu=100m,memory=64Mi --limits=memory=128Mi`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c, "there is no set command %q", args[0])
			}
			return c.Help()
		},
	}
	c.AddCommand(newSetImage(s), newSetEnv(s), newSetResources(s), newSetServiceAccount(s), newSetSelector(s))
	return c
}

func newSetImage(s *session) *cobra.Command {
	return newSetContainers(s, &cobra.Command{
		Use:     "image (KIND NAME | KIND/NAME) CONTAINER=IMAGE…",
		Short:   "Change the images of containers",
		Long:    "Change the images of containers. * stands for all containers.",
		Example: "  kaji set image deployment/web web=registry.local/web:2",
	}, "image updated", func(container *corev1.Container, _, value string) (bool, error) {
		changed := container.GetImage() != value
		container.Image = value
		return changed, nil
	})
}

// podSpec is the part of an object that holds containers; nil when it has none.
func podSpec(o kind.Object) *corev1.PodSpec {
	switch o := o.(type) {
	case *corev1.Pod:
		return o.GetSpec()
	case *appsv1.Deployment:
		return o.GetSpec().GetTemplate().GetSpec()
	case *appsv1.ReplicaSet:
		return o.GetSpec().GetTemplate().GetSpec()
	case *appsv1.StatefulSet:
		return o.GetSpec().GetTemplate().GetSpec()
	case *appsv1.DaemonSet:
		return o.GetSpec().GetTemplate().GetSpec()
	case *batchv1.Job:
		return o.GetSpec().GetTemplate().GetSpec()
	case *batchv1.CronJob:
		return o.GetSpec().GetJobTemplate().GetSpec().GetTemplate().GetSpec()
	case *corev1.ReplicationController:
		return o.GetSpec().GetTemplate().GetSpec()
	}
	return nil
}

// withContainers are the kinds that podSpec knows.
func withContainers() []string {
	return []string{"deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "replicationcontrollers", "pods"}
}

// containers are those that a name stands for, init containers too.
func containers(spec *corev1.PodSpec, name string) ([]*corev1.Container, error) {
	var out []*corev1.Container
	var names []string
	for _, c := range append(append([]*corev1.Container(nil), spec.GetInitContainers()...), spec.GetContainers()...) {
		if name == "*" || c.GetName() == name {
			out = append(out, c)
		}
		names = append(names, c.GetName())
	}
	if len(out) > 0 {
		return out, nil
	}
	next := "its containers are: " + strings.Join(names, ", ")
	if best := similar.Best(name, names); best != "" {
		next = fmt.Sprintf("did you mean %q?", best)
	}
	return nil, &advice{err: fmt.Errorf("there is no container %q", name), next: next}
}

// newSetContainers finishes a command that changes containers by CONTAINER=VALUE pairs.
func newSetContainers(s *session, c *cobra.Command, done string, change func(c *corev1.Container, name, value string) (bool, error)) *cobra.Command {
	var sel selection
	var r report
	r.bind(c)
	sel.bindFiles(c, "file, folder or - with the objects")
	sel.bindSelectors(c)
	c.Flags().BoolVar(&sel.all, "all", false, "all objects of the kind in the namespace")
	c.ValidArgsFunction = s.completeResources(withContainers()...)
	c.RunE = func(c *cobra.Command, args []string) error {
		names, set, remove, err := splitPairs(c, args)
		if err != nil {
			return err
		}
		if len(set) == 0 || len(remove) > 0 {
			return usage(c, "give CONTAINER=VALUE")
		}
		return changeContainers(s, c, &r, &sel, names, done, func(spec *corev1.PodSpec) (bool, error) {
			changed := false
			for name, value := range set {
				some, err := containers(spec, name)
				if err != nil {
					return false, err
				}
				for _, container := range some {
					one, err := change(container, name, value)
					if err != nil {
						return false, err
					}
					changed = changed || one
				}
			}
			return changed, nil
		})
	}
	return c
}

// changeContainers changes the pod specs of the objects that names and selectors mean.
func changeContainers(s *session, c *cobra.Command, r *report, sel *selection, names []string, done string, change func(*corev1.PodSpec) (bool, error)) error {
	if err := r.check(c); err != nil {
		return err
	}
	conn, err := s.connect()
	if err != nil {
		return err
	}
	targets, err := sel.targets(s, c, names)
	if err != nil {
		return err
	}
	for _, t := range targets {
		if t.name == "" && !sel.byCriteria() {
			return usage(c, "which %s? give a name, -l SELECTOR or --all", t.kind.Plural())
		}
	}
	objects, err := sel.resolve(c.Context(), conn, targets)
	errs := []error{err}
	for _, o := range objects {
		if podSpec(o) == nil {
			errs = append(errs, fmt.Errorf("%s has no containers", refer(o)))
			continue
		}
		errs = append(errs, changeOne(s, c, r, conn, o, done, change))
	}
	return errors.Join(append(errs, r.end(s.Out))...)
}

func changeOne(s *session, c *cobra.Command, r *report, conn *client.Client, o kind.Object, done string, change func(*corev1.PodSpec) (bool, error)) error {
	changed := false
	after, err := tryUpdate(c.Context(), conn, targetOf(o), r.dryRun, func(o kind.Object) (bool, error) {
		var err error
		changed, err = change(podSpec(o))
		return changed, err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", refer(o), err)
	}
	if !changed {
		done = "unchanged"
	}
	r.done(s.Out, after, done)
	return nil
}
