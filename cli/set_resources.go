package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/quantity"
)

func newSetResources(s *session) *cobra.Command {
	var sel selection
	var r report
	var container string
	var limits, requests []string
	c := &cobra.Command{
		Use:     "resources (KIND NAME | KIND/NAME) [--requests=NAME=QUANTITY…] [--limits=NAME=QUANTITY…]",
		Short:   "Change what containers ask for and may use",
		Long:    "Change what containers ask for and may use. Resources that are not named stay; a quantity of 0 removes one.",
		Example: "  kaji set resources deployment/web --requests=cpu=100m,memory=64Mi --limits=memory=128Mi\n  kaji set resources deployment/web -c web --limits=cpu=0",
	}
	sel.bindFiles(c, "file, folder or - with the objects")
	sel.bindSelectors(c)
	r.bind(c)
	c.Flags().BoolVar(&sel.all, "all", false, "all objects of the kind in the namespace")
	c.Flags().StringVarP(&container, "containers", "c", "*", "container to change; * is all")
	c.Flags().StringSliceVar(&limits, "limits", nil, "what they may use, e.g. cpu=1,memory=128Mi")
	c.Flags().StringSliceVar(&requests, "requests", nil, "what they ask for, e.g. cpu=100m,memory=64Mi")
	c.ValidArgsFunction = s.completeResources(withContainers()...)
	c.RunE = func(c *cobra.Command, args []string) error {
		most, err := parseQuantities(c, limits)
		if err != nil {
			return err
		}
		least, err := parseQuantities(c, requests)
		if err != nil {
			return err
		}
		if len(most)+len(least) == 0 {
			return usage(c, "give --requests or --limits")
		}
		return changeContainers(s, c, &r, &sel, args, "resource requirements updated", func(spec *corev1.PodSpec) (bool, error) {
			some, err := containers(spec, container)
			if err != nil {
				return false, err
			}
			changed := false
			for _, one := range some {
				before := proto.Clone(one)
				if one.Resources == nil {
					one.Resources = &corev1.ResourceRequirements{}
				}
				setQuantities(&one.Resources.Limits, most)
				setQuantities(&one.Resources.Requests, least)
				changed = changed || !proto.Equal(before, one)
			}
			return changed, nil
		})
	}
	return c
}

// parseQuantities reads NAME=QUANTITY words; nil stands for a resource to remove.
func parseQuantities(c *cobra.Command, words []string) (map[string]*metav1.Quantity, error) {
	out, err := readQuantities(c, words)
	for name, q := range out {
		if parsed, err := quantity.Parse(q); err == nil && parsed.IsZero() {
			out[name] = nil
		}
	}
	return out, err
}

// readQuantities reads NAME=QUANTITY words.
func readQuantities(c *cobra.Command, words []string) (map[string]*metav1.Quantity, error) {
	out := map[string]*metav1.Quantity{}
	for _, word := range words {
		name, text, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return nil, usage(c, "%q is not of the form NAME=QUANTITY", word)
		}
		q := &metav1.Quantity{String_: text}
		parsed, err := quantity.Parse(q)
		if err != nil || parsed.Sign() < 0 {
			return nil, usage(c, "%s: %q is no quantity such as 500m, 2 or 128Mi", name, text)
		}
		out[name] = q
	}
	return out, nil
}

func setQuantities(to *map[string]*metav1.Quantity, set map[string]*metav1.Quantity) {
	for name, q := range set {
		switch {
		case q == nil:
			delete(*to, name)
		case *to == nil:
			*to = map[string]*metav1.Quantity{name: q}
		default:
			(*to)[name] = q
		}
	}
}
