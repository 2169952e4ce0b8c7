package cli

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/merge"
)

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

// annotationOf is the annotation that declared has put into an object.
func annotationOf(o merge.Object) string {
	meta, _ := o["metadata"].(merge.Object)
	annotations, _ := meta["annotations"].(merge.Object)
	text, _ := annotations[lastApplied].(string)
	return text
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
