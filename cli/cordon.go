package cli

import (
	"context"
	"errors"

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
	var r report
	c := &cobra.Command{
		Use: verb + " NODE…", Short: short, Example: "  kaji " + verb + " node-1",
		Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return s.completeNames(c.Context(), "nodes", word)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.check(c); err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			var errs []error
			for _, name := range args {
				node, changed, err := setUnschedulable(c.Context(), conn, name, value, r.dryRun)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				r.done(s.Out, node, cordonWord(past, changed))
			}
			return errors.Join(append(errs, r.end(s.Out))...)
		},
	}
	r.bind(c)
	return c
}

// cordonWord says what was done to a node.
func cordonWord(past string, changed bool) string {
	if changed {
		return past
	}
	return "already " + past
}

// setUnschedulable lets new pods onto a node or not, and tells whether that is a change.
func setUnschedulable(ctx context.Context, conn *client.Client, name string, value bool, dry dryRun) (node kind.Object, changed bool, err error) {
	node, err = tryUpdate(ctx, conn, target{kind: kind.Lookup("nodes"), name: name}, dry, func(o kind.Object) (bool, error) {
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
	return node, changed, err
}
