package cli

import (
	"context"
	"fmt"
	"sort"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newEvents(s *session) *cobra.Command {
	var sel selection
	var about string
	g := &getCommand{session: s}
	c := &cobra.Command{
		Use:     "events",
		Short:   "Show what happened, the latest last",
		Long:    "Show what happened, the latest last: in the namespace, with -A everywhere, with --for to one object.",
		Example: "  kaji events --for pod/web-1\n  kaji events -A -w",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if about != "" {
				conn, err := s.connect()
				if err != nil {
					return err
				}
				targets, err := sel.targets(s, c, []string{about})
				if err != nil {
					return err
				}
				if targets[0].name == "" {
					return usage(c, "--for is KIND/NAME, not %q", about)
				}
				if _, err := get(c.Context(), conn, targets[0]); err != nil {
					fmt.Fprintf(s.Err, "Warning: %s does not exist (any more)\n", targets[0])
				}
				g.field = "involvedObject.kind=" + targets[0].kind.Name() + ",involvedObject.name=" + targets[0].name
			}
			return g.run(c, []string{"events"})
		},
	}
	c.Flags().StringVar(&about, "for", "", "object that the events are about, KIND/NAME")
	c.Flags().BoolVarP(&g.allNamespaces, "all-namespaces", "A", false, "in all namespaces")
	c.Flags().BoolVarP(&g.watch, "watch", "w", false, "go on showing events until interrupted")
	c.Flags().BoolVar(&g.noHeaders, "no-headers", false, "leave the headings out")
	g.output.bind(c, append([]string{"wide"}, objectFormats...)...)
	return c
}

// eventsOf lists the events about an object, the latest last. Events about cluster-wide objects are in the
// default namespace.
func eventsOf(ctx context.Context, conn *client.Client, o kind.Object) ([]*corev1.Event, error) {
	m := o.GetMetadata()
	namespace := m.GetNamespace()
	field := "involvedObject.kind=" + kind.Of(o).Name() + ",involvedObject.name=" + m.GetName()
	if m.GetUid() != "" && namespace != "" {
		field += ",involvedObject.uid=" + m.GetUid()
	}
	items, _, err := listAll(ctx, conn, kind.Lookup("events"), namespace, &metav1.ListOptions{FieldSelector: field})
	if err != nil {
		return nil, err
	}
	var out []*corev1.Event
	for _, o := range items {
		out = append(out, o.(*corev1.Event))
	}
	sort.SliceStable(out, func(i, j int) bool { return printers.EventTime(out[i]).Before(printers.EventTime(out[j])) })
	return out, nil
}
