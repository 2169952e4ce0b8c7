package cli

import (
	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateNamespace(s *session) *cobra.Command {
	return newCreateKind(s, &cobra.Command{
		Use:     "namespace NAME",
		Aliases: []string{"ns"},
		Short:   "Create a namespace",
		Example: "  kaji create namespace shop",
		Args:    cobra.ExactArgs(1),
	}, func(_ *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		m.Namespace = ""
		return &corev1.Namespace{Metadata: m}, nil
	})
}
