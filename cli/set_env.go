package cli

import (
	"fmt"
	"slices"
	"sort"

	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func newSetEnv(s *session) *cobra.Command {
	var sel selection
	var r report
	var container string
	var list bool
	c := &cobra.Command{
		Use:     "env (KIND NAME | KIND/NAME) NAME=VALUE… NAME-…",
		Short:   "Change the environment of containers",
		Example: "  kaji set env deployment/web COLOUR=blue DEBUG-\n  kaji set env deployment/web --list",
	}
	sel.bindFiles(c, "file, folder or - with the objects")
	sel.bindSelectors(c)
	r.bind(c)
	c.Flags().BoolVar(&sel.all, "all", false, "all objects of the kind in the namespace")
	c.Flags().StringVarP(&container, "containers", "c", "*", "container to change; * is all")
	c.Flags().BoolVar(&list, "list", false, "print the environment")
	c.ValidArgsFunction = s.completeResources(withContainers()...)
	c.RunE = func(c *cobra.Command, args []string) error {
		names, set, remove, err := splitPairs(c, args)
		if err != nil {
			return err
		}
		if list {
			return listEnv(s, c, &sel, names, container)
		}
		if len(set)+len(remove) == 0 {
			return usage(c, "give NAME=VALUE, or NAME- to remove one")
		}
		return changeContainers(s, c, &r, &sel, names, "env updated", func(spec *corev1.PodSpec) (bool, error) {
			some, err := containers(spec, container)
			if err != nil {
				return false, err
			}
			changed := false
			for _, one := range some {
				changed = setEnv(one, set, remove) || changed
			}
			return changed, nil
		})
	}
	return c
}

// setEnv sets and removes variables; new ones come last, in order of name.
func setEnv(c *corev1.Container, set map[string]string, remove []string) bool {
	before := len(c.GetEnv())
	c.Env = slices.DeleteFunc(c.GetEnv(), func(e *corev1.EnvVar) bool { return slices.Contains(remove, e.GetName()) })
	changed := len(c.GetEnv()) != before
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		i := slices.IndexFunc(c.GetEnv(), func(e *corev1.EnvVar) bool { return e.GetName() == name })
		switch {
		case i < 0:
			c.Env = append(c.Env, &corev1.EnvVar{Name: name, Value: set[name]})
		case c.Env[i].GetValue() == set[name] && c.Env[i].GetValueFrom() == nil:
			continue
		default:
			c.Env[i] = &corev1.EnvVar{Name: name, Value: set[name]}
		}
		changed = true
	}
	return changed
}

func listEnv(s *session, c *cobra.Command, sel *selection, names []string, container string) error {
	conn, err := s.connect()
	if err != nil {
		return err
	}
	targets, err := sel.targets(s, c, names)
	if err != nil {
		return err
	}
	objects, err := sel.resolve(c.Context(), conn, targets)
	if err != nil {
		return err
	}
	for _, o := range objects {
		some, err := containers(podSpec(o), container)
		if err != nil {
			return fmt.Errorf("%s: %w", refer(o), err)
		}
		for _, one := range some {
			fmt.Fprintf(s.Out, "# %s, container %s\n", refer(o), one.GetName())
			for _, e := range one.GetEnv() {
				fmt.Fprintln(s.Out, envText(e))
			}
		}
	}
	return nil
}
