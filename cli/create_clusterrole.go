package cli

import (
	"strings"

	"github.com/spf13/cobra"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	rbacv1 "kaji.dev/kaji/gen/kaji/rbac/v1"
	"kaji.dev/kaji/kind"
)

func newCreateClusterRole(s *session) *cobra.Command {
	var rules roleRules
	var paths, aggregated []string
	c := newCreateKind(s, &cobra.Command{
		Use:   "clusterrole NAME (--verb=VERB,… (--resource=RESOURCE… | --non-resource-url=PATH…) | --aggregation-rule=KEY=VALUE,…)",
		Short: "Create a role for the whole cluster",
		Long: `Create a cluster role: what those may do that a binding gives it to, in the whole cluster with a cluster role binding,
in a namespace with a role binding. With --aggregation-rule it is made of the cluster roles that have all of the labels.`,
		Example: `  kaji create clusterrole node-reader --verb=get,list,watch --resource=nodes
  kaji create clusterrole health --verb=get --non-resource-url=/healthz,/livez
  kaji create clusterrole monitoring --aggregation-rule=for=monitoring`,
		Args: cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		m.Namespace = ""
		role := &rbacv1.ClusterRole{Metadata: m}
		if len(aggregated) > 0 {
			labels, err := parsePairs(c, aggregated)
			if err != nil {
				return nil, err
			}
			role.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []*metav1.LabelSelector{{MatchLabels: labels}}}
			return role, nil
		}
		if len(rules.verbs) == 0 || len(rules.resources)+len(paths) == 0 {
			return nil, usage(c, "give --verb with --resource or --non-resource-url, or --aggregation-rule")
		}
		if len(rules.names) > 0 && len(rules.resources) == 0 {
			return nil, usage(c, "--resource-name goes with --resource")
		}
		var err error
		if role.Rules, err = rules.read(c, s); err != nil {
			return nil, err
		}
		for _, path := range paths {
			if path != "*" && !strings.HasPrefix(path, "/") || strings.Contains(strings.TrimSuffix(path, "*"), "*") {
				return nil, usage(c, "--non-resource-url %q: a path begins with / and has * only at its end", path)
			}
		}
		if len(paths) > 0 {
			role.Rules = append(role.Rules, &rbacv1.PolicyRule{Verbs: unique(rules.verbs), NonResourceUrls: unique(paths)})
		}
		return role, nil
	})
	rules.bind(c)
	c.Flags().StringSliceVar(&paths, "non-resource-url", nil, "paths that are no resources, e.g. /healthz; a * at the end stands for all below")
	c.Flags().StringSliceVar(&aggregated, "aggregation-rule", nil, "labels of the cluster roles that it is made of, KEY=VALUE")
	for _, flag := range []string{"verb", "resource", "resource-name", "non-resource-url"} {
		c.MarkFlagsMutuallyExclusive("aggregation-rule", flag)
	}
	return c
}
