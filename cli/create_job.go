package cli

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateJob(s *session) *cobra.Command {
	var image, from string
	c := newCreateKind(s, &cobra.Command{
		Use:   "job NAME (--image=IMAGE [-- COMMAND [ARG…]] | --from=cronjob/NAME)",
		Short: "Create a job",
		Long: `Create a job, which runs a pod until it has succeeded: of an image, with a container named like the job, or with --from
as a cron job would make it, at once instead of by its schedule. The cron job then owns it.`,
		Example: `  kaji create job migrate --image=registry.local/shop:1 -- ./migrate --all
  kaji create job backup-now --from=cronjob/backup`,
		Args: nameThenCommand,
	}, func(c *cobra.Command, m *metav1.ObjectMeta, command []string) (kind.Object, error) {
		if from != "" {
			if len(command) > 0 {
				return nil, usage(c, "a job made --from another object takes no command; the object says what runs")
			}
			conn, err := s.connect()
			if err != nil {
				return nil, err
			}
			return jobFrom(c.Context(), c, conn, m, from)
		}
		return &batchv1.Job{Metadata: m, Spec: &batchv1.JobSpec{Template: jobPod(m.GetName(), image, "Never", command)}}, nil
	})
	c.Flags().StringVar(&image, "image", "", "image of the container")
	c.Flags().StringVar(&from, "from", "", "cron job to make the job of, cronjob/NAME")
	c.MarkFlagsMutuallyExclusive("image", "from")
	c.MarkFlagsOneRequired("image", "from")
	_ = c.RegisterFlagCompletionFunc("from", func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		names, how := s.completeNames(c.Context(), "cronjobs", strings.TrimPrefix(word, "cronjob/"))
		for i, name := range names {
			names[i] = "cronjob/" + name
		}
		return names, how
	})
	return c
}

// jobPod is the template of a job's pods: one container of an image.
func jobPod(name, image, restart string, command []string) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{Spec: &corev1.PodSpec{
		RestartPolicy: restart,
		Containers:    []*corev1.Container{{Name: name, Image: image, Command: command}},
	}}
}

// jobFrom is the job that a cron job would make, owned by it and marked as one that was asked for.
func jobFrom(ctx context.Context, c *cobra.Command, conn *client.Client, m *metav1.ObjectMeta, from string) (*batchv1.Job, error) {
	word, name, ok := strings.Cut(from, "/")
	if !ok || name == "" {
		return nil, usage(c, "--from %q is not of the form cronjob/NAME", from)
	}
	k, err := lookup(word)
	if err != nil {
		return nil, err
	}
	if k != kind.Of(&batchv1.CronJob{}) {
		return nil, usage(c, "--from names a cron job, not one of the %s", k.Plural())
	}
	o, err := get(ctx, conn, target{kind: k, namespace: m.GetNamespace(), name: name})
	if err != nil {
		return nil, err
	}
	template := o.(*batchv1.CronJob).GetSpec().GetJobTemplate()
	if template.GetSpec() == nil {
		return nil, fmt.Errorf("%s has no job template", refer(o))
	}
	m.Labels = maps.Clone(template.GetMetadata().GetLabels())
	m.Annotations = map[string]string{}
	maps.Copy(m.Annotations, template.GetMetadata().GetAnnotations())
	m.Annotations["cronjob.kubernetes.io/instantiate"] = "manual"
	m.OwnerReferences = []*metav1.OwnerReference{{
		ApiVersion: k.APIVersion(), Kind: k.Name(), Name: name, Uid: o.GetMetadata().GetUid(), Controller: proto.Bool(true),
	}}
	return &batchv1.Job{Metadata: m, Spec: proto.CloneOf(template.GetSpec())}, nil
}
