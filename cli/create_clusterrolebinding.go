package cli

import (
	"github.com/spf13/cobra"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	rbacv1 "kaji.dev/kaji/gen/kaji/rbac/v1"
	"kaji.dev/kaji/kind"
)

func newCreateClusterRoleBinding(s *session) *cobra.Command {
	var to subjects
	var role string
	c := newCreateKind(s, &cobra.Command{
		Use:   "clusterrolebinding NAME --clusterrole=NAME [--user=NAME…] [--group=NAME…] [--serviceaccount=NAMESPACE:NAME…]",
		Short: "Give a cluster role to users, groups and service accounts in the whole cluster",
		Example: `  kaji create clusterrolebinding admins --clusterrole=cluster-admin --group=operators
  kaji create clusterrolebinding watch --clusterrole=node-reader --serviceaccount=monitoring:agent`,
		Args: cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		m.Namespace = ""
		some, err := to.read(c)
		return &rbacv1.ClusterRoleBinding{Metadata: m, RoleRef: &rbacv1.RoleRef{ApiGroup: rbacGroup, Kind: "ClusterRole", Name: role}, Subjects: some}, err
	})
	to.bind(c)
	c.Flags().StringVar(&role, "clusterrole", "", "cluster role")
	_ = c.MarkFlagRequired("clusterrole")
	completeFlag(c, s, "clusterrole", "clusterroles")
	return c
}
