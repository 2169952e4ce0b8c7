package cli

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

type getCommand struct {
	*session
	selection
	output
	watch, watchOnly bool
	showLabels       bool
	labelColumns     []string
	noHeaders        bool
	ignoreNotFound   bool
	sortBy           string
	watchEvents      bool
	chunkSize        int64
}

func newGet(s *session) *cobra.Command {
	g := &getCommand{session: s}
	c := &cobra.Command{
		Use:   "get (KIND[,KIND…] [NAME…] | KIND/NAME… | -f FILE | -k FOLDER)",
		Short: "Show objects",
		Long:  "Show objects: all of a kind, or some by name, label or field. `all` stands for the kinds people look at most, and -o wide shows more columns.",
		Example: `  kaji get pods
  kaji get pods -l app=web -o wide
  kaji get deployment/web -o yaml
  kaji get deploy,rs,pods -A
  kaji get pods -w
  kaji get pods -o jsonpath='{.items[*].status.podIP}'
  kaji get pods --sort-by .metadata.creationTimestamp`,
		ValidArgsFunction: s.completeResources(),
		RunE:              func(c *cobra.Command, args []string) error { return g.run(c, args) },
	}
	g.bindManifests(c, "file, folder or - with the objects to look up")
	g.bindSelectors(c)
	g.output.bind(c, append([]string{"wide"}, objectFormats...)...)
	f := c.Flags()
	f.BoolVarP(&g.allNamespaces, "all-namespaces", "A", false, "in all namespaces")
	f.BoolVarP(&g.watch, "watch", "w", false, "go on showing changes until interrupted")
	f.BoolVar(&g.watchOnly, "watch-only", false, "show changes only, not what there is")
	f.BoolVar(&g.watchEvents, "output-watch-events", false, "with -w: say of each object whether it was added, modified or deleted")
	f.Int64Var(&g.chunkSize, "chunk-size", pageSize, "how many objects to read at a time; 0 reads all at once")
	f.BoolVar(&g.showLabels, "show-labels", false, "add a column of all labels")
	f.StringSliceVarP(&g.labelColumns, "label-columns", "L", nil, "labels to add a column of each")
	f.BoolVar(&g.noHeaders, "no-headers", false, "leave the headings out")
	f.BoolVar(&g.ignoreNotFound, "ignore-not-found", false, "an object that does not exist is no error")
	f.StringVar(&g.sortBy, "sort-by", "", "path to sort by, e.g. .metadata.creationTimestamp")
	return c
}

