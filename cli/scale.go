package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/kind"
)

func newScale(s *session) *cobra.Command {
	var sel selection
	var replicas, current int32
	var r report
	c := &cobra.Command{
		Use:               "scale (KIND NAME… | KIND/NAME…) --replicas=N",
		Short:             "Set how many replicas there should be",
		Example:           "  kaji scale deployment/web --replicas=5\n  kaji scale deploy/web --current-replicas=5 --replicas=3",
		ValidArgsFunction: s.completeResources("deployments", "replicasets", "statefulsets", "replicationcontrollers"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.check(c); err != nil {
				return err
			}
			if replicas < 0 {
				return usage(c, "--replicas must be 0 or more")
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			targets, err := sel.targets(s, c, args)
			if err != nil {
				return err
			}
			var errs []error
			for _, t := range targets {
				switch {
				case !t.kind.Options.GetHasScale():
					return usage(c, "%s cannot be scaled", t.kind.Plural())
				case t.name == "" && !sel.byCriteria():
					return usage(c, "scale which %s? give names, -l SELECTOR or --all", t.kind.Plural())
				}
				objects, err := sel.resolve(c.Context(), conn, []target{t})
				errs = append(errs, err)
				for _, o := range objects {
					m := o.GetMetadata()
					one := target{kind: t.kind, namespace: m.GetNamespace(), name: m.GetName()}
					after, err := tryUpdate(c.Context(), conn, one, r.dryRun, func(o kind.Object) (bool, error) {
						return setReplicas(o, replicas, current)
					})
					if err != nil {
						errs = append(errs, err)
						continue
					}
					r.done(s.Out, after, "scaled")
				}
			}
			return errors.Join(append(errs, r.end(s.Out))...)
		},
	}
	sel.bindFiles(c, "file, folder or - with the objects")
	sel.bindSelectors(c)
	r.bind(c)
	c.Flags().BoolVar(&sel.all, "all", false, "all objects of the kind in the namespace")
	c.Flags().Int32Var(&replicas, "replicas", 0, "how many there should be")
	c.Flags().Int32Var(&current, "current-replicas", -1, "scale only when there should be so many now")
	_ = c.MarkFlagRequired("replicas")
	return c
}

// setReplicas sets spec.replicas of any kind that has it. An unset one means 1.
func setReplicas(o kind.Object, replicas, current int32) (bool, error) {
	m := o.ProtoReflect()
	spec := m.Mutable(m.Descriptor().Fields().ByName("spec")).Message()
	fd := spec.Descriptor().Fields().ByName("replicas")
	have := int32(1)
	if spec.Has(fd) {
		have = int32(spec.Get(fd).Int())
	}
	if current >= 0 && have != current {
		return false, fmt.Errorf("%s has %d replicas, not %d as --current-replicas says; nothing was changed", refer(o), have, current)
	}
	spec.Set(fd, protoreflect.ValueOfInt32(replicas))
	return have != replicas, nil
}
