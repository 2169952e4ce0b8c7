package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newRolloutStatus(s *session) *cobra.Command {
	var sel selection
	var wait bool
	var timeout time.Duration
	var out data
	c := &cobra.Command{
		Use:     "status deployment/NAME",
		Short:   "Follow an update until it is done",
		Long:    "Follow an update until it is done. The exit status is 1 when it fails to make progress or the timeout passes.",
		Example: "  kaji rollout status deployment/web --timeout=2m",
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			return eachDeployment(c, s, &sel, args, func(ctx context.Context, conn *client.Client, d *appsv1.Deployment) error {
				if !wait {
					text, done, err := rolloutStatus(d)
					if out.wanted() {
						return errors.Join(err, out.write(s.Out, statusData(d, done, text)))
					}
					fmt.Fprintln(s.Out, text)
					return err
				}
				if timeout > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, timeout)
					defer cancel()
				}
				if !out.wanted() {
					return followRollout(ctx, s.Out, conn, d)
				}
				if err := followRollout(ctx, s.Err, conn, d); err != nil {
					return err
				}
				return out.write(s.Out, statusData(d, true, "successfully rolled out"))
			})
		},
	}
	bindDeployments(s, c, &sel)
	out.bind(c)
	c.Flags().BoolVarP(&wait, "watch", "w", true, "wait until the update is done")
	c.Flags().DurationVar(&timeout, "timeout", 0, "how long to wait; 0 is as long as it takes")
	return c
}

// statusData is what programs are told of an update.
func statusData(d *appsv1.Deployment, done bool, text string) map[string]any {
	return map[string]any{"deployment": d.GetMetadata().GetName(), "namespace": d.GetMetadata().GetNamespace(), "done": done, "message": text}
}

// followRollout tells how an update goes until it is done.
func followRollout(ctx context.Context, w io.Writer, conn *client.Client, d *appsv1.Deployment) error {
	m := d.GetMetadata()
	options := &metav1.ListOptions{FieldSelector: "metadata.name=" + m.GetName()}
	said, finished := "", false
	look := func(o kind.Object) (bool, error) {
		text, done, err := rolloutStatus(o.(*appsv1.Deployment))
		if text != said && text != "" {
			fmt.Fprintln(w, text)
			said = text
		}
		finished = done
		return done, err
	}
	gone := errors.New("it was deleted while it rolled out")
	err := listThenWatch(ctx, conn, kind.Of(d), m.GetNamespace(), options, func(items []kind.Object) (bool, error) {
		if len(items) == 0 {
			return false, gone
		}
		return look(items[0])
	}, func(e metav1.EventType, o kind.Object) (bool, error) {
		if e == metav1.EventType_EVENT_TYPE_DELETED {
			return false, gone
		}
		return look(o)
	})
	if err == nil && !finished {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return &advice{err: errors.New("the update was not done in time"), next: fmt.Sprintf("`kaji describe deployment/%s` and `kaji get pods` show how far it is", m.GetName())}
		}
		return ctx.Err()
	}
	return err
}

// rolloutStatus says how far an update is, and whether it is done. A controller that has not seen the latest
// change is waited for.
func rolloutStatus(d *appsv1.Deployment) (text string, done bool, err error) {
	name, spec, status := d.GetMetadata().GetName(), d.GetSpec(), d.GetStatus()
	if d.GetMetadata().GetGeneration() > status.GetObservedGeneration() {
		return "Waiting for deployment spec update to be observed...", false, nil
	}
	for _, c := range status.GetConditions() {
		if c.GetType() == "Progressing" && c.GetReason() == progressDeadlineHit {
			return "", true, &advice{
				err:  fmt.Errorf("deployment %q exceeded its progress deadline: %s", name, c.GetMessage()),
				next: fmt.Sprintf("`kaji describe deployment/%s` and `kaji get pods` show why; `kaji rollout undo deployment/%s` takes it back", name, name),
			}
		}
	}
	replicas := int32(1)
	if spec.Replicas != nil {
		replicas = spec.GetReplicas()
	}
	switch {
	case status.GetUpdatedReplicas() < replicas:
		text = fmt.Sprintf("Waiting for deployment %q rollout to finish: %d out of %d new replicas have been updated...", name, status.GetUpdatedReplicas(), replicas)
	case status.GetReplicas() > status.GetUpdatedReplicas():
		text = fmt.Sprintf("Waiting for deployment %q rollout to finish: %d old replicas are pending termination...", name, status.GetReplicas()-status.GetUpdatedReplicas())
	case status.GetAvailableReplicas() < status.GetUpdatedReplicas():
		text = fmt.Sprintf("Waiting for deployment %q rollout to finish: %d of %d updated replicas are available...", name, status.GetAvailableReplicas(), status.GetUpdatedReplicas())
	default:
		return fmt.Sprintf("deployment %q successfully rolled out", name), true, nil
	}
	if spec.GetPaused() {
		return "", true, &advice{err: fmt.Errorf("deployment %q is paused before its update is done", name), next: fmt.Sprintf("`kaji rollout resume deployment/%s` goes on", name)}
	}
	return text, false, nil
}
