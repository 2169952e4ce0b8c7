package cli

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/cli/linediff"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/merge"
)

// statusDiffFailed is the exit status of diff when it could not compare; 1 says that there are differences.
const statusDiffFailed = 2

func newDiff(s *session) *cobra.Command {
	// The server works out what apply would make, and stores nothing.
	a := &applyCommand{session: s, dryRun: "server"}
	c := &cobra.Command{
		Use:   "diff (-f (FILE | FOLDER | -) | -k FOLDER)",
		Short: "Show what apply would change",
		Long: `Show what apply would change: the server is asked to apply without storing anything, and its answer is compared with what
there is. The exit status is 0 without a difference, 1 with one, 2 when something failed. Values of secrets are not shown.`,
		Example: "  kaji diff -f web.yaml\n  kaji diff -f manifests/ -R || kaji apply -f manifests/ -R",
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runDiff(c, a) },
	}
	a.bindManifests(c, "file, folder or - with manifests")
	a.bindServerSide(c)
	return c
}

func runDiff(c *cobra.Command, a *applyCommand) error {
	if err := errors.Join(a.needManifests(c), a.checkServerSide(c)); err != nil {
		return &failure{statusDiffFailed, err}
	}
	conn, err := a.connect()
	if err != nil {
		return &failure{statusDiffFailed, err}
	}
	targets, err := a.targets(a.session, c, nil)
	if err != nil {
		return &failure{statusDiffFailed, err}
	}
	var errs []error
	differ := false
	for _, t := range targets {
		text, err := difference(c, a, conn, t)
		if err != nil {
			errs = append(errs, wrapDocument(t, err))
			continue
		}
		differ = differ || text != ""
		fmt.Fprint(a.Out, text)
	}
	if err := errors.Join(errs...); err != nil {
		return &failure{statusDiffFailed, err}
	}
	if differ {
		return &ExitError{Code: 1}
	}
	return nil
}

// difference compares an object as it is with what apply would make of it.
func difference(c *cobra.Command, a *applyCommand, conn *client.Client, t target) (string, error) {
	live, err := client.ForKind(conn, t.kind).Get(c.Context(), t.namespace, t.name)
	if apierror.IsNotFound(err) {
		live, err = nil, nil
	}
	if err != nil {
		return "", err
	}
	merged, _, err := a.apply(c.Context(), conn, t)
	if err != nil {
		return "", err
	}
	before, after, err := sidesOf(t.kind, live, merged)
	if err != nil {
		return "", err
	}
	name := t.String()
	if t.namespace != "" {
		name += " in namespace " + t.namespace
	}
	return linediff.Unified("live: "+name, "applied: "+name, before, after), nil
}

// sidesOf is both objects as YAML, without what a write changes by itself and without the values of secrets.
func sidesOf(k *kind.Kind, live, merged kind.Object) (before, after string, err error) {
	var objects [2]merge.Object
	for i, o := range []kind.Object{live, merged} {
		if o == nil {
			continue
		}
		b, err := manifest.ToJSON(o)
		if err != nil {
			return "", "", err
		}
		if err := json.Unmarshal(b, &objects[i]); err != nil {
			return "", "", err
		}
		withoutNoise(objects[i], live == nil)
	}
	if k.String() == "secrets.core" {
		hideValues(objects[0], objects[1])
	}
	var texts [2]string
	for i, o := range objects {
		if o == nil {
			continue
		}
		b, err := json.Marshal(o)
		if err != nil {
			return "", "", err
		}
		if b, err = manifest.JSONToYAML(b); err != nil {
			return "", "", err
		}
		texts[i] = string(b)
	}
	return texts[0], texts[1], nil
}

func withoutNoise(o merge.Object, made bool) {
	meta, _ := o["metadata"].(merge.Object)
	drop := []string{"managedFields", "resourceVersion", "generation"}
	if made {
		drop = append(drop, "uid", "creationTimestamp")
		delete(o, "status")
	}
	for _, f := range drop {
		delete(meta, f)
	}
	if annotations, ok := meta["annotations"].(merge.Object); ok {
		delete(annotations, lastApplied)
		if len(annotations) == 0 {
			delete(meta, "annotations")
		}
	}
}

// hideValues replaces the values of secrets by stars, in a way that still shows which ones differ.
func hideValues(before, after merge.Object) {
	for _, field := range []string{"data", "stringData"} {
		was, _ := before[field].(merge.Object)
		is, _ := after[field].(merge.Object)
		for key, value := range is {
			old, both := was[key]
			is[key] = "***"
			switch {
			case both && old != value:
				was[key], is[key] = "*** (before)", "*** (after)"
			case both:
				was[key] = "***"
			}
		}
		for key := range was {
			if _, both := is[key]; !both {
				was[key] = "***"
			}
		}
	}
}
