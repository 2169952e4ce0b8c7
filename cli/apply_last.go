package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

func newViewLastApplied(s *session) *cobra.Command {
	var sel selection
	var format string
	c := &cobra.Command{
		Use:               "view-last-applied (KIND NAME | KIND/NAME | KIND -l SELECTOR | -f FILE)",
		Short:             "Print what was applied last",
		Long:              "Print what was applied last, as apply keeps it in the object's annotation. Objects applied with --server-side have none.",
		Example:           "  kaji apply view-last-applied deployment/web\n  kaji apply view-last-applied -f web.yaml -o json",
		ValidArgsFunction: s.completeResources(),
		RunE: func(c *cobra.Command, args []string) error {
			if format != "yaml" && format != "json" {
				return usage(c, "the output is yaml or json, not %q", format)
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			targets, err := sel.targets(s, c, args)
			if err != nil {
				return err
			}
			objects, err := sel.resolve(c.Context(), conn, targets)
			errs := []error{err}
			for i, o := range objects {
				text, err := appliedLast(o)
				if err != nil {
					errs = append(errs, err)
					continue
				}
				if format == "json" {
					var b bytes.Buffer
					errs = append(errs, json.Indent(&b, bytes.TrimSpace(text), "", "    "))
					fmt.Fprintln(s.Out, b.String())
					continue
				}
				if i > 0 {
					fmt.Fprintln(s.Out, "---")
				}
				b, err := yaml.JSONToYAML(text)
				errs = append(errs, err)
				fmt.Fprint(s.Out, string(b))
			}
			return errors.Join(errs...)
		},
	}
	sel.bindManifests(c, "file, folder or - with the objects")
	c.Flags().StringVarP(&sel.label, "selector", "l", "", "label selector")
	c.Flags().StringVarP(&format, "output", "o", "yaml", "form of the output: yaml, json")
	return c
}

// appliedLast is what the annotation of an object holds.
func appliedLast(o kind.Object) ([]byte, error) {
	text, ok := o.GetMetadata().GetAnnotations()[lastApplied]
	if !ok {
		return nil, &advice{err: fmt.Errorf("%s has no annotation of what was applied last", refer(o)), next: "it was made otherwise, or applied with --server-side; `kaji apply set-last-applied --create-annotation -f FILE` makes one"}
	}
	return []byte(text), nil
}

func newSetLastApplied(s *session) *cobra.Command {
	a := &applyCommand{session: s}
	var create bool
	c := &cobra.Command{
		Use:   "set-last-applied (-f (FILE | FOLDER | -) | -k FOLDER)",
		Short: "Write down manifests as what was applied last, without changing anything else",
		Long: `Write down manifests as what was applied last, without changing anything else: the next apply then removes what they name
and its own no longer does.`,
		Example: "  kaji apply set-last-applied -f web.yaml\n  kaji apply set-last-applied --create-annotation -f web.yaml",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(a.needManifests(c), a.dryRun.check(c)); err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			targets, err := a.targets(s, c, nil)
			if err != nil {
				return err
			}
			var errs []error
			for _, t := range targets {
				if err := a.setLast(c.Context(), conn, t, create); err != nil {
					errs = append(errs, wrapDocument(t, err))
				}
			}
			return errors.Join(errs...)
		},
	}
	a.bindManifests(c, "file, folder or - with manifests")
	a.dryRun.bind(c)
	c.Flags().BoolVar(&create, "create-annotation", false, "also for objects that have no such annotation yet")
	return c
}

func (a *applyCommand) setLast(ctx context.Context, conn *client.Client, t target, create bool) error {
	live, err := get(ctx, conn, t)
	if err != nil {
		return err
	}
	if _, err := appliedLast(live); err != nil && !create {
		return err
	}
	o, err := declared(t)
	if err != nil {
		return err
	}
	text := annotationOf(o)
	if live.GetMetadata().GetAnnotations()[lastApplied] == text {
		fmt.Fprintf(a.Out, "%s unchanged%s\n", t, a.dryRun.note())
		return nil
	}
	if a.dryRun != "client" {
		if err := annotateLast(ctx, conn, t, text, a.dryRun); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.Out, "%s configured%s\n", t, a.dryRun.note())
	return nil
}

// annotateLast sets the annotation and nothing else.
func annotateLast(ctx context.Context, conn *client.Client, t target, text string, dry dryRun) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{lastApplied: text}}})
	if err != nil {
		return err
	}
	_, err = client.ForKind(conn, t.kind).PatchWith(ctx, &metav1.PatchRequest{
		Namespace: t.namespace, Name: t.name, Type: metav1.PatchType_PATCH_TYPE_MERGE, Patch: patch,
		Options: &metav1.PatchOptions{DryRun: dry.server(), FieldManager: clientSideManager},
	})
	return err
}

func newEditLastApplied(s *session) *cobra.Command {
	var sel selection
	c := &cobra.Command{
		Use:               "edit-last-applied (KIND NAME | KIND/NAME)",
		Short:             "Change in your editor what was applied last",
		Long:              "Change in your editor what was applied last: $KAJI_EDITOR, $EDITOR, or vi. Only the annotation changes; the next apply goes by it.",
		Example:           "  kaji apply edit-last-applied deployment/web",
		ValidArgsFunction: s.completeResources(),
		RunE: func(c *cobra.Command, args []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			targets, err := sel.targets(s, c, args)
			if err != nil {
				return err
			}
			for _, t := range targets {
				if t.name == "" {
					return usage(c, "edit which %s? give a name", t.kind.Plural())
				}
				if err := editLast(c, s, conn, t); err != nil {
					return err
				}
			}
			return nil
		},
	}
	sel.bindManifests(c, "file, folder or - with the objects")
	return c
}

func editLast(c *cobra.Command, s *session, conn *client.Client, t target) error {
	o, err := get(c.Context(), conn, t)
	if err != nil {
		return err
	}
	before, err := appliedLast(o)
	if err != nil {
		return err
	}
	original, err := yaml.JSONToYAML(before)
	if err != nil {
		return err
	}
	return editText(c, s, t, original, func(after []byte) error {
		docs, err := manifest.Decode(bytes.NewReader(after), "edit", manifest.Options{Strict: true})
		if err != nil {
			return err
		}
		if len(docs) != 1 || docs[0].Kind != t.kind {
			return errors.New("the edit must hold the one object that it began with")
		}
		one := t
		one.doc = docs[0]
		declaration, err := declared(one)
		if err != nil {
			return err
		}
		return annotateLast(c.Context(), conn, t, annotationOf(declaration), "")
	})
}
