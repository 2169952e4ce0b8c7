package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	"kaji.dev/kaji/manifest"
)

func newRolloutHistory(s *session) *cobra.Command {
	var sel selection
	var number int64
	var out data
	c := &cobra.Command{
		Use:     "history deployment/NAME",
		Short:   "List what was rolled out",
		Long:    "List what was rolled out. The cause of a change is the annotation " + changeCause + " of the Deployment.",
		Example: "  kaji rollout history deployment/web\n  kaji rollout history deployment/web --revision=2",
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			return eachDeployment(c, s, &sel, args, func(ctx context.Context, conn *client.Client, d *appsv1.Deployment) error {
				all, err := revisions(ctx, conn, d)
				if err != nil {
					return err
				}
				if out.wanted() {
					return writeRevisions(s, &out, d, all, number)
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
	out.bind(c)
	c.Flags().Int64Var(&number, "revision", 0, "show the pod template of this revision")
	return c
}

// writeRevisions tells programs of the revisions of a Deployment, or of one of them, with their pod templates.
func writeRevisions(s *session, out *data, d *appsv1.Deployment, all []revision, number int64) error {
	if number > 0 {
		one, err := find(all, number)
		if err != nil {
			return err
		}
		all = []revision{*one}
	}
	list := []map[string]any{}
	for _, r := range all {
		set, err := manifest.ToJSON(r.set)
		if err != nil {
			return err
		}
		var fields struct {
			Spec struct{ Template json.RawMessage }
		}
		if err := json.Unmarshal(set, &fields); err != nil {
			return err
		}
		list = append(list, map[string]any{
			"revision": r.number, "changeCause": r.set.GetMetadata().GetAnnotations()[changeCause], "replicaSet": r.set.GetMetadata().GetName(), "template": fields.Spec.Template,
		})
	}
	return out.write(s.Out, map[string]any{"deployment": d.GetMetadata().GetName(), "namespace": d.GetMetadata().GetNamespace(), "revisions": list})
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
	var r report
	c := &cobra.Command{
		Use:     "undo deployment/NAME",
		Short:   "Go back to an earlier revision",
		Example: "  kaji rollout undo deployment/web\n  kaji rollout undo deployment/web --to-revision=1",
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.check(c); err != nil {
				return err
			}
			err := eachDeployment(c, s, &sel, args, func(ctx context.Context, conn *client.Client, d *appsv1.Deployment) error {
				all, err := revisions(ctx, conn, d)
				if err != nil {
					return err
				}
				to, err := undoTarget(d, all, number)
				if err != nil {
					return err
				}
				changed := false
				after, err := updateDeployment(ctx, conn, d, r.dryRun, func(d *appsv1.Deployment) (bool, error) {
					var err error
					changed, err = takeBack(d, to)
					return changed, err
				})
				if err != nil {
					return err
				}
				if !changed {
					r.done(s.Out, after, fmt.Sprintf("skipped rollback (revision %d is what runs already)", to.number))
					return nil
				}
				r.done(s.Out, after, "rolled back")
				return nil
			})
			return errors.Join(err, r.end(s.Out))
		},
	}
	bindDeployments(s, c, &sel)
	r.bind(c)
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
