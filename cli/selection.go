package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/cli/printers"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/similar"
)

// selection is which objects a command is about, as arguments and flags say it: files, or kinds and names.
type selection struct {
	files         []string
	recursive     bool
	kustomization string
	label         string
	field         string
	allNamespaces bool
	all           bool
	// chunk is how many objects a list reads at a time; 0 is pageSize, less than 0 all at once.
	chunk int64
}

// target is one object, or all of a kind that the selectors match when name is empty.
type target struct {
	kind      *kind.Kind
	namespace string
	name      string
	// doc is the manifest that named the object; nil otherwise.
	doc *manifest.Document
}

func (t target) String() string {
	if t.name == "" {
		return t.kind.Plural()
	}
	return printers.ResourceName(t.kind) + "/" + t.name
}

func (sel *selection) bindFiles(c *cobra.Command, what string) {
	c.Flags().StringSliceVarP(&sel.files, "filename", "f", nil, what)
	c.Flags().BoolVarP(&sel.recursive, "recursive", "R", false, "go into the folders below too")
	_ = c.MarkFlagFilename("filename", "yaml", "yml", "json")
}

// bindManifests binds the ways to name manifests: files, or a kustomization.
func (sel *selection) bindManifests(c *cobra.Command, what string) {
	sel.bindFiles(c, what)
	c.Flags().StringVarP(&sel.kustomization, "kustomize", "k", "", "folder with a kustomization.yaml, in place of files")
	_ = c.MarkFlagDirname("kustomize")
	c.MarkFlagsMutuallyExclusive("filename", "kustomize")
	c.MarkFlagsMutuallyExclusive("recursive", "kustomize")
}

// needManifests refuses a command line that names none.
func (sel *selection) needManifests(c *cobra.Command) error {
	if len(sel.files) == 0 && sel.kustomization == "" {
		return usage(c, "what? give manifests with -f, or a folder with a kustomization.yaml with -k")
	}
	return nil
}

func (sel *selection) bindSelectors(c *cobra.Command) {
	c.Flags().StringVarP(&sel.label, "selector", "l", "", "label selector, e.g. app=web,tier!=db")
	c.Flags().StringVar(&sel.field, "field-selector", "", "field selector, e.g. status.phase=Running")
}

// byCriteria says whether the selectors choose objects, rather than names.
func (sel *selection) byCriteria() bool { return sel.label != "" || sel.field != "" || sel.all }

// lookup finds a kind by what the user calls it.
func lookup(word string) (*kind.Kind, error) {
	if k := kind.Lookup(word); k != nil {
		return k, nil
	}
	var words []string
	for _, k := range kind.All() {
		words = append(words, k.Plural(), k.Options.GetSingular())
	}
	next := "`kaji api-resources` lists the kinds"
	if best := similar.Best(word, words); best != "" {
		next = fmt.Sprintf("did you mean %q? `kaji api-resources` lists all kinds", best)
	}
	return nil, &advice{err: fmt.Errorf("there is no kind %q", word), next: next}
}

