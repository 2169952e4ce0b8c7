package managed

import (
	"bytes"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// HandOver is managedFields in which fields that those managers set by updates belong to one that applies, as if it had
// declared them: what it then leaves out goes. Without such fields the answer is nil. Kubernetes does the same
// (client-go's csaupgrade) for objects that were applied on the client so far.
func HandOver(entries []*metav1.ManagedFieldsEntry, from []string, to string) ([]*metav1.ManagedFieldsEntry, error) {
	var out []*metav1.ManagedFieldsEntry
	var theirs []*metav1.ManagedFieldsEntry
	own := -1
	for _, e := range entries {
		switch {
		case e.GetOperation() == operationUpdate && e.GetSubresource() == "" && slices.Contains(from, e.GetManager()):
			theirs = append(theirs, e)
			continue
		case e.GetOperation() == operationApply && e.GetSubresource() == "" && e.GetManager() == to:
			own = len(out)
		}
		out = append(out, e)
	}
	if len(theirs) == 0 {
		return nil, nil
	}
	all := &fieldpath.Set{}
	newest := theirs[0]
	if own >= 0 {
		theirs = append(theirs, out[own])
	}
	for _, e := range theirs {
		set := &fieldpath.Set{}
		if err := set.FromJSON(bytes.NewReader(e.GetFieldsV1().GetRaw())); err != nil {
			return nil, fmt.Errorf("the fields of manager %q cannot be read: %w", e.GetManager(), err)
		}
		all = all.Union(set)
		if e.GetTime().AsTime().After(newest.GetTime().AsTime()) {
			newest = e
		}
	}
	raw, err := all.ToJSON()
	if err != nil {
		return nil, err
	}
	entry := proto.CloneOf(newest)
	entry.Manager, entry.Operation, entry.FieldsV1 = to, operationApply, &metav1.FieldsV1{Raw: raw}
	if own >= 0 {
		out[own] = entry
		return out, nil
	}
	return append(out, entry), nil
}
