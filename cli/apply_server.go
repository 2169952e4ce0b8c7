package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/managed"
	"kaji.dev/kaji/manifest/merge"
)

// applyThere lets the server merge what a manifest declares, and says what it did.
func (a *applyCommand) applyThere(ctx context.Context, r *client.Resource[kind.Object], t target) (kind.Object, string, error) {
	force := a.force
	live, err := r.Get(ctx, t.namespace, t.name)
	switch {
	case apierror.IsNotFound(err):
		live, err = nil, nil
	case err == nil && a.dryRun.note() == "":
		live, err = a.handOver(ctx, r, t, live)
	case err == nil && live.GetMetadata().GetAnnotations()[lastApplied] != "":
		// Nothing may be handed over now, and what was applied so far would be in conflict with itself.
		fmt.Fprintf(a.Err, "Warning: %s was applied on the client so far; this dry run shows no conflicts\n", t)
		force = true
	}
	if err != nil {
		return nil, "", err
	}
	body, err := declaredThere(t)
	if err != nil {
		return nil, "", err
	}
	o, err := r.Apply(ctx, t.namespace, t.name, body, &metav1.ApplyOptions{
		FieldManager: a.manager, Force: force, DryRun: a.dryRun.server(),
	})
	switch {
	case err != nil:
		return nil, "", conflicting(err)
	case live == nil:
		return o, "created", nil
	case o.GetMetadata().GetResourceVersion() == live.GetMetadata().GetResourceVersion():
		return o, "unchanged", nil
	}
	return o, "serverside-applied", nil
}

// handOver makes fields that were applied on the client so far those of this manager, so that what a manifest no
// longer names goes, and what it changes is no conflict with oneself. It also takes the annotation of what was applied:
// the server's record takes its place.
func (a *applyCommand) handOver(ctx context.Context, r *client.Resource[kind.Object], t target, live kind.Object) (kind.Object, error) {
	for try := 1; ; try++ {
		m := live.GetMetadata()
		if _, ok := m.GetAnnotations()[lastApplied]; !ok {
			return live, nil
		}
		entries, err := managed.HandOver(m.GetManagedFields(), []string{clientSideManager, kubectlsOldManager}, a.manager)
		if err != nil {
			return nil, err
		}
		o := clone(live)
		if entries != nil {
			kind.Metadata(o).ManagedFields = entries
		}
		delete(kind.Metadata(o).Annotations, lastApplied)
		o, err = r.UpdateWith(ctx, o, &metav1.UpdateOptions{FieldManager: a.manager})
		if err == nil {
			fmt.Fprintf(a.Err, "%s is managed by the server's record from now on, as %s\n", t, a.manager)
			return o, nil
		}
		if !apierror.IsConflict(err) || try == maxTries {
			return nil, fmt.Errorf("taking over what was applied on the client: %w", err)
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
		if live, err = r.Get(ctx, t.namespace, t.name); err != nil {
			return nil, err
		}
	}
}

// declaredThere is the manifest of a target as the server takes it: without what only the server says.
func declaredThere(t target) ([]byte, error) {
	var o merge.Object
	if err := json.Unmarshal(t.doc.JSON, &o); err != nil {
		return nil, err
	}
	meta, _ := o["metadata"].(merge.Object)
	for _, f := range serverFields {
		if f != "uid" { // with it a certain object is meant
			delete(meta, f)
		}
	}
	if annotations, ok := meta["annotations"].(merge.Object); ok {
		delete(annotations, lastApplied)
	}
	if t.namespace != "" {
		meta["namespace"] = t.namespace
	} else {
		delete(meta, "namespace")
	}
	if t.kind.Options.GetHasStatus() {
		delete(o, "status")
	}
	b, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	// Through the message, so that data which is written in place of stringData, and the like, reads as the server's.
	if _, err := manifest.FromJSON(t.kind, b, true); err != nil {
		return nil, err
	}
	return b, nil
}

// conflicting says of a conflict over fields what can be done about it.
func conflicting(err error) error {
	var e *apierror.Error
	if !errors.As(err, &e) || e.Reason != apierror.ReasonConflict || len(e.Violations) == 0 {
		return err
	}
	told := *e
	n := fmt.Sprintf("%d fields are", len(e.Violations))
	if len(e.Violations) == 1 {
		n = "1 field is"
	}
	told.Message = fmt.Sprintf("%s %q: %s set to other values by others:", e.Kind, strings.TrimPrefix(e.Namespace+"/"+e.Name, "/"), n)
	return &advice{err: &told, next: `--force-conflicts takes the fields over; or leave them out of the manifest, and they stay the other's; or say
    the values that they have, and they are shared`}
}