// kindsOf reads a list of kinds: pods,svc or all.
func kindsOf(words string) ([]*kind.Kind, error) {
	var out []*kind.Kind
	for _, word := range strings.Split(words, ",") {
		var some []*kind.Kind
		for _, k := range kind.All() {
			if slices.Contains(k.Options.GetCategories(), word) {
				some = append(some, k)
			}
		}
		if some == nil {
			k, err := lookup(word)
			if err != nil {
				return nil, err
			}
			some = []*kind.Kind{k}
		}
		for _, k := range some {
			if !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	return out, nil
}

// targets reads the arguments: KIND[,KIND…], KIND NAME…, KIND/NAME…, or none with files. The connection must
// have been made, since the context may say the namespace.
func (sel *selection) targets(s *session, c *cobra.Command, args []string) ([]target, error) {
	if len(sel.files) > 0 || sel.kustomization != "" {
		if len(args) > 0 {
			return nil, usage(c, "give files or names, not both")
		}
		return sel.fromFiles(s)
	}
	if len(args) == 0 {
		return nil, usage(c, "what? name a kind, e.g. `%s pods`, an object, e.g. `%s pod/web`, or a file with -f", c.CommandPath(), c.CommandPath())
	}
	var out []target
	if strings.Contains(args[0], "/") {
		for _, arg := range args {
			word, name, ok := strings.Cut(arg, "/")
			if !ok || word == "" || name == "" {
				return nil, usage(c, "%q is not of the form KIND/NAME, as the first argument is", arg)
			}
			k, err := lookup(word)
			if err != nil {
				return nil, err
			}
			out = append(out, target{kind: k, namespace: sel.namespaceOf(s, k), name: name})
		}
		return out, nil
	}
	kinds, err := kindsOf(args[0])
	if err != nil {
		return nil, err
	}
	for _, k := range kinds {
		namespace := sel.namespaceOf(s, k)
		if len(args) == 1 {
			out = append(out, target{kind: k, namespace: namespace})
		}
		for _, name := range args[1:] {
			if strings.Contains(name, "/") {
				return nil, usage(c, "%q: the kind is given already", name)
			}
			out = append(out, target{kind: k, namespace: namespace, name: name})
		}
	}
	if len(args) > 1 && sel.byCriteria() {
		return nil, usage(c, "give names or a selector, not both")
	}
	if len(args) > 1 && sel.allNamespaces {
		return nil, usage(c, "a name cannot be looked up in all namespaces")
	}
	return out, nil
}

func (sel *selection) namespaceOf(s *session, k *kind.Kind) string {
	if !k.Namespaced() || sel.allNamespaces {
		return ""
	}
	return s.namespace()
}

func (sel *selection) fromFiles(s *session) ([]target, error) {
	docs, err := sel.documents(s.In)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, fmt.Errorf("there is no object in %s", strings.Join(sel.files, ", ")+sel.kustomization)
	}
	var out []target
	var errs []error
	for _, d := range docs {
		m := kind.Metadata(d.Object)
		switch {
		case !d.Kind.Namespaced():
			m.Namespace = ""
		case m.GetNamespace() == "":
			m.Namespace = s.namespace()
		case s.namespaceFlag != "" && s.namespaceFlag != m.GetNamespace():
			errs = append(errs, fmt.Errorf("%s:%d: %s %q is in namespace %q, but --namespace says %q", d.Source, d.Line, d.Kind.Name(), m.GetName(), m.GetNamespace(), s.namespaceFlag))
			continue
		}
		out = append(out, target{kind: d.Kind, namespace: m.GetNamespace(), name: m.GetName(), doc: d})
	}
	return out, errors.Join(errs...)
}

// options are the list options of the selectors.
func (sel *selection) options() *metav1.ListOptions {
	return &metav1.ListOptions{LabelSelector: sel.label, FieldSelector: sel.field, Limit: sel.chunk}
}

// get reads one object. An error for one that does not exist names similar ones.
func get(ctx context.Context, c *client.Client, t target) (kind.Object, error) {
	o, err := client.ForKind(c, t.kind).Get(ctx, t.namespace, t.name)
	if apierror.IsNotFound(err) {
		return nil, missing(ctx, c, t, err)
	}
	return o, err
}

// missing adds to a not-found error what there is instead.
func missing(ctx context.Context, c *client.Client, t target, err error) error {
	items, _, listErr := client.ForKind(c, t.kind).List(ctx, t.namespace, &metav1.ListOptions{Limit: 500})
	var names []string
	for _, o := range items {
		names = append(names, o.GetMetadata().GetName())
	}
	where := ""
	if t.kind.Namespaced() {
		where = fmt.Sprintf(" in namespace %q; -n names another", t.namespace)
	}
	next := fmt.Sprintf("there are no %s%s", t.kind.Plural(), where)
	if best := similar.Best(t.name, names); best != "" {
		next = fmt.Sprintf("did you mean %q?", best)
	} else if listErr != nil {
		return err
	} else if len(names) > 0 {
		next = fmt.Sprintf("`kaji get %s` lists what there is%s", t.kind.Plural(), where)
	}
	return &advice{err: err, next: next}
}

// resolve turns targets into objects: named ones are read, the others listed.
func (sel *selection) resolve(ctx context.Context, c *client.Client, targets []target) ([]kind.Object, error) {
	var out []kind.Object
	var errs []error
	for _, t := range targets {
		if t.name != "" {
			o, err := get(ctx, c, t)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			out = append(out, o)
			continue
		}
		items, _, err := listAll(ctx, c, t.kind, t.namespace, sel.options())
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, items...)
	}
	return out, errors.Join(errs...)
}

// pageSize is how many objects are read at a time, as kubectl does.
const pageSize = 500

// listAll reads a whole collection in pages.
func listAll(ctx context.Context, c *client.Client, k *kind.Kind, namespace string, o *metav1.ListOptions) (items []kind.Object, revision string, err error) {
	r := client.ForKind(c, k)
	page := &metav1.ListOptions{LabelSelector: o.GetLabelSelector(), FieldSelector: o.GetFieldSelector(), Limit: pageSize}
	switch limit := o.GetLimit(); {
	case limit > 0:
		page.Limit = limit
	case limit < 0:
		page.Limit = 0
	}
	for {
		some, meta, err := r.List(ctx, namespace, page)
		if err != nil {
			return nil, "", err
		}
		items = append(items, some...)
		if revision == "" {
			revision = meta.GetResourceVersion()
		}
		if meta.GetContinue() == "" {
			return items, revision, nil
		}
		page.Continue = meta.GetContinue()
	}
}

// refer names an object as output and errors do: deployment.apps/web.
func refer(o kind.Object) string {
	return printers.ResourceName(kind.Of(o)) + "/" + o.GetMetadata().GetName()
}
