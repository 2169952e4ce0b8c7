package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
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
				changed, err := setUnschedulable(c.Context(), conn, name, value)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				fmt.Fprintf(s.Out, "node/%s %s\n", name, cordonWord(past, changed))
			}
			return errors.Join(errs...)
		},
	}
}

// cordonWord says what was done to a node.
func cordonWord(past string, changed bool) string {
	if changed {
		return past
	}
	return "already " + past
}

// setUnschedulable lets new pods onto a node or not, and tells whether that is a change.
func setUnschedulable(ctx context.Context, conn *client.Client, name string, value bool) (changed bool, err error) {
	_, err = update(ctx, conn, target{kind: kind.Lookup("nodes"), name: name}, func(o kind.Object) (bool, error) {
		n := o.(*corev1.Node)
		if changed = n.GetSpec().GetUnschedulable() != value; !changed {
			return false, nil
		}
		if n.Spec == nil {
			n.Spec = &corev1.NodeSpec{}
		}
		n.Spec.Unschedulable = value
		return true, nil
	})
	return changed, err
}
