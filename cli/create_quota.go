package cli

import (
	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateQuota(s *session) *cobra.Command {
	var hard, scopes []string
	c := newCreateKind(s, &cobra.Command{
		Use:     "quota NAME [--hard=NAME=QUANTITY,…] [--scopes=SCOPE,…]",
		Aliases: []string{"resourcequota"},
		Short:   "Create a resource quota",
		Long: `Create a resource quota, which bounds what the objects of the namespace ask for together, and how many there are. With
--scopes it counts only pods of all those scopes: Terminating, NotTerminating, BestEffort, NotBestEffort, …`,
		Example: `  kaji create quota team --hard=pods=20,requests.cpu=4,limits.memory=8Gi,services=5
  kaji create quota spare --hard=pods=10 --scopes=BestEffort`,
		Args: cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		bounds, err := readQuantities(c, hard)
		return &corev1.ResourceQuota{Metadata: m, Spec: &corev1.ResourceQuotaSpec{Hard: bounds, Scopes: scopes}}, err
	})
	c.Flags().StringSliceVar(&hard, "hard", nil, "the bounds, e.g. pods=20,requests.cpu=4")
	c.Flags().StringSliceVar(&scopes, "scopes", nil, "what pods must be to count, e.g. BestEffort")
	return c
}
