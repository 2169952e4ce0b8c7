package cli

import (
	"github.com/spf13/cobra"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	schedulingv1 "kaji.dev/kaji/gen/kaji/scheduling/v1"
	"kaji.dev/kaji/kind"
)

func newCreatePriorityClass(s *session) *cobra.Command {
	var value int32
	var global bool
	var description, preemption string
	c := newCreateKind(s, &cobra.Command{
		Use:     "priorityclass NAME --value=N",
		Aliases: []string{"pc"},
		Short:   "Create a priority class",
		Long: `Create a priority class. Pods that name it are scheduled before those of less value, and when there is no room take
the place of such pods, unless --preemption-policy is Never.`,
		Example: `  kaji create priorityclass high --value=1000 --description='what customers wait for'
  kaji create priorityclass usual --value=100 --global-default
  kaji create priorityclass patient --value=500 --preemption-policy=Never`,
		Args: cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		if preemption != "PreemptLowerPriority" && preemption != "Never" {
			return nil, usage(c, "--preemption-policy is PreemptLowerPriority or Never, not %q", preemption)
		}
		m.Namespace = ""
		return &schedulingv1.PriorityClass{
			Metadata: m, Value: value, GlobalDefault: global, Description: description, PreemptionPolicy: &preemption,
		}, nil
	})
	c.Flags().Int32Var(&value, "value", 0, "priority of the pods; more goes first")
	c.Flags().BoolVar(&global, "global-default", false, "it is for the pods that name no class")
	c.Flags().StringVar(&description, "description", "", "what the class is for, for people")
	c.Flags().StringVar(&preemption, "preemption-policy", "PreemptLowerPriority", "whether its pods take the place of others: PreemptLowerPriority or Never")
	_ = c.RegisterFlagCompletionFunc("preemption-policy", cobra.FixedCompletions([]string{"PreemptLowerPriority", "Never"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}
