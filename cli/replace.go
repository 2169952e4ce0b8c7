package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

type replaceCommand struct {
	*session
	selection
	dryRun dryRun
}

func newReplace(s *session) *cobra.Command {
	r := &replaceCommand{session: s}
	c := &cobra.Command{
		Use:     "replace -f (FILE | FOLDER | -)",
		Short:   "Replace objects whole by manifests",
		Long:    "Replace objects whole by manifests: what a manifest does not say goes. The status stays. With a resourceVersion in the manifest, only that version is replaced.",
		Example: "  kaji get cm/settings -o yaml > settings.yaml\n  kaji replace -f settings.yaml",
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return r.run(c) },
	}
	r.bindFiles(c, "file, folder or - with manifests")
	_ = c.MarkFlagRequired("filename")
	r.dryRun.bind(c)
	return c
}

func (r *replaceCommand) run(c *cobra.Command) error {
	if err := r.dryRun.check(c); err != nil {
		return err
	}
	conn, err := r.connect()
	if err != nil {
		return err
	}
	targets, err := r.targets(r.session, c, nil)
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range targets {
		if err := r.replace(c.Context(), conn, t); err != nil {
			errs = append(errs, wrapDocument(t, err))
			continue
		}
		fmt.Fprintf(r.Out, "%s replaced%s\n", t, r.dryRun.note())
	}
	return errors.Join(errs...)
}

// replace keeps apply working afterwards: what was applied last stays written down.
func (r *replaceCommand) replace(ctx context.Context, conn *client.Client, t target) error {
	live, err := get(ctx, conn, t)
	if err != nil || r.dryRun == "client" {
		return err
	}
	o := clone(t.doc.Object)
	m := kind.Metadata(o)
	if text, ok := live.GetMetadata().GetAnnotations()[lastApplied]; ok && m.GetAnnotations()[lastApplied] == "" {
		if m.Annotations == nil {
			m.Annotations = map[string]string{}
		}
		m.Annotations[lastApplied] = text
	}
	conditional := m.GetResourceVersion() != ""
	for try := 1; ; try++ {
		if !conditional {
			m.ResourceVersion = live.GetMetadata().GetResourceVersion()
		}
		_, err := client.ForKind(conn, t.kind).UpdateWith(ctx, o, &metav1.UpdateOptions{DryRun: r.dryRun.server(), FieldManager: fieldManager})
		if !apierror.IsConflict(err) || conditional || try == maxTries {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
		if live, err = get(ctx, conn, t); err != nil {
			return err
		}
	}
}
