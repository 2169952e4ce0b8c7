package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"
)

func newCreatePodDisruptionBudget(s *session) *cobra.Command {
	var pods, least, most string
	c := newCreateKind(s, &cobra.Command{
		Use:     "poddisruptionbudget NAME --selector=SELECTOR (--min-available=N | --max-unavailable=N)",
		Aliases: []string{"pdb"},
		Short:   "Create a pod disruption budget",
		Long: `Create a pod disruption budget, which bounds how many of the selected pods may be evicted at the same time, as
"kaji drain" does. N is a number of pods or a percentage of them.`,
		Example: `  kaji create poddisruptionbudget web --selector=app=web --min-available=2
  kaji create pdb web --selector='app in (web, shop)' --max-unavailable=25%`,
		Args: cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		parsed, err := selector.Parse(pods)
		if err != nil {
			return nil, usage(c, "--selector %q: %v", pods, err)
		}
		spec := &policyv1.PodDisruptionBudgetSpec{}
		if spec.Selector, err = selector.ToMessage(parsed); err != nil {
			return nil, usage(c, "--selector %q: %v", pods, err)
		}
		if c.Flags().Changed("min-available") {
			spec.MinAvailable, err = parseShare(c, "min-available", least)
		} else {
			spec.MaxUnavailable, err = parseShare(c, "max-unavailable", most)
		}
		return &policyv1.PodDisruptionBudget{Metadata: m, Spec: spec}, err
	})
	// No -l: that is for objects of the API, these are labels to write into one.
	c.Flags().StringVar(&pods, "selector", "", "label selector of the pods")
	c.Flags().StringVar(&least, "min-available", "", "how many pods stay, or what percentage")
	c.Flags().StringVar(&most, "max-unavailable", "", "how many pods may go at a time, or what percentage")
	_ = c.MarkFlagRequired("selector")
	c.MarkFlagsMutuallyExclusive("min-available", "max-unavailable")
	c.MarkFlagsOneRequired("min-available", "max-unavailable")
	return c
}

// parseShare reads a number of pods or a percentage.
func parseShare(c *cobra.Command, flag, text string) (*metav1.IntOrString, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseUint(digits, 10, 31)
	switch {
	case err != nil || percent && n > 100:
		return nil, usage(c, "--%s is a number of pods or a percentage such as 50%%, not %q", flag, text)
	case percent:
		return &metav1.IntOrString{Type: 1, StrVal: text}, nil
	}
	return &metav1.IntOrString{IntVal: int32(n)}, nil
}
