package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

type createCommand struct {
	*session
	selection
	output
	dryRun dryRun
}

func newCreate(s *session) *cobra.Command {
	cr := &createCommand{session: s}
	c := &cobra.Command{
		Use:     "create -f (FILE | FOLDER | -)",
		Short:   "Create objects from manifests",
		Long:    "Create objects from manifests. One that exists already is an error; `kaji apply` changes it.",
		Example: "  kaji create -f web.yaml\n  kaji create namespace shop",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if len(cr.files) == 0 {
				return usage(c, "what? give manifests with -f")
			}
			return cr.run(c)
		},
	}
	cr.bindFiles(c, "file, folder or - with manifests")
	cr.dryRun.bind(c)
	cr.output.bind(c, "yaml", "json", "name", "jsonpath=…")
	c.AddCommand(newCreateNamespace(s))
	return c
}

func (cr *createCommand) run(c *cobra.Command) error {
	if err := errors.Join(cr.check(c), cr.dryRun.check(c)); err != nil {
		return err
	}
	conn, err := cr.connect()
	if err != nil {
		return err
	}
	targets, err := cr.targets(cr.session, c, nil)
	if err != nil {
		return err
	}
	var errs []error
	var objects []kind.Object
	for _, t := range targets {
		o, err := cr.create(c.Context(), conn, t.kind, t.doc.Object)
		if err != nil {
			errs = append(errs, wrapDocument(t, err))
			continue
		}
		objects = append(objects, o)
		if cr.format == "" {
			fmt.Fprintf(cr.Out, "%s created%s\n", refer(o), cr.dryRun.note())
		}
	}
	if cr.format != "" && len(objects) > 0 {
		errs = append(errs, cr.write(cr.Out, objects, len(targets) > 1))
	}
	return errors.Join(errs...)
}

func (cr *createCommand) create(ctx context.Context, conn *client.Client, k *kind.Kind, o kind.Object) (kind.Object, error) {
	if cr.dryRun == "client" {
		return o, nil
	}
	return client.ForKind(conn, k).CreateWith(ctx, o, &metav1.CreateOptions{DryRun: cr.dryRun.server(), FieldManager: fieldManager})
}

func newCreateNamespace(s *session) *cobra.Command {
	cr := &createCommand{session: s}
	c := &cobra.Command{
		Use:     "namespace NAME",
		Aliases: []string{"ns"},
		Short:   "Create a namespace",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(cr.check(c), cr.dryRun.check(c)); err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			o, err := cr.create(c.Context(), conn, kind.Lookup("namespace"), &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: args[0]}})
			if err != nil {
				return err
			}
			if cr.format != "" {
				return cr.write(s.Out, []kind.Object{o}, false)
			}
			fmt.Fprintf(s.Out, "%s created%s\n", refer(o), cr.dryRun.note())
			return nil
		},
	}
	cr.dryRun.bind(c)
	cr.output.bind(c, "yaml", "json", "name", "jsonpath=…")
	return c
}
