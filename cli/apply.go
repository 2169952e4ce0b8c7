package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/merge"
)

// lastApplied is the annotation that holds what was declared last, as kubectl writes it: a cluster may be
// managed by both.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

const fieldManager = "kaji"

type applyCommand struct {
	*session
	selection
	output
	dryRun dryRun
}

func newApply(s *session) *cobra.Command {
	a := &applyCommand{session: s}
	c := &cobra.Command{
		Use:   "apply -f (FILE | FOLDER | -)",
		Short: "Make objects be as manifests declare them",
		Long: `Make objects be as manifests declare them. An object that does not exist is created. One that exists is changed
where the manifest differs from the one applied before; fields that the manifest never named stay as others have set them.

What was declared last is kept in the annotation kubectl.kubernetes.io/last-applied-configuration, as kubectl does, so
that a field that a manifest no longer names goes. Lists of named things (containers, env, ports, volumes) are merged by
name; other lists are replaced. Each object is reported as created, configured or unchanged.`,
		Example: `  kaji apply -f examples/web.yaml
  kaji apply -f manifests/ -R
  kaji apply -f web.yaml --dry-run=server
  cat web.yaml | kaji apply -f -`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.run(c) },
	}
	a.bindFiles(c, "file, folder or - with manifests")
	_ = c.MarkFlagRequired("filename")
	a.dryRun.bind(c)
	a.output.bind(c, "yaml", "json", "name", "jsonpath=…")
	return c
}

func (a *applyCommand) run(c *cobra.Command) error {
	if err := errors.Join(a.check(c), a.dryRun.check(c)); err != nil {
		return err
	}
	conn, err := a.connect()
	if err != nil {
		return err
	}
	targets, err := a.targets(a.session, c, nil)
	if err != nil {
		return err
	}
	var errs []error
	var objects []kind.Object
	for _, t := range targets {
		o, done, err := a.apply(c.Context(), conn, t)
		if err != nil {
			errs = append(errs, wrapDocument(t, err))
			continue
		}
		objects = append(objects, o)
		if a.format == "" {
			fmt.Fprintf(a.Out, "%s %s%s\n", refer(o), done, a.dryRun.note())
		}
	}
	if a.format != "" && len(objects) > 0 {
		errs = append(errs, a.write(a.Out, objects, len(targets) > 1))
	}
	return errors.Join(errs...)
}

// wrapDocument says which document of which file an error is about.
func wrapDocument(t target, err error) error {
	if t.doc == nil {
		return err
	}
	return fmt.Errorf("%s:%d: %w", t.doc.Source, t.doc.Line, err)
}

// apply brings one object about and says what it did: created, configured or unchanged.
func (a *applyCommand) apply(ctx context.Context, conn *client.Client, t target) (kind.Object, string, error) {
	r := client.ForKind(conn, t.kind)
	if t.name == "" {
		return nil, "", errors.New("metadata.name is required: what has only a generateName is created with `kaji create -f`")
	}
	modified, err := declared(t)
	if err != nil {
		return nil, "", err
	}
	tries := maxTries
	if t.doc.Object.GetMetadata().GetResourceVersion() != "" {
		tries = 1 // the manifest is for that version only
	}
	for try := 1; ; try++ {
		live, err := r.Get(ctx, t.namespace, t.name)
		if apierror.IsNotFound(err) {
			o, err := a.create(ctx, r, t, modified)
			if apierror.IsAlreadyExists(err) && try < tries {
				continue // someone else was faster; now it can be changed
			}
			return o, "created", err
		}
		if err != nil {
			return nil, "", err
		}
		patch, err := a.patch(t, modified, live)
		if err != nil {
			return nil, "", err
		}
		if patch == nil {
			return live, "unchanged", nil
		}
		if a.dryRun == "client" {
			return live, "configured", nil
		}
		o, err := r.PatchWith(ctx, &metav1.PatchRequest{
			Namespace: t.namespace, Name: t.name, Type: metav1.PatchType_PATCH_TYPE_MERGE, Patch: patch,
			Options: &metav1.PatchOptions{DryRun: a.dryRun.server(), FieldManager: fieldManager},
		})
		if apierror.IsConflict(err) && try < tries {
			if err := pause(ctx, try); err != nil {
				return nil, "", err
			}
			continue
		}
		if err == nil && o.GetMetadata().GetResourceVersion() == live.GetMetadata().GetResourceVersion() {
			return o, "unchanged", nil
		}
		return o, "configured", err
	}
}

