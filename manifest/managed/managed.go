package managed

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/merge"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// BeforeFirstApply owns, as Kubernetes has it, the fields of an object that nobody kept a record of until somebody applied to it.
const BeforeFirstApply = "before-first-apply"

// Conflict is a field that another manager has set to another value.
type Conflict struct {
	Path    string // spec.template.spec.containers[name="web"].image
	Manager Manager
}

// Conflicts is the error of an apply that would change what others own.
type Conflicts []Conflict

func (c Conflicts) Error() string {
	texts := make([]string, len(c))
	for i, x := range c {
		texts[i] = fmt.Sprintf("%s is managed by %q", x.Path, x.Manager.Name)
	}
	return strings.Join(texts, "; ")
}

// Apply merges config, the JSON of the fields that manager declares, into live (an empty object when there is none yet):
// fields that manager declared before and no one else owns go, the others stay. It returns the object as it becomes, and
// its managedFields. Fields that others own and config changes are Conflicts, unless force takes them over.
func (s *Schema) Apply(live kind.Object, config []byte, manager string, force bool, now *timestamppb.Timestamp) (kind.Object, []*metav1.ManagedFieldsEntry, error) {
	current, err := manifest.ToJSON(live)
	if err != nil {
		return nil, nil, err
	}
	body, rest, err := s.split(current)
	if err != nil {
		return nil, nil, err
	}
	was, err := s.typed(body, typed.AllowDuplicates)
	if err != nil {
		return nil, nil, err
	}
	declared, _, err := s.split(config)
	if err != nil {
		return nil, nil, err
	}
	wanted, err := s.typed(declared)
	if err != nil {
		return nil, nil, err
	}
	before := s.decode(live.GetMetadata().GetManagedFields())
	managers, version := before.managers.Copy(), fieldpath.APIVersion(s.kind.APIVersion())
	if len(managers) == 0 && live.GetMetadata().GetUid() != "" {
		all, err := was.ToFieldSet()
		if err != nil {
			return nil, nil, err
		}
		managers[Manager{Name: BeforeFirstApply, Operation: operationUpdate}.key()] = fieldpath.NewVersionedSet(all, version, false)
	}
	who := Manager{Name: manager, Operation: operationApply}.key()
	merged, managers, err := s.updater.Apply(was, wanted, version, managers, who, force)
	if err != nil {
		return nil, nil, conflictsOf(err)
	}
	var o kind.Object
	if merged == nil { // no field changes; the record may
		o, _ = proto.Clone(live).(kind.Object)
	} else {
		body, _ = merged.AsValue().Unstructured().(map[string]any)
		after, err := join(body, rest)
		if err != nil {
			return nil, nil, err
		}
		if o, err = manifest.FromJSON(s.kind, after, false); err != nil {
			return nil, nil, err
		}
	}
	entries, err := s.encode(managers, before, now)
	return o, entries, err
}

// Update is the record after manager wrote next over live (an empty object when there was none): what it changed is its
// own. The record that next has counts, so that a writer can hand fields on; live's when it has none.
func (s *Schema) Update(live, next kind.Object, manager, subresource string, now *timestamppb.Timestamp) ([]*metav1.ManagedFieldsEntry, error) {
	bodies := make([]*typed.TypedValue, 2)
	for i, o := range []kind.Object{live, next} {
		b, err := manifest.ToJSON(o)
		if err != nil {
			return nil, err
		}
		body, _, err := s.split(b)
		if err != nil {
			return nil, err
		}
		if bodies[i], err = s.typed(body, typed.AllowDuplicates); err != nil {
			return nil, err
		}
	}
	before := s.decode(live.GetMetadata().GetManagedFields())
	if record := next.GetMetadata().GetManagedFields(); len(record) > 0 {
		// A writer may change the record too. What only went through JSON, where fields have no order, it has not changed.
		written := s.decode(record)
		for key, set := range written.managers {
			if was, ok := before.managers[key]; ok && was.Set().Equals(set.Set()) {
				written.entries[key] = before.entries[key]
			}
		}
		before = written
	}
	who := Manager{Name: manager, Operation: operationUpdate, Subresource: subresource}.key()
	_, managers, err := s.updater.Update(bodies[0], bodies[1], fieldpath.APIVersion(s.kind.APIVersion()), before.managers.Copy(), who)
	if err != nil {
		return nil, err
	}
	return s.encode(managers, before, now)
}

// conflictsOf turns the merge's conflicts into ours.
func conflictsOf(err error) error {
	var found merge.Conflicts
	if !errors.As(err, &found) {
		return err
	}
	out := make(Conflicts, len(found))
	for i, c := range found {
		out[i] = Conflict{Path: strings.TrimPrefix(c.Path.String(), "."), Manager: managerOf(c.Manager)}
	}
	return out
}
