package cli

import (
	"strings"

	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateService(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:     "service clusterip NAME --tcp=PORT[:TARGET]…",
		Aliases: []string{"svc"},
		Short:   "Create a service",
		Example: "  kaji create service clusterip web --tcp=80:8080",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c, "a service of type %q cannot be created by flags; clusterip can", args[0])
			}
			return usage(c, "which type of service? clusterip")
		},
	}
	c.AddCommand(newCreateServiceClusterIP(s))
	return c
}

func newCreateServiceClusterIP(s *session) *cobra.Command {
	var ports []string
	var address string
	c := newCreateKind(s, &cobra.Command{
		Use:     "clusterip NAME --tcp=PORT[:TARGET]…",
		Short:   "Create a service with an address in the cluster",
		Long:    "Create a service with an address in the cluster, for the pods with the label app=NAME.",
		Example: "  kaji create service clusterip web --tcp=80:8080\n  kaji create service clusterip db --clusterip=None",
		Args:    cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		if len(ports) == 0 && address != "None" {
			return nil, usage(c, "--tcp=PORT is needed, unless --clusterip is None")
		}
		labels := map[string]string{"app": m.GetName()}
		m.Labels = labels
		spec := &corev1.ServiceSpec{Type: "ClusterIP", ClusterIp: address, Selector: labels}
		for _, text := range ports {
			number, to, mapped := strings.Cut(text, ":")
			if !mapped {
				to = number
			}
			port, err := parsePort(c, number)
			if err != nil {
				return nil, err
			}
			target, err := parseTarget(c, to)
			if err != nil {
				return nil, err
			}
			spec.Ports = append(spec.Ports, &corev1.ServicePort{Name: strings.ReplaceAll(text, ":", "-"), Protocol: "TCP", Port: port, TargetPort: target})
		}
		return &corev1.Service{Metadata: m, Spec: spec}, nil
	})
	c.Flags().StringSliceVar(&ports, "tcp", nil, "port, and after : the one of the pods where it differs")
	c.Flags().StringVar(&address, "clusterip", "", "address; None makes the service headless")
	return c
}
