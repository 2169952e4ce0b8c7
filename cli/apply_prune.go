package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/labels"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// pruning is what the flags say of the deletion of what is declared no more.
type pruning struct {
	prune     bool
	allowlist []string
	// kinds are those of the allowlist.
	kinds []*kind.Kind
}

func (p *pruning) bind(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&p.prune, "prune", false, "delete what was applied before and is in the manifests no more; needs -l or --all")
	f.StringSliceVar(&p.allowlist, "prune-allowlist", nil, "kinds to prune, as KIND or GROUP/VERSION/KIND; those with a namespace when not given")
	f.Bool("all", false, "prune among all that was ever applied in the namespaces of the manifests")
}

func (a *applyCommand) checkPruning(c *cobra.Command) error {
	all, err := c.Flags().GetBool("all")
	switch {
	case err != nil:
		return err
	case !a.prune && (all || len(a.allowlist) > 0):
		return usage(c, "--all and --prune-allowlist need --prune")
	case !a.prune:
		return nil
	case all == (a.label != ""):
		return usage(c, "--prune needs either -l SELECTOR, to say what belongs together, or --all")
	}
	for _, word := range a.allowlist {
		k, err := pruned(word)
		if err != nil {
			return err
		}
		a.kinds = append(a.kinds, k)
	}
	if len(a.allowlist) == 0 {
		for _, k := range kind.All() {
			if k.Namespaced() && k.Method(metav1.Verb_VERB_DELETE, "") != nil {
				a.kinds = append(a.kinds, k)
			}
		}
	}
	return nil
}

// pruned reads an entry of the allowlist: a kind as elsewhere, or kubectl's group/version/Kind, where core stands for none.
func pruned(word string) (*kind.Kind, error) {
	parts := strings.Split(word, "/")
	if len(parts) != 3 {
		return lookup(word)
	}
	group := strings.TrimSuffix(parts[0], "core")
	for _, k := range kind.All() {
		if k.APIVersion() == strings.TrimPrefix(group+"/"+parts[1], "/") && k.Name() == parts[2] {
			return k, nil
		}
	}
	return nil, &advice{err: fmt.Errorf("--prune-allowlist: there is no kind %s", word), next: "`kaji api-resources` lists the kinds"}
}

// selected leaves out manifests that -l does not select.
func (a *applyCommand) selected(targets []target) ([]target, error) {
	if a.label == "" {
		return targets, nil
	}
	selector, err := labels.Parse(a.label)
	if err != nil {
		return nil, err
	}
	targets = slices.DeleteFunc(slices.Clone(targets), func(t target) bool {
		return !selector.Matches(labels.Set(t.doc.Object.GetMetadata().GetLabels()))
	})
	if len(targets) == 0 && !a.prune {
		return nil, fmt.Errorf("none of the manifests has labels that %q selects", a.label)
	}
	return targets, nil
}

// pruneAll deletes what was applied before and is not among the targets, in their namespaces.
func (a *applyCommand) pruneAll(ctx context.Context, conn *client.Client, targets []target, failed bool) error {
	if failed {
		return errors.New("nothing is pruned, since not all could be applied")
	}
	keep := map[string]bool{}
	var namespaces []string
	for _, t := range targets {
		keep[t.kind.Key(t.namespace, t.name)] = true
		if t.kind.Namespaced() && !slices.Contains(namespaces, t.namespace) {
			namespaces = append(namespaces, t.namespace)
		}
	}
	if len(namespaces) == 0 {
		namespaces = append(namespaces, a.namespace())
	}
	var errs []error
	for _, k := range a.kinds {
		where := namespaces
		if !k.Namespaced() {
			where = []string{""}
		}
		for _, namespace := range where {
			items, _, err := listAll(ctx, conn, k, namespace, &metav1.ListOptions{LabelSelector: a.label})
			if err != nil {
				errs = append(errs, err)
				continue
			}
			for _, o := range items {
				if m := o.GetMetadata(); !keep[k.Key(m.GetNamespace(), m.GetName())] && a.wasApplied(o) {
					errs = append(errs, a.pruneOne(ctx, conn, k, o))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// wasApplied says whether somebody declared an object, rather than a controller or the server made it.
func (a *applyCommand) wasApplied(o kind.Object) bool {
	m := o.GetMetadata()
	if len(m.GetOwnerReferences()) > 0 || m.GetDeletionTimestamp() != nil {
		return false
	}
	if a.serverSide {
		return slices.ContainsFunc(m.GetManagedFields(), func(e *metav1.ManagedFieldsEntry) bool {
			return e.GetOperation() == "Apply" && e.GetManager() == a.manager
		})
	}
	_, ok := m.GetAnnotations()[lastApplied]
	return ok
}

func (a *applyCommand) pruneOne(ctx context.Context, conn *client.Client, k *kind.Kind, o kind.Object) error {
	m := o.GetMetadata()
	if a.dryRun != "client" {
		err := client.ForKind(conn, k).Delete(ctx, m.GetNamespace(), m.GetName(), &metav1.DeleteOptions{
			PropagationPolicy: proto.String("Background"), DryRun: a.dryRun.server(),
			Preconditions: &metav1.Preconditions{Uid: proto.String(m.GetUid())},
		})
		if err != nil && !apierror.IsNotFound(err) {
			return err
		}
	}
	if a.format == "" {
		fmt.Fprintf(a.Out, "%s pruned%s\n", refer(o), a.dryRun.note())
	}
	return nil
}
