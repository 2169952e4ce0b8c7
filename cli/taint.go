package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

// effects of taints.
var effects = []string{"NoSchedule", "PreferNoSchedule", "NoExecute"}

func newTaint(s *session) *cobra.Command {
	var sel selection
	var overwrite bool
	var r report
	c := &cobra.Command{
		Use:   "taint nodes (NODE… | -l SELECTOR | --all) KEY[=VALUE]:EFFECT… KEY[:EFFECT]-…",
		Short: "Keep pods off nodes unless they tolerate it",
		Long: `Keep pods off nodes unless they tolerate it: a taint has a key, a value that may be empty, and an effect.

NoSchedule keeps new pods away, PreferNoSchedule does so while there is room elsewhere, NoExecute drives off those that
are there too. KEY:EFFECT- removes a taint, KEY- all of that key.`,
		Example: `  kaji taint nodes node-1 dedicated=db:NoSchedule
  kaji taint nodes -l rack=7 maintenance:NoExecute
  kaji taint nodes node-1 dedicated:NoSchedule- maintenance-`,
		ValidArgsFunction: func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return []string{"nodes"}, cobra.ShellCompDirectiveNoFileComp
			}
			return s.completeNames(c.Context(), "nodes", word)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.check(c); err != nil {
				return err
			}
			if len(args) == 0 || kind.Lookup(args[0]) != kind.Of(&corev1.Node{}) {
				return usage(c, "only nodes have taints: `kaji taint nodes NODE KEY=VALUE:EFFECT`")
			}
			names, add, remove, err := splitTaints(c, args[1:])
			if err != nil {
				return err
			}
			if len(names) == 0 == !sel.byCriteria() {
				return usage(c, "taint which node? give names, -l SELECTOR or --all")
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			targets, err := sel.targets(s, c, append([]string{"nodes"}, names...))
			if err != nil {
				return err
			}
			nodes, err := sel.resolve(c.Context(), conn, targets)
			errs := []error{err}
			for _, o := range nodes {
				errs = append(errs, taintNode(c, s, conn, o.GetMetadata().GetName(), add, remove, overwrite, &r))
			}
			return errors.Join(append(errs, r.end(s.Out))...)
		},
	}
	sel.bindSelectors(c)
	c.Flags().BoolVar(&sel.all, "all", false, "all nodes")
	c.Flags().BoolVar(&overwrite, "overwrite", false, "change the value of taints that are there already")
	r.bind(c)
	return c
}

func taintNode(c *cobra.Command, s *session, conn *client.Client, name string, add, remove []*corev1.Taint, overwrite bool, r *report) error {
	t := target{kind: kind.Of(&corev1.Node{}), name: name}
	change := func(o kind.Object) (bool, error) {
		n := o.(*corev1.Node)
		taints, err := tainted(n.GetSpec().GetTaints(), add, remove, overwrite)
		if err != nil {
			return false, fmt.Errorf("node %q: %w", name, err)
		}
		if slices.EqualFunc(taints, n.GetSpec().GetTaints(), func(a, b *corev1.Taint) bool { return a == b }) {
			return false, nil
		}
		if n.Spec == nil {
			n.Spec = &corev1.NodeSpec{}
		}
		n.Spec.Taints = taints
		return true, nil
	}
	past := "tainted"
	if len(add) == 0 {
		past = "untainted"
	}
	after, err := tryUpdate(c.Context(), conn, t, r.dryRun, change)
	if err != nil {
		return err
	}
	r.done(s.Out, after, past)
	return nil
}

// tainted is what taints become. Taints that stay keep their pointers.
func tainted(have, add, remove []*corev1.Taint, overwrite bool) ([]*corev1.Taint, error) {
	same := func(a, b *corev1.Taint) bool {
		return a.GetKey() == b.GetKey() && (a.GetEffect() == b.GetEffect() || b.GetEffect() == "")
	}
	out := slices.Clone(have)
	for _, r := range remove {
		before := len(out)
		out = slices.DeleteFunc(out, func(t *corev1.Taint) bool { return same(t, r) })
		if len(out) == before {
			return nil, &advice{err: fmt.Errorf("taint %q not found", taintKey(r)), next: "`kaji describe node` shows its taints"}
		}
	}
	for _, a := range add {
		at := slices.IndexFunc(out, func(t *corev1.Taint) bool { return same(t, a) })
		switch {
		case at < 0:
			out = append(out, a)
		case out[at].GetValue() == a.GetValue():
		case !overwrite:
			return nil, &advice{err: fmt.Errorf("taint %s is there already, with the value %q", taintKey(a), out[at].GetValue()), next: "--overwrite changes it"}
		default:
			out[at] = a
		}
	}
	return out, nil
}

func taintKey(t *corev1.Taint) string {
	if t.GetEffect() == "" {
		return t.GetKey()
	}
	return t.GetKey() + ":" + t.GetEffect()
}

// splitTaints tells the names of nodes from taints to add, KEY=VALUE:EFFECT or KEY:EFFECT, and to remove, KEY:EFFECT- or KEY-.
func splitTaints(c *cobra.Command, args []string) (names []string, add, remove []*corev1.Taint, err error) {
	for i, arg := range args {
		text, minus := strings.CutSuffix(arg, "-")
		left, effect, hasEffect := strings.Cut(text, ":")
		key, value, _ := strings.Cut(left, "=")
		t := &corev1.Taint{Key: key, Value: value, Effect: effect}
		switch {
		case minus && !strings.Contains(text, "=") && key != "" && (hasEffect || i > 0 || len(add)+len(remove) > 0):
			remove = append(remove, t)
		case hasEffect && !minus && key != "":
			add = append(add, t)
		case len(add)+len(remove) > 0 || hasEffect || strings.Contains(arg, "="):
			return nil, nil, nil, usage(c, "%q is no taint: KEY=VALUE:EFFECT, KEY:EFFECT, or to remove one KEY:EFFECT- or KEY-", arg)
		default:
			names = append(names, arg)
			continue
		}
		if effect != "" && !slices.Contains(effects, effect) || hasEffect && effect == "" {
			return nil, nil, nil, usage(c, "%q: the effect is %s, not %q", arg, strings.Join(effects, ", "), effect)
		}
	}
	if len(add)+len(remove) == 0 {
		return nil, nil, nil, usage(c, "which taint? give KEY=VALUE:EFFECT, or KEY:EFFECT- to remove one")
	}
	for _, a := range add {
		for _, r := range remove {
			if a.GetKey() == r.GetKey() && (r.GetEffect() == "" || r.GetEffect() == a.GetEffect()) {
				return nil, nil, nil, usage(c, "%s is both set and removed", taintKey(a))
			}
		}
	}
	return names, add, remove, nil
}
