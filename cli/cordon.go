package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

func newCordon(s *session) *cobra.Command {
	return newUnschedulable(s, "cordon", "Let no new pods onto a node", "cordoned", true)
}

func newUncordon(s *session) *cobra.Command {
	return newUnschedulable(s, "uncordon", "Let pods onto a node again", "uncordoned", false)
}

func newUnschedulable(s *session, verb, short, past string, value bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NODE…", Short: short, Example: "  kaji " + verb + " node-1",
		Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return s.completeNames(c.Context(), "nodes", word)
		},
		RunE: func(c *cobra.Command, args []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			var errs []error
			for _, name := range args {
				t := target{kind: kind.Lookup("nodes"), name: name}
				done := "already " + past
				_, err := update(c.Context(), conn, t, func(o kind.Object) (bool, error) {
					n := o.(*corev1.Node)
					if n.GetSpec().GetUnschedulable() == value {
						return false, nil
					}
					if n.Spec == nil {
						n.Spec = &corev1.NodeSpec{}
					}
					n.Spec.Unschedulable = value
					done = past
					return true, nil
				})
				if err != nil {
					errs = append(errs, err)
					continue
				}
				fmt.Fprintf(s.Out, "%s %s\n", t, done)
			}
			return errors.Join(errs...)
		},
	}
}
