package cli

import (
	"github.com/spf13/cobra"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateServiceLoadBalancer(s *session) *cobra.Command {
	var ports servicePorts
	c := newCreateKind(s, &cobra.Command{
		Use:     "loadbalancer NAME --tcp=PORT[:TARGET]…",
		Short:   "Create a service behind a load balancer",
		Long:    "Create a service behind a load balancer outside of the cluster, for the pods with the label app=NAME.",
		Example: "  kaji create service loadbalancer web --tcp=80:8080",
		Args:    cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		return ports.service(c, m, "LoadBalancer")
	})
	ports.bind(c)
	_ = c.MarkFlagRequired("tcp")
	return c
}
