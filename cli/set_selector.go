package cli

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

func newSetSelector(s *session) *cobra.Command {
	var sel selection
	var r report
	c := &cobra.Command{
		Use:     "selector service NAME KEY=VALUE…",
		Short:   "Change which pods a service is for",
		Long:    "Change which pods a service is for: those with all of the labels. What it selected by until now goes.",
		Example: "  kaji set selector service web app=web,track=stable",
	}
	sel.bindFiles(c, "file, folder or - with the services")
	r.bind(c)
	c.ValidArgsFunction = s.completeResources("services")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := r.check(c); err != nil {
			return err
		}
		if len(args) == 0 {
			return usage(c, "give the service, and KEY=VALUE,…")
		}
		wanted, err := parsePairs(c, strings.Split(args[len(args)-1], ","))
		if err != nil {
			return err
		}
		conn, err := s.connect()
		if err != nil {
			return err
		}
		targets, err := sel.targets(s, c, args[:len(args)-1])
		if err != nil {
			return err
		}
		var errs []error
		for _, t := range targets {
			if t.kind != kind.Of(&corev1.Service{}) || t.name == "" {
				return usage(c, "only a service, by name, has such a selector, not %s", t)
			}
			done := "unchanged"
			o, err := tryUpdate(c.Context(), conn, t, r.dryRun, func(o kind.Object) (bool, error) {
				spec := o.(*corev1.Service).GetSpec()
				if spec == nil {
					return false, fmt.Errorf("%s has no spec", t)
				}
				if maps.Equal(spec.GetSelector(), wanted) {
					return false, nil
				}
				spec.Selector, done = wanted, "selector updated"
				return true, nil
			})
			if err != nil {
				errs = append(errs, err)
				continue
			}
			r.done(s.Out, o, done)
		}
		return errors.Join(append(errs, r.end(s.Out))...)
	}
	return c
}
