package fake

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/managed"

	"google.golang.org/protobuf/proto"
)

// apply merges the fields that a manager declares into an object, or creates it. Callers hold mu.
func (s *Server) apply(k *kind.Kind, r *metav1.ApplyRequest) (kind.Object, error) {
	manager, options := r.GetOptions().GetFieldManager(), writeOptions{dry: r.GetOptions().GetDryRun(), applied: true}
	if err := cmp.Or(optionsOf(r.GetOptions()).check(), named(k, r.GetNamespace(), r.GetName())); err != nil {
		return nil, err
	}
	if manager == "" {
		return nil, apierror.BadRequest("fieldManager must say who applies")
	}
	docs, err := manifest.Decode(bytes.NewReader(r.GetPatch()), "patch", manifest.Options{Strict: true})
	if err != nil || len(docs) != 1 || docs[0].Kind != k {
		return nil, apierror.BadRequest(fmt.Sprintf("the patch must hold one %s: %v", k.Name(), err))
	}
	if m := docs[0].Object.GetMetadata(); m.GetName() != "" && m.GetName() != r.GetName() || m.GetNamespace() != "" && m.GetNamespace() != r.GetNamespace() {
		return nil, apierror.BadRequest("the patch names another object than the request")
	}
	live, there := s.objects[k.Key(r.GetNamespace(), r.GetName())]
	if !there {
		live = k.New()
	}
	next, entries, err := managed.NewSchema(k).Apply(live, docs[0].JSON, manager, r.GetOptions().GetForce(), s.timestamp())
	var conflicts managed.Conflicts
	switch {
	case errors.As(err, &conflicts):
		e := apierror.Conflict(k.String(), r.GetNamespace(), r.GetName(), conflicts.Error())
		for _, c := range conflicts {
			e.Violations = append(e.Violations, apierror.FieldViolation{Field: c.Path, Description: fmt.Sprintf("conflict with %q", c.Manager.Name), Reason: "FieldManagerConflict"})
		}
		return nil, e
	case err != nil:
		return nil, apierror.BadRequest(err.Error())
	}
	m := kind.Metadata(next)
	m.Namespace, m.Name, m.ManagedFields = r.GetNamespace(), r.GetName(), entries
	switch {
	case !there:
		return s.create(k, next, options)
	case proto.Equal(live, next):
		return live, nil
	}
	return s.update(k, next, "", options)
}
