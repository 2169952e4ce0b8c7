package cli

import (
	"github.com/spf13/cobra"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateServiceNodePort(s *session) *cobra.Command {
	var ports servicePorts
	var nodePort int32
	c := newCreateKind(s, &cobra.Command{
		Use:   "nodeport NAME --tcp=PORT[:TARGET]…",
		Short: "Create a service with a port on every node",
		Long: `Create a service with an address in the cluster and a port on every node, for the pods with the label app=NAME. The
cluster chooses the node's port, unless --node-port says it.`,
		Example: "  kaji create service nodeport web --tcp=80:8080\n  kaji create service nodeport web --tcp=80:8080 --node-port=30080",
		Args:    cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		if nodePort < 0 || nodePort > 65535 {
			return nil, usage(c, "--node-port is a number from 1 to 65535, or 0 to have one chosen")
		}
		if nodePort > 0 && len(ports) > 1 {
			return nil, usage(c, "--node-port can be given for one --tcp only")
		}
		service, err := ports.service(c, m, "NodePort")
		if err != nil {
			return nil, err
		}
		for _, p := range service.GetSpec().GetPorts() {
			p.NodePort = nodePort
		}
		return service, nil
	})
	ports.bind(c)
	c.Flags().Int32Var(&nodePort, "node-port", 0, "port on every node; 0 has one chosen")
	_ = c.MarkFlagRequired("tcp")
	return c
}