func (g *getCommand) run(c *cobra.Command, args []string) error {
	if err := g.check(c); err != nil {
		return err
	}
	switch {
	case g.chunkSize < 0:
		return usage(c, "--chunk-size must be 0 or more")
	case g.watchEvents && !g.watch && !g.watchOnly:
		return usage(c, "--output-watch-events needs -w or --watch-only")
	}
	if g.chunk = g.chunkSize; g.chunk == 0 && c.Flags().Changed("chunk-size") {
		g.chunk = -1
	}
	conn, err := g.connect()
	if err != nil {
		return err
	}
	targets, err := g.targets(g.session, c, args)
	if err != nil {
		return err
	}
	if g.watch || g.watchOnly {
		if len(targets) != 1 {
			return usage(c, "one kind or object can be watched at a time")
		}
		return g.follow(c.Context(), conn, targets[0])
	}
	var objects []kind.Object
	var errs []error
	for _, t := range targets {
		some, err := g.resolve(c.Context(), conn, []target{t})
		if err != nil && (!g.ignoreNotFound || !apierror.IsNotFound(err)) {
			errs = append(errs, err)
		}
		if g.sortBy != "" {
			if err := sortBy(some, g.sortBy); err != nil {
				return err
			}
		} else {
			order(some)
		}
		objects = append(objects, some...)
	}
	if err := g.show(targets, objects, len(errs) > 0); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// order sorts events by time, which is what people look for; other objects stay by name.
func order(objects []kind.Object) {
	sort.SliceStable(objects, func(i, j int) bool {
		a, okA := objects[i].(*corev1.Event)
		b, okB := objects[j].(*corev1.Event)
		return okA && okB && printers.EventTime(a).Before(printers.EventTime(b))
	})
}

func (g *getCommand) show(targets []target, objects []kind.Object, failed bool) error {
	if !g.table() {
		single := len(targets) == 1 && targets[0].name != ""
		if single && len(objects) == 0 {
			return nil
		}
		return g.write(g.Out, objects, !single)
	}
	if len(objects) == 0 {
		if !failed && (!g.ignoreNotFound || targets[0].name == "") {
			g.nothing(targets)
		}
		return nil
	}
	// One table per kind, in the order of the arguments.
	var kinds []*kind.Kind
	byKind := map[*kind.Kind][]kind.Object{}
	for _, o := range objects {
		k := kind.Of(o)
		if byKind[k] == nil {
			kinds = append(kinds, k)
		}
		byKind[k] = append(byKind[k], o)
	}
	for i, k := range kinds {
		if i > 0 {
			fmt.Fprintln(g.Out)
		}
		o := g.tableOptions(k, len(kinds) > 1)
		var rows [][]string
		if !g.noHeaders {
			rows = append(rows, printers.Headings(k, o))
		}
		for _, object := range byKind[k] {
			rows = append(rows, printers.Row(k, object, o))
		}
		if err := printers.NewTable(g.Out).InColour(g.coloured()).Write(rows...); err != nil {
			return err
		}
	}
	return nil
}

func (g *getCommand) tableOptions(k *kind.Kind, several bool) printers.Options {
	return printers.Options{
		Wide: g.format == "wide", Namespace: g.allNamespaces && k.Namespaced(), Labels: g.showLabels,
		LabelColumns: g.labelColumns, Prefix: several, Now: g.Now(),
	}
}

func (g *getCommand) nothing(targets []target) {
	for _, t := range targets {
		if t.kind.Namespaced() && !g.allNamespaces {
			fmt.Fprintf(g.Err, "No %s found in %s namespace.\n", plurals(targets), t.namespace)
			return
		}
	}
	fmt.Fprintf(g.Err, "No %s found\n", plurals(targets))
}

func plurals(targets []target) string {
	if len(targets) > 1 {
		return "resources"
	}
	return targets[0].kind.Plural()
}

// follow shows what there is, then every change, until ctx ends.
func (g *getCommand) follow(ctx context.Context, conn *client.Client, t target) error {
	k := t.kind
	options := g.options()
	if t.name != "" {
		if _, err := get(ctx, conn, t); err != nil {
			return err
		}
		options.FieldSelector = strings.Trim(options.GetFieldSelector()+",metadata.name="+t.name, ",")
	}
	table := printers.NewTable(g.Out).InColour(g.coloured())
	o := g.tableOptions(k, false)
	show := func(e metav1.EventType, objects ...kind.Object) error {
		if !g.table() {
			for _, object := range objects {
				if g.watchEvents {
					if err := g.writeEvent(eventWord(e), object); err != nil {
						return err
					}
					continue
				}
				if g.format == "yaml" {
					fmt.Fprintln(g.Out, "---")
				}
				if err := g.write(g.Out, []kind.Object{object}, false); err != nil {
					return err
				}
			}
			return nil
		}
		var rows [][]string
		if !g.noHeaders {
			g.noHeaders = true
			rows = append(rows, g.eventCell("EVENT", printers.Headings(k, o)))
		}
		o.Now = g.Now()
		for _, object := range objects {
			rows = append(rows, g.eventCell(eventWord(e), printers.Row(k, object, o)))
		}
		return table.Write(rows...)
	}
	hide := g.watchOnly
	return listThenWatch(ctx, conn, k, t.namespace, options, func(items []kind.Object) (bool, error) {
		order(items)
		if hide || len(items) == 0 {
			hide = false
			return false, nil
		}
		return false, show(metav1.EventType_EVENT_TYPE_ADDED, items...)
	}, func(e metav1.EventType, o kind.Object) (bool, error) { return false, show(e, o) })
}
