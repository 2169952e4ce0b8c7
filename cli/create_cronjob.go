package cli

import (
	"github.com/spf13/cobra"

	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateCronJob(s *session) *cobra.Command {
	var image, schedule, restart string
	c := newCreateKind(s, &cobra.Command{
		Use:     "cronjob NAME --image=IMAGE --schedule='MINUTE HOUR DAY MONTH WEEKDAY' [-- COMMAND [ARG…]]",
		Aliases: []string{"cj"},
		Short:   "Create a cron job",
		Long: `Create a cron job, which makes a job whenever its schedule says so. The schedule is in Cron format, or one of @hourly,
@daily, @weekly, @monthly and @yearly. The container is named like the cron job.`,
		Example: `  kaji create cronjob backup --image=registry.local/tools:1 --schedule='30 2 * * *' -- ./backup
  kaji create cronjob ping --image=registry.local/tools:1 --schedule=@hourly --restart=Never`,
		Args: nameThenCommand,
	}, func(c *cobra.Command, m *metav1.ObjectMeta, command []string) (kind.Object, error) {
		if restart != "OnFailure" && restart != "Never" {
			return nil, usage(c, "--restart is OnFailure or Never, not %q: a job's pods come to an end", restart)
		}
		// The name goes to the jobs' template too, as kubectl has it.
		return &batchv1.CronJob{Metadata: m, Spec: &batchv1.CronJobSpec{
			Schedule: schedule,
			JobTemplate: &batchv1.JobTemplateSpec{
				Metadata: &metav1.ObjectMeta{Name: m.GetName()},
				Spec:     &batchv1.JobSpec{Template: jobPod(m.GetName(), image, restart, command)},
			},
		}}, nil
	})
	c.Flags().StringVar(&image, "image", "", "image of the container")
	c.Flags().StringVar(&schedule, "schedule", "", "when to make jobs, in Cron format")
	c.Flags().StringVar(&restart, "restart", "OnFailure", "when a container is started again: OnFailure or Never")
	_ = c.MarkFlagRequired("image")
	_ = c.MarkFlagRequired("schedule")
	_ = c.RegisterFlagCompletionFunc("restart", cobra.FixedCompletions([]string{"OnFailure", "Never"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}