func (a *applyCommand) create(ctx context.Context, r *client.Resource[kind.Object], t target, modified merge.Object) (kind.Object, error) {
	b, err := json.Marshal(modified)
	if err != nil {
		return nil, err
	}
	o, err := manifest.FromJSON(t.kind, b, true)
	if err != nil || a.dryRun == "client" {
		return o, err
	}
	return r.CreateWith(ctx, o, &metav1.CreateOptions{DryRun: a.dryRun.server(), FieldManager: fieldManager})
}

// serverFields are set by the server alone; what a manifest, exported from a cluster, says of them is no declaration.
var serverFields = []string{"uid", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields"}

// declared is the manifest of a target as an object, with its namespace and with itself as annotation.
func declared(t target) (merge.Object, error) {
	var o merge.Object
	if err := json.Unmarshal(t.doc.JSON, &o); err != nil {
		return nil, err
	}
	meta, _ := o["metadata"].(merge.Object)
	if meta == nil {
		meta = merge.Object{}
		o["metadata"] = meta
	}
	for _, f := range serverFields {
		delete(meta, f)
	}
	if t.namespace != "" {
		meta["namespace"] = t.namespace
	} else {
		delete(meta, "namespace")
	}
	if t.kind.Options.GetHasStatus() {
		delete(o, "status")
	}
	annotations, _ := meta["annotations"].(merge.Object)
	if annotations == nil {
		annotations = merge.Object{}
	}
	delete(annotations, lastApplied)
	meta["annotations"] = annotations
	// A resourceVersion makes the apply conditional once; it is not part of what was declared.
	version, conditional := meta["resourceVersion"]
	delete(meta, "resourceVersion")
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	annotations[lastApplied] = string(text) + "\n"
	if conditional {
		meta["resourceVersion"] = version
	}
	return o, nil
}

// patch is the JSON merge patch that makes live what is declared; nil when it already is. It names the
// revision it was made for, since it replaces lists whole.
func (a *applyCommand) patch(t target, modified merge.Object, live kind.Object) ([]byte, error) {
	liveJSON, err := manifest.ToJSON(live)
	if err != nil {
		return nil, err
	}
	var current, original merge.Object
	if err := json.Unmarshal(liveJSON, &current); err != nil {
		return nil, err
	}
	if text, ok := live.GetMetadata().GetAnnotations()[lastApplied]; !ok {
		fmt.Fprintf(a.Err, "Warning: %s was not made by apply; what its manifest no longer says cannot be removed this once\n", t)
	} else if err := json.Unmarshal([]byte(text), &original); err != nil {
		return nil, fmt.Errorf("annotation %s of %s is not JSON: %w", lastApplied, t, err)
	}
	merged := merge.ThreeWay(live.ProtoReflect().Descriptor(), original, modified, current)
	mergedJSON, err := json.Marshal(merged)
	if err != nil {
		return nil, err
	}
	// Through the messages and back, so that an empty map and none, or two ways to write a quantity, are the same.
	o, err := manifest.FromJSON(t.kind, mergedJSON, true)
	if err != nil {
		return nil, err
	}
	if proto.Equal(o, live) {
		return nil, nil
	}
	if mergedJSON, err = manifest.ToJSON(o); err != nil {
		return nil, err
	}
	var want merge.Object
	if err := json.Unmarshal(mergedJSON, &want); err != nil {
		return nil, err
	}
	patch := merge.Patch(current, want)
	if len(patch) == 0 {
		return nil, nil
	}
	meta, _ := patch["metadata"].(merge.Object)
	if meta == nil {
		meta = merge.Object{}
		patch["metadata"] = meta
	}
	if _, ok := meta["resourceVersion"]; !ok {
		meta["resourceVersion"] = live.GetMetadata().GetResourceVersion()
	}
	return json.Marshal(patch)
}
