package cli

import (
	"strings"

	"github.com/spf13/cobra"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	rbacv1 "kaji.dev/kaji/gen/kaji/rbac/v1"
	"kaji.dev/kaji/kind"
)

// rbacGroup is the API group of roles, users and groups.
var rbacGroup = kind.Of(&rbacv1.Role{}).Group

func newCreateRoleBinding(s *session) *cobra.Command {
	var to subjects
	var role, clusterRole string
	c := newCreateKind(s, &cobra.Command{
		Use:   "rolebinding NAME (--role=NAME | --clusterrole=NAME) [--user=NAME…] [--group=NAME…] [--serviceaccount=NAMESPACE:NAME…]",
		Short: "Give a role to users, groups and service accounts in a namespace",
		Long: `Give a role to users, groups and service accounts, in the binding's namespace: one of that namespace, or a cluster role,
which then holds there only.`,
		Example: `  kaji create rolebinding readers --role=reader --user=ann --group=support
  kaji create rolebinding build --clusterrole=edit --serviceaccount=shop:builder`,
		Args: cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		ref := &rbacv1.RoleRef{ApiGroup: rbacGroup, Kind: "Role", Name: role}
		if clusterRole != "" {
			ref.Kind, ref.Name = "ClusterRole", clusterRole
		}
		some, err := to.read(c)
		return &rbacv1.RoleBinding{Metadata: m, RoleRef: ref, Subjects: some}, err
	})
	to.bind(c)
	c.Flags().StringVar(&role, "role", "", "role of the namespace")
	c.Flags().StringVar(&clusterRole, "clusterrole", "", "cluster role")
	c.MarkFlagsMutuallyExclusive("role", "clusterrole")
	c.MarkFlagsOneRequired("role", "clusterrole")
	for flag, plural := range map[string]string{"role": "roles", "clusterrole": "clusterroles"} {
		completeFlag(c, s, flag, plural)
	}
	return c
}

// completeFlag completes a flag with the names of objects.
func completeFlag(c *cobra.Command, s *session, flag, plural string) {
	_ = c.RegisterFlagCompletionFunc(flag, func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return s.completeNames(c.Context(), plural, word)
	})
}

// subjects are the flags that say whom a role is given to.
type subjects struct {
	users, groups, accounts []string
}

func (to *subjects) bind(c *cobra.Command) {
	// Arrays, not slices: names of users come from certificates and may have commas.
	c.Flags().StringArrayVar(&to.users, "user", nil, "name of a user")
	c.Flags().StringArrayVar(&to.groups, "group", nil, "name of a group")
	c.Flags().StringArrayVar(&to.accounts, "serviceaccount", nil, "service account, NAMESPACE:NAME")
}

func (to *subjects) read(c *cobra.Command) ([]*rbacv1.Subject, error) {
	var out []*rbacv1.Subject
	for _, name := range unique(to.users) {
		out = append(out, &rbacv1.Subject{Kind: "User", ApiGroup: rbacGroup, Name: name})
	}
	for _, name := range unique(to.groups) {
		out = append(out, &rbacv1.Subject{Kind: "Group", ApiGroup: rbacGroup, Name: name})
	}
	for _, text := range unique(to.accounts) {
		namespace, name, ok := strings.Cut(text, ":")
		if !ok || namespace == "" || name == "" || strings.Contains(name, ":") {
			return nil, usage(c, "--serviceaccount %q is not of the form NAMESPACE:NAME", text)
		}
		out = append(out, &rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: name})
	}
	return out, nil
}
