package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/client"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

type canI struct {
	*session
	subresource   string
	allNamespaces bool
	list, quiet   bool
}

func newCanI(s *session) *cobra.Command {
	can := &canI{session: s}
	c := &cobra.Command{
		Use:   "can-i (VERB KIND [NAME] | VERB KIND/NAME | --list)",
		Short: "Say whether you may do something",
		Long: `Say whether you may do something: the server answers yes or no, and with no it says why. The exit status is 0 for yes and
1 for no. The verbs are get, list, watch, create, update, patch, delete, deletecollection and apply; * stands for all.
--list shows all that you may do.`,
		Example: `  kaji auth can-i create deployments
  kaji auth can-i get pods web-1 --subresource=log
  kaji auth can-i delete nodes -q && kaji delete node old
  kaji auth can-i --list -n shop`,
		Args: cobra.MaximumNArgs(3),
		ValidArgsFunction: func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return accessVerbs, cobra.ShellCompDirectiveNoFileComp
			}
			return s.completeResources()(c, args[1:], word)
		},
		RunE: func(c *cobra.Command, args []string) error { return can.run(c, args) },
	}
	f := c.Flags()
	f.StringVar(&can.subresource, "subresource", "", "part of the object: status, log, exec, …")
	f.BoolVarP(&can.allNamespaces, "all-namespaces", "A", false, "in all namespaces")
	f.BoolVar(&can.list, "list", false, "list all that you may do")
	f.BoolVarP(&can.quiet, "quiet", "q", false, "print nothing; the exit status says it")
	return c
}

var accessVerbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "apply"}

func (can *canI) run(c *cobra.Command, args []string) error {
	if can.list == (len(args) > 0) || len(args) == 1 {
		return usage(c, "give a verb and a kind, e.g. `kaji auth can-i create pods`, or --list")
	}
	conn, err := can.connect()
	if err != nil {
		return err
	}
	if can.list {
		return can.listAll(c.Context(), conn)
	}
	word, name, _ := strings.Cut(args[1], "/")
	if len(args) == 3 {
		if name != "" {
			return usage(c, "the name is given twice")
		}
		name = args[2]
	}
	k, err := lookup(word)
	if err != nil {
		return err
	}
	wanted := []string{args[0]}
	if args[0] == "*" {
		wanted = accessVerbs
	} else if !slices.Contains(accessVerbs, args[0]) {
		return usage(c, "%q is no verb: it is one of %s, or *", args[0], strings.Join(accessVerbs, ", "))
	}
	var ask []*apiv1.AccessAttributes
	for _, verb := range wanted {
		ask = append(ask, &apiv1.AccessAttributes{Verb: verb, Resource: k.String(), Subresource: can.subresource, Namespace: can.where(k), Name: name})
	}
	reviews, err := review(c.Context(), conn, ask)
	if err != nil {
		return err
	}
	for _, r := range reviews {
		if r.GetAllowed() {
			continue
		}
		if !can.quiet {
			fmt.Fprintln(can.Out, strings.TrimSuffix("no - "+r.GetReason(), " - "))
		}
		return &ExitError{Code: 1}
	}
	if !can.quiet {
		fmt.Fprintln(can.Out, "yes")
	}
	return nil
}

func (can *canI) where(k *kind.Kind) string {
	if !k.Namespaced() || can.allNamespaces {
		return ""
	}
	return can.namespace()
}

// review asks the server. It takes a thousand questions at once at most, so more go in parts.
func review(ctx context.Context, conn *client.Client, ask []*apiv1.AccessAttributes) ([]*apiv1.AccessReview, error) {
	var out []*apiv1.AccessReview
	for some := range slices.Chunk(ask, 1000) {
		r, err := apiv1.NewAuthServiceClient(conn.Conn()).ReviewAccess(ctx, &apiv1.ReviewAccessRequest{Attributes: some})
		if err != nil {
			return nil, apierror.FromStatus(err)
		}
		out = append(out, r.GetReviews()...)
	}
	if len(out) != len(ask) {
		return nil, fmt.Errorf("the server answered %d of %d questions", len(out), len(ask))
	}
	return out, nil
}

// listAll asks for all verbs of all kinds, and for those of the parts of objects that have methods of their own.
func (can *canI) listAll(ctx context.Context, conn *client.Client) error {
	type row struct{ resource, subresource string }
	var rows []row
	var ask []*apiv1.AccessAttributes
	add := func(k *kind.Kind, verb, subresource string) {
		rows = append(rows, row{k.String(), subresource})
		ask = append(ask, &apiv1.AccessAttributes{Verb: verb, Resource: k.String(), Subresource: subresource, Namespace: can.where(k)})
	}
	for _, k := range kind.All() {
		for _, verb := range accessVerbs {
			number := metav1.Verb_value["VERB_"+strings.ToUpper(strings.Replace(verb, "deletecollection", "delete_collection", 1))]
			if k.Method(metav1.Verb(number), "") != nil {
				add(k, verb, "")
			}
		}
		if k.Options.GetHasStatus() {
			add(k, "update", "status")
		}
	}
	reviews, err := review(ctx, conn, ask)
	if err != nil {
		return err
	}
	table := [][]string{{"RESOURCE", "VERBS"}}
	for i, r := range reviews {
		if !r.GetAllowed() {
			continue
		}
		name := strings.TrimSuffix(rows[i].resource+"/"+rows[i].subresource, "/")
		if last := table[len(table)-1]; last[0] == name {
			last[1] += " " + ask[i].GetVerb()
			continue
		}
		table = append(table, []string{name, ask[i].GetVerb()})
	}
	if len(table) == 1 {
		fmt.Fprintln(can.Err, "You may do nothing here.")
		return nil
	}
	return printers.NewTable(can.Out).Write(table...)
}
