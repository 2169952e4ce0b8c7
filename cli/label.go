package cli

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newLabel(s *session) *cobra.Command {
	return newKeyValue(s, keyValue{
		verb: "label", noun: "label", past: "labeled",
		example: "  kaji label pod web-1 tier=front\n  kaji label node n1 disk=ssd zone-\n  kaji label pods --all reviewed=yes --overwrite",
		field:   func(m *metav1.ObjectMeta) *map[string]string { return &m.Labels },
	})
}

func newAnnotate(s *session) *cobra.Command {
	return newKeyValue(s, keyValue{
		verb: "annotate", noun: "annotation", past: "annotated",
		example: "  kaji annotate deployment/web kubernetes.io/change-cause='new logo'\n  kaji annotate pod web-1 note-",
		field:   func(m *metav1.ObjectMeta) *map[string]string { return &m.Annotations },
	})
}

// keyValue is what label and annotate differ in.
type keyValue struct {
	verb, noun, past, example string
	field                     func(*metav1.ObjectMeta) *map[string]string
}

func newKeyValue(s *session, kv keyValue) *cobra.Command {
	var sel selection
	var overwrite, list bool
	var r report
	c := &cobra.Command{
		Use:               kv.verb + " (KIND NAME… | KIND/NAME… | KIND --all) KEY=VALUE… KEY-…",
		Short:             "Set or remove " + kv.noun + "s",
		Long:              "Set or remove " + kv.noun + "s: KEY=VALUE sets one, KEY- removes it. One that has another value is changed with --overwrite only.",
		Example:           kv.example,
		ValidArgsFunction: s.completeResources(),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.check(c); err != nil {
				return err
			}
			names, set, remove, err := splitPairs(c, args)
			if err != nil {
				return err
			}
			if len(set)+len(remove) == 0 && !list {
				return usage(c, "which %s? give KEY=VALUE, or KEY- to remove one", kv.noun)
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			targets, err := sel.targets(s, c, names)
			if err != nil {
				return err
			}
			for _, t := range targets {
				if t.name == "" && !sel.byCriteria() {
					return usage(c, "%s which %s? give names, -l SELECTOR or --all", kv.verb, t.kind.Plural())
				}
			}
			objects, err := sel.resolve(c.Context(), conn, targets)
			errs := []error{err}
			for _, o := range objects {
				errs = append(errs, kv.change(c.Context(), s, conn, &r, o, set, remove, overwrite, list))
			}
			return errors.Join(append(errs, r.end(s.Out))...)
		},
	}
	sel.bindFiles(c, "file, folder or - with the objects")
	sel.bindSelectors(c)
	r.bind(c)
	c.Flags().BoolVarP(&sel.allNamespaces, "all-namespaces", "A", false, "in all namespaces, with a selector or --all")
	c.Flags().BoolVar(&sel.all, "all", false, "all objects of the kind in the namespace")
	c.Flags().BoolVar(&overwrite, "overwrite", false, "change "+kv.noun+"s that are set already")
	c.Flags().BoolVar(&list, "list", false, "print the "+kv.noun+"s")
	return c
}

func (kv keyValue) change(ctx context.Context, s *session, conn *client.Client, r *report, o kind.Object, set map[string]string, remove []string, overwrite, list bool) error {
	m := o.GetMetadata()
	t := target{kind: kind.Of(o), namespace: m.GetNamespace(), name: m.GetName()}
	changed := false
	after, err := tryUpdate(ctx, conn, t, r.dryRun, func(o kind.Object) (bool, error) {
		changed = false
		values := kv.field(kind.Metadata(o))
		for key, value := range set {
			have, ok := (*values)[key]
			if ok && have != value && !overwrite {
				return false, &advice{err: fmt.Errorf("%s of %s has %s=%s already", kv.noun, t, key, have), next: "--overwrite changes it"}
			}
			if !ok || have != value {
				if *values == nil {
					*values = map[string]string{}
				}
				(*values)[key] = value
				changed = true
			}
		}
		for _, key := range remove {
			if _, ok := (*values)[key]; ok {
				delete(*values, key)
				changed = true
			}
		}
		return changed, nil
	})
	if err != nil {
		return err
	}
	if list {
		for _, line := range sortedPairs(*kv.field(kind.Metadata(clone(after)))) {
			fmt.Fprintln(s.Out, line)
		}
		return nil
	}
	done := kv.past
	if !changed {
		done = "not " + kv.past + ": nothing to change"
	}
	r.done(s.Out, after, done)
	return nil
}

// splitPairs tells names from KEY=VALUE and KEY-.
func splitPairs(c *cobra.Command, args []string) (names []string, set map[string]string, remove []string, err error) {
	set = map[string]string{}
	for i, arg := range args {
		key, value, isSet := strings.Cut(arg, "=")
		switch {
		case isSet && key != "":
			if _, twice := set[key]; twice {
				return nil, nil, nil, usage(c, "%s is set twice", key)
			}
			set[key] = value
		case strings.HasSuffix(arg, "-") && i > 0:
			remove = append(remove, strings.TrimSuffix(arg, "-"))
		case len(set)+len(remove) > 0:
			return nil, nil, nil, usage(c, "%q is neither KEY=VALUE nor KEY-", arg)
		default:
			names = append(names, arg)
		}
	}
	for _, key := range remove {
		if _, both := set[key]; both {
			return nil, nil, nil, usage(c, "%s is both set and removed", key)
		}
	}
	return names, set, remove, nil
}

func sortedPairs(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for key, value := range m {
		out = append(out, key+"="+value)
	}
	sort.Strings(out)
	return out
}
