package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

type replaceCommand struct {
	*session
	selection
	report
	// force deletes the object and makes it anew.
	force bool
}

func newReplace(s *session) *cobra.Command {
	r := &replaceCommand{session: s}
	c := &cobra.Command{
		Use:   "replace -f (FILE | FOLDER | -)",
		Short: "Replace objects whole by manifests",
		Long: `Replace objects whole by manifests: what a manifest does not say goes. The status stays. With a resourceVersion in the
manifest, only that version is replaced. --force deletes the object, waits until it is gone, and makes it anew: for what
cannot be changed, such as the selector of a Deployment.`,
		Example: "  kaji get cm/settings -o yaml > settings.yaml\n  kaji replace -f settings.yaml\n  kaji replace --force -f web.yaml",
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return r.run(c) },
	}
	r.bindFiles(c, "file, folder or - with manifests")
	_ = c.MarkFlagRequired("filename")
	r.report.bind(c)
	c.Flags().BoolVar(&r.force, "force", false, "delete the object and make it anew, for what cannot be changed")
	return c
}

func (r *replaceCommand) run(c *cobra.Command) error {
	if err := r.report.check(c); err != nil {
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
		o, err := r.replace(c.Context(), conn, t)
		if err != nil {
			errs = append(errs, wrapDocument(t, err))
			continue
		}
		r.done(r.Out, o, "replaced")
	}
	return errors.Join(append(errs, r.end(r.Out))...)
}

// replace keeps apply working afterwards: what was applied last stays written down.
func (r *replaceCommand) replace(ctx context.Context, conn *client.Client, t target) (kind.Object, error) {
	live, err := get(ctx, conn, t)
	if r.force && apierror.IsNotFound(err) {
		live, err = nil, nil
	}
	if err != nil || r.dryRun == "client" {
		return t.doc.Object, err
	}
	o := clone(t.doc.Object)
	m := kind.Metadata(o)
	if text, ok := appliedAnnotation(live); ok && m.GetAnnotations()[lastApplied] == "" {
		if m.Annotations == nil {
			m.Annotations = map[string]string{}
		}
		m.Annotations[lastApplied] = text
	}
	if r.force {
		return r.again(ctx, conn, t, live, o)
	}
	conditional := m.GetResourceVersion() != ""
	for try := 1; ; try++ {
		if !conditional {
			m.ResourceVersion = live.GetMetadata().GetResourceVersion()
		}
		out, err := client.ForKind(conn, t.kind).UpdateWith(ctx, o, &metav1.UpdateOptions{DryRun: r.dryRun.server(), FieldManager: fieldManager})
		if !apierror.IsConflict(err) || conditional || try == maxTries {
			return out, err
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
		if live, err = get(ctx, conn, t); err != nil {
			return nil, err
		}
	}
}

// again deletes an object, which may be nil, waits until it is gone, and makes it anew.
func (r *replaceCommand) again(ctx context.Context, conn *client.Client, t target, live, o kind.Object) (kind.Object, error) {
	d := &deleteCommand{session: r.session, dryRun: r.dryRun, grace: -1, cascade: "background", quiet: true}
	if live != nil {
		if err := d.remove(ctx, conn, live); err != nil {
			return nil, err
		}
		if r.dryRun.note() != "" {
			return o, nil
		}
		if err := d.awaitGone(ctx, conn, []kind.Object{live}, nil); err != nil {
			return nil, err
		}
	}
	m := kind.Metadata(o)
	m.Uid, m.ResourceVersion = "", ""
	return client.ForKind(conn, t.kind).CreateWith(ctx, o, &metav1.CreateOptions{DryRun: r.dryRun.server(), FieldManager: fieldManager})
}

// appliedAnnotation is what was applied to an object last, if any; there may be no object.
func appliedAnnotation(o kind.Object) (string, bool) {
	if o == nil {
		return "", false
	}
	text, ok := o.GetMetadata().GetAnnotations()[lastApplied]
	return text, ok
}
