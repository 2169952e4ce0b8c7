package fake

import (
	"bytes"
	"errors"
	"fmt"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
	"kaji.dev/kaji/manifest/managed"

	"google.golang.org/protobuf/proto"
)

// apply merges the fields that a manager declares into an object, or creates it. Of other writes it keeps no record. Callers hold mu.
func (s *Server) apply(k *kind.Kind, r *metav1.ApplyRequest) (kind.Object, error) {
	manager, dryRun := r.GetOptions().GetFieldManager(), len(r.GetOptions().GetDryRun()) > 0
	if manager == "" {
		return nil, apierror.BadRequest("fieldManager must say who applies")
	}
	docs, err := manifest.Decode(bytes.NewReader(r.GetPatch()), "patch", manifest.Options{Strict: true})
	if err != nil || len(docs) != 1 || docs[0].Kind != k {
		return nil, apierror.BadRequest(fmt.Sprintf("the patch must hold one %s: %v", k.Name(), err))
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
		return s.create(k, next, dryRun)
	case proto.Equal(live, next):
		return live, nil
	}
	return s.update(k, next, "", dryRun)
}
