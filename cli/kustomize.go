package cli

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli/kustomize"
	"kaji.dev/kaji/manifest"
)

func newKustomize(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "kustomize [FOLDER]",
		Short: "Print the objects that a kustomization makes",
		Long: `Print the objects that the kustomization.yaml of a folder makes, of this folder when none is named: with its bases,
components, generators, patches, images, prefixes and all else that kustomize knows. Only files of this machine are read,
and nothing is run: addresses, repositories, exec plugins and helm charts are refused. "apply -k" applies the same.`,
		Example: `  kaji kustomize overlays/prod
  kaji kustomize overlays/prod | kaji diff -f -
  kaji apply -k overlays/prod`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			text, err := kustomize.Build(dir)
			if err != nil {
				return notKustomized(err)
			}
			_, err = s.Out.Write(text)
			return err
		},
	}
}

func notKustomized(err error) error {
	return &advice{err: err, next: "`kaji kustomize --help` says what a kustomization may hold"}
}

// documents reads the manifests of the files, or those that the kustomization makes.
func (sel *selection) documents(stdin io.Reader) ([]*manifest.Document, error) {
	if sel.kustomization == "" {
		return manifest.Files(sel.files, sel.recursive, stdin, manifest.Options{Strict: true})
	}
	text, err := kustomize.Build(sel.kustomization)
	if err != nil {
		return nil, notKustomized(err)
	}
	return manifest.Decode(bytes.NewReader(text), fmt.Sprintf("kustomization %s", sel.kustomization), manifest.Options{Strict: true})
}
