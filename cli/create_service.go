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
		Use:     "service (clusterip | nodeport | loadbalancer | externalname) NAME",
		Aliases: []string{"svc"},
		Short:   "Create a service",
		Example: "  kaji create service clusterip web --tcp=80:8080\n  kaji create service externalname db --external-name=db.example.com",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(c, "there is no service of type %q: it is clusterip, nodeport, loadbalancer or externalname", args[0])
			}
			return usage(c, "which type of service? clusterip, nodeport, loadbalancer or externalname")
		},
	}
	c.AddCommand(newCreateServiceClusterIP(s), newCreateServiceNodePort(s), newCreateServiceLoadBalancer(s), newCreateServiceExternalName(s))
	return c
}

// servicePorts are the ports of --tcp.
type servicePorts []string

func (p *servicePorts) bind(c *cobra.Command) {
	c.Flags().StringSliceVar((*[]string)(p), "tcp", nil, "port, and after : the one of the pods where it differs")
}

// service is a service of the ports for the pods with the label app=NAME.
func (p *servicePorts) service(c *cobra.Command, m *metav1.ObjectMeta, of string) (*corev1.Service, error) {
	labels := map[string]string{"app": m.GetName()}
	m.Labels = labels
	spec := &corev1.ServiceSpec{Type: of, Selector: labels}
	for _, text := range *p {
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
}

func newCreateServiceClusterIP(s *session) *cobra.Command {
	var ports servicePorts
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
		service, err := ports.service(c, m, "ClusterIP")
		if err != nil {
			return nil, err
		}
		service.Spec.ClusterIp = address
		return service, nil
	})
	ports.bind(c)
	c.Flags().StringVar(&address, "clusterip", "", "address; None makes the service headless")
	return c
}
