package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	rbacv1 "kaji.dev/kaji/gen/kaji/rbac/v1"
	"kaji.dev/kaji/kind"
)

func newCreateRole(s *session) *cobra.Command {
	var rules roleRules
	c := newCreateKind(s, &cobra.Command{
		Use:   "role NAME --verb=VERB,… --resource=RESOURCE[.GROUP][/SUBRESOURCE],… [--resource-name=NAME…]",
		Short: "Create a role in a namespace",
		Long: `Create a role: what those may do in its namespace that a role binding gives it to. "kaji api-resources" lists the
resources; * stands for all.`,
		Example: `  kaji create role reader --verb=get,list,watch --resource=pods,pods/log,deployments.apps
  kaji create role one --verb=get --resource=secrets --resource-name=db`,
		Args: cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		parsed, err := rules.read(c, s)
		return &rbacv1.Role{Metadata: m, Rules: parsed}, err
	})
	rules.bind(c)
	_ = c.MarkFlagRequired("verb")
	_ = c.MarkFlagRequired("resource")
	return c
}

// roleRules are the flags that say what a role allows.
type roleRules struct {
	verbs, resources, names []string
}

func (r *roleRules) bind(c *cobra.Command) {
	c.Flags().StringSliceVar(&r.verbs, "verb", nil, "what may be done, e.g. get,list,watch; * is all")
	c.Flags().StringSliceVar(&r.resources, "resource", nil, "kinds it may be done with, e.g. pods,pods/log,deployments.apps; * is all")
	c.Flags().StringArrayVar(&r.names, "resource-name", nil, "name of an object, when only some may be used")
}

// resourceVerbs are the verbs that mean something for a resource, as in Kubernetes.
var resourceVerbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "use", "bind", "escalate", "impersonate", "proxy", "approve", "sign", "*"}

// read makes a rule for each API group, in the order in which they are named.
func (r *roleRules) read(c *cobra.Command, s *session) ([]*rbacv1.PolicyRule, error) {
	verbs := unique(r.verbs)
	for _, verb := range verbs {
		if !slices.Contains(resourceVerbs, verb) {
			fmt.Fprintf(s.Err, "Warning: %q is not a usual verb for resources\n", verb)
		}
	}
	var out []*rbacv1.PolicyRule
	for _, text := range unique(r.resources) {
		group, resource, err := parseResource(c, text)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(out, func(o *rbacv1.PolicyRule) bool { return o.ApiGroups[0] == group })
		if at < 0 {
			at = len(out)
			out = append(out, &rbacv1.PolicyRule{Verbs: verbs, ApiGroups: []string{group}, ResourceNames: unique(r.names)})
		}
		if !slices.Contains(out[at].Resources, resource) {
			out[at].Resources = append(out[at].Resources, resource)
		}
	}
	return out, nil
}

// parseResource reads RESOURCE[.GROUP][/SUBRESOURCE]: the group, and the resource as rules name it.
func parseResource(c *cobra.Command, text string) (group, resource string, err error) {
	word, part, hasPart := strings.Cut(text, "/")
	if word == "" || hasPart && part == "" {
		return "", "", usage(c, "--resource %q is not of the form RESOURCE[.GROUP][/SUBRESOURCE]", text)
	}
	group, resource = "*", "*"
	if word != "*" {
		k, err := lookup(word)
		if err != nil {
			return "", "", err
		}
		group, resource = k.Group, k.Plural()
	}
	if hasPart {
		resource += "/" + part
	}
	return group, resource, nil
}

// unique leaves out what was there before.
func unique(words []string) []string {
	var out []string
	for _, word := range words {
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}
