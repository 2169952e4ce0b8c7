package managed

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// How a manager has set its fields.
const (
	operationApply  = "Apply"
	operationUpdate = "Update"
	fieldsType      = "FieldsV1"
)

var errOtherVersion = errors.New("the fields are of another version of the kind")

// Manager is who set fields, and how.
type Manager struct {
	Name        string `json:"manager"`
	Operation   string `json:"operation"`
	Subresource string `json:"subresource,omitempty"`
}

// key names the manager to the merge.
func (m Manager) key() string {
	b, _ := json.Marshal(m) // cannot fail: three strings
	return string(b)
}

func managerOf(key string) Manager {
	var m Manager
	_ = json.Unmarshal([]byte(key), &m) // key wrote it
	return m
}

// record is managedFields, decoded.
type record struct {
	managers fieldpath.ManagedFields
	entries  map[string]*metav1.ManagedFieldsEntry // as they are written, by key
	status   []*metav1.ManagedFieldsEntry          // of the status, which nobody applies
}

// decode reads managedFields. What cannot be read is nobody's.
func (s *Schema) decode(entries []*metav1.ManagedFieldsEntry) record {
	r := record{managers: fieldpath.ManagedFields{}, entries: map[string]*metav1.ManagedFieldsEntry{}}
	for _, e := range entries {
		if e.GetSubresource() == "status" {
			r.status = append(r.status, e)
			continue
		}
		if s.others.byAPIVersion[e.GetApiVersion()] == nil || e.GetFieldsType() != fieldsType {
			continue
		}
		set := &fieldpath.Set{}
		if err := set.FromJSON(bytes.NewReader(e.GetFieldsV1().GetRaw())); err != nil {
			continue
		}
		key := Manager{Name: e.GetManager(), Operation: e.GetOperation(), Subresource: e.GetSubresource()}.key()
		r.managers[key] = fieldpath.NewVersionedSet(set, fieldpath.APIVersion(e.GetApiVersion()), e.GetOperation() == operationApply)
		r.entries[key] = e
	}
	return r
}

// encode writes managedFields. A manager whose fields are those it had keeps its entry, time and all.
func (s *Schema) encode(managers fieldpath.ManagedFields, before record, now *timestamppb.Timestamp) ([]*metav1.ManagedFieldsEntry, error) {
	out := slices.Clone(before.status)
	for key, set := range managers {
		if was, ok := before.managers[key]; ok && was.APIVersion() == set.APIVersion() && was.Set().Equals(set.Set()) {
			out = append(out, before.entries[key])
			continue
		}
		raw, err := set.Set().ToJSON()
		if err != nil {
			return nil, err
		}
		m := managerOf(key)
		out = append(out, &metav1.ManagedFieldsEntry{
			Manager: m.Name, Operation: m.Operation, Subresource: m.Subresource, ApiVersion: string(set.APIVersion()),
			Time: proto.CloneOf(now), FieldsType: fieldsType, FieldsV1: &metav1.FieldsV1{Raw: raw},
		})
	}
	slices.SortFunc(out, func(a, b *metav1.ManagedFieldsEntry) int {
		return cmp.Or(
			cmp.Compare(a.GetOperation(), b.GetOperation()), a.GetTime().AsTime().Compare(b.GetTime().AsTime()),
			cmp.Compare(a.GetManager(), b.GetManager()), cmp.Compare(a.GetSubresource(), b.GetSubresource()),
		)
	})
	return out, nil
}
