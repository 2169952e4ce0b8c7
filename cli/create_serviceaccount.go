package cli

import (
	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateServiceAccount(s *session) *cobra.Command {
	return newCreateKind(s, &cobra.Command{
		Use:     "serviceaccount NAME",
		Aliases: []string{"sa"},
		Short:   "Create a service account",
		Example: "  kaji create serviceaccount builder",
		Args:    cobra.ExactArgs(1),
	}, func(_ *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		return &corev1.ServiceAccount{Metadata: m}, nil
	})
}
