package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

func newPatch(s *session) *cobra.Command {
	var sel selection
	var o output
	var dry dryRun
	var text, file, language, subresource string
	c := &cobra.Command{
		Use:   "patch (KIND NAME | KIND/NAME) -p PATCH",
		Short: "Change fields of an object",
		Long: `Change fields of an object by a JSON merge patch. --type json takes RFC 6902, --type strategic Kubernetes' own, where
the server knows them. The patch is JSON or YAML.`,
		Example: `  kaji patch deployment/web -p '{"spec":{"minReadySeconds":5}}'
  kaji patch node n1 --type json -p '[{"op":"replace","path":"/spec/unschedulable","value":true}]'
  kaji patch pod/web --subresource resize --type strategic -p '{"spec":{"containers":[{"name":"web","resources":{"requests":{"cpu":"500m"}}}]}}'`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: s.completeResources(),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(o.check(c), dry.check(c)); err != nil {
				return err
			}
			if (text == "") == (file == "") {
				return usage(c, "give the patch with -p or --patch-file")
			}
			types := map[string]metav1.PatchType{
				"merge": metav1.PatchType_PATCH_TYPE_MERGE, "json": metav1.PatchType_PATCH_TYPE_JSON, "strategic": metav1.PatchType_PATCH_TYPE_STRATEGIC,
			}
			t, ok := types[language]
			if !ok {
				return usage(c, "--type is merge, json or strategic, not %q", language)
			}
			body := []byte(text)
			if file != "" {
				var err error
				if body, err = os.ReadFile(file); err != nil {
					return err
				}
			}
			patch, err := yaml.YAMLToJSON(body)
			if err != nil {
				return fmt.Errorf("the patch is neither JSON nor YAML: %w", err)
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			targets, err := sel.targets(s, c, args)
			if err != nil {
				return err
			}
			var errs []error
			for _, target := range targets {
				if target.name == "" {
					return usage(c, "patch which %s? give a name", target.kind.Plural())
				}
				if t == metav1.PatchType_PATCH_TYPE_MERGE {
					// The server checks too; here the line is known.
					if _, err := manifest.FromJSON(target.kind, patch, true); err != nil {
						return fmt.Errorf("the patch: %w", err)
					}
				}
				before, err := get(c.Context(), conn, target)
				if err == nil && dry != "client" {
					var after kind.Object
					after, err = client.ForKind(conn, target.kind).PatchWith(c.Context(), &metav1.PatchRequest{
						Namespace: target.namespace, Name: target.name, Type: t, Patch: patch, Subresource: subresource,
						Options: &metav1.PatchOptions{DryRun: dry.server(), FieldManager: fieldManager, FieldValidation: "Strict"},
					})
					if err == nil && o.format != "" {
						err = o.write(s.Out, []kind.Object{after}, false)
					} else if err == nil {
						done := "patched"
						if after.GetMetadata().GetResourceVersion() == before.GetMetadata().GetResourceVersion() {
							done = "patched (no change)"
						}
						fmt.Fprintf(s.Out, "%s %s%s\n", target, done, dry.note())
					}
				}
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		},
	}
	c.Flags().StringVarP(&text, "patch", "p", "", "the patch, JSON or YAML")
	c.Flags().StringVar(&file, "patch-file", "", "file with the patch")
	c.Flags().StringVar(&language, "type", "merge", "merge (RFC 7386), json (RFC 6902) or strategic, where the server knows it")
	c.Flags().StringVar(&subresource, "subresource", "", "part to patch: status; of pods also resize and ephemeralcontainers")
	dry.bind(c)
	o.bind(c, objectFormats...)
	return c
}
