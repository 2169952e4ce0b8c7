package cli

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strconv"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	"kaji.dev/kaji/kind"
)

// Annotations and labels of Deployments, as Kubernetes names them.
const (
	revisionAnnotation  = "deployment.kubernetes.io/revision"
	changeCause         = "kubernetes.io/change-cause"
	restartedAt         = "kubectl.kubernetes.io/restartedAt"
	podTemplateHash     = "pod-template-hash"
	progressDeadlineHit = "ProgressDeadlineExceeded"
)

func newRollout(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "rollout",
		Short: "Follow, repeat, stop and take back updates of Deployments",
		Long: `Follow, repeat, stop and take back updates of Deployments: status follows an update and fails when it makes no
progress; history lists revisions, undo goes back to one; restart replaces all pods step by step; pause holds updates
back and resume lets them go on.`,
		Example: `  kaji rollout status deployment/web
  kaji rollout history deployment/web
  kaji rollout undo deployment/web --to-revision=2
  kaji rollout restart deployment/web`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c, "there is no rollout command %q", args[0])
			}
			return c.Help()
		},
	}
	c.AddCommand(newRolloutStatus(s), newRolloutHistory(s), newRolloutUndo(s), newRolloutRestart(s), newRolloutPause(s), newRolloutResume(s))
	return c
}

// deployments reads the arguments of a rollout command: NAME of a Deployment with its kind, or files.
func deployments(s *session, c *cobra.Command, sel *selection, args []string) (*client.Client, []*appsv1.Deployment, error) {
	conn, err := s.connect()
	if err != nil {
		return nil, nil, err
	}
	targets, err := sel.targets(s, c, args)
	if err != nil {
		return nil, nil, err
	}
	var out []*appsv1.Deployment
	var errs []error
	for _, t := range targets {
		if t.kind.Message != (&appsv1.Deployment{}).ProtoReflect().Descriptor().FullName() {
			if t.doc != nil {
				continue // other objects beside the Deployment in the file
			}
			return nil, nil, usage(c, "only deployments roll out; %s do not", t.kind.Plural())
		}
		if t.name == "" && !sel.byCriteria() {
			return nil, nil, usage(c, "which deployment? give a name: %s deployment/NAME", c.CommandPath())
		}
		objects, err := sel.resolve(c.Context(), conn, []target{t})
		errs = append(errs, err)
		for _, o := range objects {
			out = append(out, o.(*appsv1.Deployment))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	if len(out) == 0 {
		return nil, nil, errors.New("no deployment found")
	}
	return conn, out, nil
}

func bindDeployments(s *session, c *cobra.Command, sel *selection) {
	sel.bindFiles(c, "file, folder or - with the deployments")
	c.Flags().StringVarP(&sel.label, "selector", "l", "", "label selector")
	c.ValidArgsFunction = s.completeResources("deployments")
}

// updateDeployment changes a Deployment, again when someone else was faster.
func updateDeployment(ctx context.Context, conn *client.Client, d *appsv1.Deployment, dry dryRun, change func(*appsv1.Deployment) (bool, error)) (kind.Object, error) {
	return tryUpdate(ctx, conn, targetOf(d), dry, func(o kind.Object) (bool, error) {
		d := o.(*appsv1.Deployment)
		if d.Spec == nil {
			d.Spec = &appsv1.DeploymentSpec{}
		}
		return change(d)
	})
}

func targetOf(o kind.Object) target {
	return target{kind: kind.Of(o), namespace: o.GetMetadata().GetNamespace(), name: o.GetMetadata().GetName()}
}

// revision is one ReplicaSet of a Deployment with the number of its revision.
type revision struct {
	number int64
	set    *appsv1.ReplicaSet
}

// revisions lists what a Deployment has rolled out, the oldest first.
func revisions(ctx context.Context, conn *client.Client, d *appsv1.Deployment) ([]revision, error) {
	sets, err := replicaSetsOf(ctx, conn, d)
	if err != nil {
		return nil, err
	}
	var out []revision
	for _, rs := range sets {
		n, err := strconv.ParseInt(rs.GetMetadata().GetAnnotations()[revisionAnnotation], 10, 64)
		if err != nil {
			continue // not rolled out yet
		}
		out = append(out, revision{n, rs})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].number < out[j].number })
	return out, nil
}

// replicaSetsOf lists the ReplicaSets that a Deployment controls.
func replicaSetsOf(ctx context.Context, conn *client.Client, d *appsv1.Deployment) ([]*appsv1.ReplicaSet, error) {
	items, _, err := listAll(ctx, conn, kind.Lookup("replicasets.apps"), d.GetMetadata().GetNamespace(), nil)
	if err != nil {
		return nil, err
	}
	var out []*appsv1.ReplicaSet
	for _, o := range items {
		if controlledBy(o, d) {
			out = append(out, o.(*appsv1.ReplicaSet))
		}
	}
	return out, nil
}

func controlledBy(o, owner kind.Object) bool {
	for _, ref := range o.GetMetadata().GetOwnerReferences() {
		if ref.GetController() && ref.GetUid() == owner.GetMetadata().GetUid() {
			return true
		}
	}
	return false
}

func eachDeployment(c *cobra.Command, s *session, sel *selection, args []string, f func(context.Context, *client.Client, *appsv1.Deployment) error) error {
	conn, all, err := deployments(s, c, sel, args)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range all {
		if err := f(c.Context(), conn, d); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", refer(d), err))
		}
	}
	return errors.Join(errs...)
}
