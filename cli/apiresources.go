package cli

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/cli/printers"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
)

func newAPIResources(s *session) *cobra.Command {
	var noHeaders bool
	var group string
	var out data
	var namespaced bool
	c := &cobra.Command{
		Use:     "api-resources",
		Short:   "List the kinds that the cluster serves",
		Long:    "List the kinds that the cluster serves, with their short names; -o wide adds verbs and gRPC services.",
		Example: "  kaji api-resources -o wide\n  kaji api-resources -o json\n  kaji api-resources --namespaced=false\n  kaji api-resources --api-group=apps -o name",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			r, err := apiv1.NewResourceServiceClient(conn.Conn()).Discover(c.Context(), &apiv1.DiscoverRequest{})
			if err != nil {
				return apierror.FromStatus(err)
			}
			kinds := slices.DeleteFunc(r.GetKinds(), func(k *apiv1.KindInfo) bool {
				of, _, ok := strings.Cut(k.GetOptions().GetApiVersion(), "/")
				if !ok {
					of = ""
				}
				return c.Flags().Changed("namespaced") && k.GetOptions().GetNamespaced() != namespaced ||
					c.Flags().Changed("api-group") && of != strings.TrimSuffix(group, "core")
			})
			if out.wanted() {
				return out.write(s.Out, map[string]any{"resources": resourceData(kinds)})
			}
			return printers.NewTable(s.Out).Write(resourceRows(kinds, out.format, noHeaders)...)
		},
	}
	c.Flags().BoolVar(&namespaced, "namespaced", true, "only kinds that live in namespaces, or with =false only those that do not")
	c.Flags().StringVar(&group, "api-group", "", "only kinds of this group; core is the one without a name")
	c.Flags().BoolVar(&noHeaders, "no-headers", false, "leave the headings out")
	out.bind(c, "wide", "name")
	return c
}

// resourceData is what programs are told of kinds.
func resourceData(kinds []*apiv1.KindInfo) []map[string]any {
	list := []map[string]any{}
	for _, k := range kinds {
		o := k.GetOptions()
		list = append(list, map[string]any{
			"name": o.GetPlural(), "kind": o.GetKind(), "apiVersion": o.GetApiVersion(), "namespaced": o.GetNamespaced(),
			"shortNames": append([]string{}, o.GetShortNames()...), "verbs": append([]string{}, k.GetVerbs()...), "service": k.GetService(), "type": k.GetType(),
		})
	}
	return list
}

func resourceRows(kinds []*apiv1.KindInfo, format string, noHeaders bool) [][]string {
	var rows [][]string
	if !noHeaders && format != "name" {
		rows = append(rows, []string{"NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"})
		if format == "wide" {
			rows[0] = append(rows[0], "VERBS", "SERVICE")
		}
	}
	for _, k := range kinds {
		o := k.GetOptions()
		if format == "name" {
			name := o.GetPlural()
			if group, _, ok := strings.Cut(o.GetApiVersion(), "/"); ok {
				name += "." + group
			}
			rows = append(rows, []string{name})
			continue
		}
		row := []string{o.GetPlural(), strings.Join(o.GetShortNames(), ","), o.GetApiVersion(), strconv.FormatBool(o.GetNamespaced()), o.GetKind()}
		if format == "wide" {
			row = append(row, strings.Join(k.GetVerbs(), ","), k.GetService())
		}
		rows = append(rows, row)
	}
	return rows
}
