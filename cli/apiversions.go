package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
)

func newAPIVersions(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "api-versions",
		Short:   "List the groups and versions of the kinds that the cluster serves",
		Example: "  kaji api-versions",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			r, err := apiv1.NewResourceServiceClient(conn.Conn()).Discover(c.Context(), &apiv1.DiscoverRequest{})
			if err != nil {
				return apierror.FromStatus(err)
			}
			var all []string
			for _, k := range r.GetKinds() {
				all = append(all, k.GetOptions().GetApiVersion())
			}
			slices.Sort(all)
			for _, v := range slices.Compact(all) {
				fmt.Fprintln(s.Out, v)
			}
			return nil
		},
	}
}
