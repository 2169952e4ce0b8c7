package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// takeBack gives a Deployment the pod template of a revision; false when it has it already.
func takeBack(d *appsv1.Deployment, to *revision) (bool, error) {
	template := proto.CloneOf(to.set.GetSpec().GetTemplate())
	if template == nil {
		return false, fmt.Errorf("revision %d has no pod template", to.number)
	}
	delete(template.GetMetadata().GetLabels(), podTemplateHash)
	if proto.Equal(template, d.GetSpec().GetTemplate()) {
		return false, nil
	}
	d.Spec.Template = template
	if d.Metadata.Annotations == nil {
		d.Metadata.Annotations = map[string]string{}
	}
	// The history shall say why this template ran, not why the last one did.
	if cause := to.set.GetMetadata().GetAnnotations()[changeCause]; cause != "" {
		d.Metadata.Annotations[changeCause] = cause
	} else {
		delete(d.Metadata.Annotations, changeCause)
	}
	return true, nil
}

func newRolloutRestart(s *session) *cobra.Command {
	return newRolloutChange(s, "restart", "Replace all pods, step by step, by new ones of the same template", "restarted", func(d *appsv1.Deployment) (bool, error) {
		if d.GetSpec().GetPaused() {
			return false, &advice{err: errors.New("a paused deployment cannot be restarted"), next: "`kaji rollout resume deployment/" + d.GetMetadata().GetName() + "` first"}
		}
		if d.Spec.Template == nil {
			d.Spec.Template = &corev1.PodTemplateSpec{}
		}
		if d.Spec.Template.Metadata == nil {
			d.Spec.Template.Metadata = &metav1.ObjectMeta{}
		}
		m := d.Spec.Template.Metadata
		if m.Annotations == nil {
			m.Annotations = map[string]string{}
		}
		m.Annotations[restartedAt] = s.Now().Format(time.RFC3339)
		return true, nil
	})
}

func newRolloutPause(s *session) *cobra.Command {
	return newRolloutChange(s, "pause", "Hold updates back until they are resumed", "paused", func(d *appsv1.Deployment) (bool, error) {
		if d.GetSpec().GetPaused() {
			return false, errors.New("it is paused already")
		}
		d.Spec.Paused = true
		return true, nil
	})
}

func newRolloutResume(s *session) *cobra.Command {
	return newRolloutChange(s, "resume", "Let updates go on", "resumed", func(d *appsv1.Deployment) (bool, error) {
		if !d.GetSpec().GetPaused() {
			return false, errors.New("it is not paused")
		}
		d.Spec.Paused = false
		return true, nil
	})
}

func newRolloutChange(s *session, verb, short, past string, change func(*appsv1.Deployment) (bool, error)) *cobra.Command {
	var sel selection
	var r report
	c := &cobra.Command{
		Use:     verb + " deployment/NAME",
		Short:   short,
		Example: "  kaji rollout " + verb + " deployment/web",
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.check(c); err != nil {
				return err
			}
			err := eachDeployment(c, s, &sel, args, func(ctx context.Context, conn *client.Client, d *appsv1.Deployment) error {
				after, err := updateDeployment(ctx, conn, d, r.dryRun, change)
				if err != nil {
					return err
				}
				r.done(s.Out, after, past)
				return nil
			})
			return errors.Join(err, r.end(s.Out))
		},
	}
	bindDeployments(s, c, &sel)
	r.bind(c)
	return c
}
