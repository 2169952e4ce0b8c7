package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/merge"
)

// lastApplied is the annotation that holds what was declared last, as kubectl writes it: a cluster may be
// managed by both.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Field managers: who, by the server's record, has set which fields.
const (
	fieldManager       = "kaji"
	clientSideManager  = "kaji-client-side-apply"
	serverSideManager  = "kaji-apply"
	kubectlsOldManager = "kubectl-client-side-apply"
)

type applyCommand struct {
	*session
	selection
	output
	dryRun  dryRun
	manager string
	// serverSide lets the server merge, force takes over fields of other managers there.
	serverSide, force bool
	pruning
}

func newApply(s *session) *cobra.Command {
	a := &applyCommand{session: s}
	c := &cobra.Command{
		Use:   "apply (-f (FILE | FOLDER | -) | -k FOLDER)",
		Short: "Make objects be as manifests declare them",
		Long: `Make objects be as manifests declare them. An object that does not exist is created. One that exists is changed
where the manifest differs from the one applied before; fields that the manifest never named stay as others have set them.

What was declared last is kept in the annotation kubectl.kubernetes.io/last-applied-configuration, as kubectl does, so
that a field that a manifest no longer names goes. Lists of named things (containers, env, ports, volumes) are merged by
name; other lists are replaced. Each object is reported as created, configured or unchanged.

With --server-side the server merges, and keeps the record of who set which field. A field that another manager has set
to another value is a conflict; --force-conflicts takes it over. What was applied without --server-side until now is taken
over with the first apply.

--prune also deletes what was applied before and is in the manifests no more: of what -l selects, or with --all of all
that was ever applied, in the namespaces that the manifests name. Try it with --dry-run=server first. With -l, only
manifests that it selects are applied.`,
		Example: `  kaji apply -f examples/web.yaml
  kaji apply -f manifests/ -R
  kaji apply -k overlays/prod
  kaji apply -f web.yaml --dry-run=server
  kaji apply -f web.yaml --server-side
  kaji apply -f shop/ --prune -l app=shop
  cat web.yaml | kaji apply -f -`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.run(c) },
	}
	a.bindManifests(c, "file, folder or - with manifests")
	a.dryRun.bind(c)
	a.output.bind(c, objectFormats...)
	a.bindServerSide(c)
	a.pruning.bind(c)
	c.Flags().StringVarP(&a.label, "selector", "l", "", "apply, and prune, only what these labels select")
	c.AddCommand(newViewLastApplied(s), newSetLastApplied(s), newEditLastApplied(s))
	return c
}

func (a *applyCommand) bindServerSide(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&a.serverSide, "server-side", false, "let the server merge, by its record of who set which field")
	f.BoolVar(&a.force, "force-conflicts", false, "with --server-side: take over fields that others have set")
	f.StringVar(&a.manager, "field-manager", "", "who applies, in the record of the server; "+serverSideManager+" or "+clientSideManager+" when not given")
}

// checkServerSide refuses flags that do not fit, and says who applies.
func (a *applyCommand) checkServerSide(c *cobra.Command) error {
	switch {
	case a.force && !a.serverSide:
		return usage(c, "--force-conflicts needs --server-side")
	case a.serverSide && a.dryRun == "client":
		return usage(c, "--server-side is worked out by the server: try it with --dry-run=server")
	}
	if a.manager == "" {
		a.manager = clientSideManager
		if a.serverSide {
			a.manager = serverSideManager
		}
	}
	return nil
}

func (a *applyCommand) run(c *cobra.Command) error {
	if err := errors.Join(a.check(c), a.dryRun.check(c)); err != nil {
		return err
	}
	for _, check := range []func(*cobra.Command) error{a.needManifests, a.checkServerSide, a.checkPruning} {
		if err := check(c); err != nil {
			return err
		}
	}
	conn, err := a.connect()
	if err != nil {
		return err
	}
	targets, err := a.targets(a.session, c, nil)
	if err != nil {
		return err
	}
	if targets, err = a.selected(targets); err != nil {
		return err
	}
	var errs []error
	var objects []kind.Object
	for _, t := range targets {
		o, done, err := a.apply(c.Context(), conn, t)
		if err != nil {
			errs = append(errs, wrapDocument(t, err))
			continue
		}
		objects = append(objects, o)
		if a.format == "" {
			fmt.Fprintf(a.Out, "%s %s%s\n", refer(o), done, a.dryRun.note())
		}
	}
	if a.format != "" && len(objects) > 0 {
		errs = append(errs, a.write(a.Out, objects, len(targets) > 1))
	}
	if a.prune {
		errs = append(errs, a.pruneAll(c.Context(), conn, targets, len(errs) > 0))
	}
	return errors.Join(errs...)
}

// wrapDocument says which document of which file an error is about.
func wrapDocument(t target, err error) error {
	if t.doc == nil {
		return err
	}
	return fmt.Errorf("%s:%d: %w", t.doc.Source, t.doc.Line, err)
}

// apply brings one object about and says what it did: created, configured or unchanged.
func (a *applyCommand) apply(ctx context.Context, conn *client.Client, t target) (kind.Object, string, error) {
	r := client.ForKind(conn, t.kind)
	if t.name == "" {
		return nil, "", errors.New("metadata.name is required: what has only a generateName is created with `kaji create -f`")
	}
	if a.serverSide {
		return a.applyThere(ctx, r, t)
	}
	modified, err := declared(t)
	if err != nil {
		return nil, "", err
	}
	tries := maxTries
	if t.doc.Object.GetMetadata().GetResourceVersion() != "" {
		tries = 1 // the manifest is for that version only
	}
	for try := 1; ; try++ {
		live, err := r.Get(ctx, t.namespace, t.name)
		if apierror.IsNotFound(err) {
			o, err := a.create(ctx, r, t, modified)
			if apierror.IsAlreadyExists(err) && try < tries {
				continue // someone else was faster; now it can be changed
			}
			return o, "created", err
		}
		if err != nil {
			return nil, "", err
		}
		patch, err := a.patch(t, modified, live)
		if err != nil {
			return nil, "", err
		}
		if patch == nil {
			return live, "unchanged", nil
		}
		if a.dryRun == "client" {
			return live, "configured", nil
		}
		o, err := r.PatchWith(ctx, &metav1.PatchRequest{
			Namespace: t.namespace, Name: t.name, Type: metav1.PatchType_PATCH_TYPE_MERGE, Patch: patch,
			Options: &metav1.PatchOptions{DryRun: a.dryRun.server(), FieldManager: a.manager},
		})
		if apierror.IsConflict(err) && try < tries {
			if err := pause(ctx, try); err != nil {
				return nil, "", err
			}
			continue
		}
		if err == nil && o.GetMetadata().GetResourceVersion() == live.GetMetadata().GetResourceVersion() {
			return o, "unchanged", nil
		}
		return o, "configured", err
	}
}

func (a *applyCommand) create(ctx context.Context, r *client.Resource[kind.Object], t target, modified merge.Object) (kind.Object, error) {
	b, err := json.Marshal(modified)
	if err != nil {
		return nil, err
	}
	o, err := manifest.FromJSON(t.kind, b, true)
	if err != nil || a.dryRun == "client" {
		return o, err
	}
	return r.CreateWith(ctx, o, &metav1.CreateOptions{DryRun: a.dryRun.server(), FieldManager: a.manager})
}
