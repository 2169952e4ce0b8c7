package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
)

func newRolloutHistory(s *session) *cobra.Command {
	var sel selection
	var number int64
	c := &cobra.Command{
		Use:     "history deployment/NAME",
		Short:   "List what was rolled out",
		Long:    "List what was rolled out. The cause of a change is the annotation " + changeCause + " of the Deployment.",
		Example: "  kaji rollout history deployment/web\n  kaji rollout history deployment/web --revision=2",
		RunE: func(c *cobra.Command, args []string) error {
			return eachDeployment(c, s, &sel, args, func(ctx context.Context, conn *client.Client, d *appsv1.Deployment) error {
				all, err := revisions(ctx, conn, d)
				if err != nil {
					return err
				}
				if number > 0 {
					return showRevision(s, d, all, number)
				}
				fmt.Fprintln(s.Out, refer(d))
				rows := [][]string{{"REVISION", "CHANGE-CAUSE"}}
				for _, r := range all {
					cause := r.set.GetMetadata().GetAnnotations()[changeCause]
					if cause == "" {
						cause = "<none>"
					}
					rows = append(rows, []string{strconv.FormatInt(r.number, 10), cause})
				}
				return printers.NewTable(s.Out).Write(rows...)
			})
		},
	}
	bindDeployments(s, c, &sel)
	c.Flags().Int64Var(&number, "revision", 0, "show the pod template of this revision")
	return c
}

func find(all []revision, number int64) (*revision, error) {
	var have []string
	for i := range all {
		if all[i].number == number {
			return &all[i], nil
		}
		have = append(have, strconv.FormatInt(all[i].number, 10))
	}
	return nil, fmt.Errorf("there is no revision %d; there are: %s", number, strings.Join(have, ", "))
}

func showRevision(s *session, d *appsv1.Deployment, all []revision, number int64) error {
	r, err := find(all, number)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "%s with revision #%d\n", refer(d), number)
	w := newDescription(s.Out)
	describeTemplate(w, r.set.GetSpec().GetTemplate())
	return w.flush()
}

func newRolloutUndo(s *session) *cobra.Command {
	var sel selection
	var number int64
	c := &cobra.Command{
		Use:     "undo deployment/NAME",
		Short:   "Go back to an earlier revision",
		Example: "  kaji rollout undo deployment/web\n  kaji rollout undo deployment/web --to-revision=1",
		RunE: func(c *cobra.Command, args []string) error {
			return eachDeployment(c, s, &sel, args, func(ctx context.Context, conn *client.Client, d *appsv1.Deployment) error {
				all, err := revisions(ctx, conn, d)
				if err != nil {
					return err
				}
				to, err := undoTarget(d, all, number)
				if err != nil {
					return err
				}
				changed := false
				err = updateDeployment(ctx, conn, d, func(d *appsv1.Deployment) (bool, error) {
					changed, err = takeBack(d, to)
					return changed, err
				})
				if err != nil {
					return err
				}
				if !changed {
					fmt.Fprintf(s.Out, "%s skipped rollback (revision %d is what runs already)\n", refer(d), to.number)
					return nil
				}
				fmt.Fprintf(s.Out, "%s rolled back\n", refer(d))
				return nil
			})
		},
	}
	bindDeployments(s, c, &sel)
	c.Flags().Int64Var(&number, "to-revision", 0, "revision to go back to; 0 is the one before")
	return c
}

// undoTarget finds the revision to go back to: the one asked for, or the latest before the current one.
func undoTarget(d *appsv1.Deployment, all []revision, number int64) (*revision, error) {
	if d.GetSpec().GetPaused() {
		return nil, &advice{err: errors.New("a paused deployment cannot be taken back"), next: "`kaji rollout resume deployment/" + d.GetMetadata().GetName() + "` first"}
	}
	if number > 0 {
		return find(all, number)
	}
	if len(all) < 2 {
		return nil, errors.New("there is no earlier revision to go back to")
	}
	return &all[len(all)-2], nil
}
