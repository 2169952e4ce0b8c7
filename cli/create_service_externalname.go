package cli

import (
	"github.com/spf13/cobra"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateServiceExternalName(s *session) *cobra.Command {
	var ports servicePorts
	var name string
	c := newCreateKind(s, &cobra.Command{
		Use:     "externalname NAME --external-name=HOST [--tcp=PORT[:TARGET]…]",
		Short:   "Create a service that is another name for a host",
		Long:    "Create a service that is another name, in the cluster's DNS, for a host outside of the cluster or for another service.",
		Example: "  kaji create service externalname db --external-name=db.example.com",
		Args:    cobra.ExactArgs(1),
	}, func(c *cobra.Command, m *metav1.ObjectMeta, _ []string) (kind.Object, error) {
		service, err := ports.service(c, m, "ExternalName")
		if err != nil {
			return nil, err
		}
		service.Spec.ExternalName = name
		return service, nil
	})
	ports.bind(c)
	c.Flags().StringVar(&name, "external-name", "", "name of the host, as DNS knows it")
	_ = c.MarkFlagRequired("external-name")
	return c
}
