package cli

import (
	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func newSetServiceAccount(s *session) *cobra.Command {
	var sel selection
	var r report
	c := &cobra.Command{
		Use:     "serviceaccount (KIND NAME | KIND/NAME) ACCOUNT",
		Aliases: []string{"sa"},
		Short:   "Change the service account that pods run as",
		Example: "  kaji set serviceaccount deployment/web shop",
	}
	sel.bindFiles(c, "file, folder or - with the objects")
	sel.bindSelectors(c)
	r.bind(c)
	c.Flags().BoolVar(&sel.all, "all", false, "all objects of the kind in the namespace")
	c.ValidArgsFunction = s.completeResources(withContainers()...)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usage(c, "give the object, and the name of a service account")
		}
		account := args[len(args)-1]
		return changeContainers(s, c, &r, &sel, args[:len(args)-1], "serviceaccount updated", func(spec *corev1.PodSpec) (bool, error) {
			changed := spec.GetServiceAccountName() != account
			spec.ServiceAccountName, spec.ServiceAccount = account, account
			return changed, nil
		})
	}
	return c
}
