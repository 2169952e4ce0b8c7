package fake

import (
	"fmt"
	"strconv"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest/managed"
)

// caller is who writes when no field manager is named: everybody is the administrator here.
const caller = "kaji-admin"

// maxManager bounds the name of a field manager.
const maxManager = 128

// writeOptions are what all sorts of writes have in common.
type writeOptions struct {
	dry     []string
	manager string
	applied bool // the object has its record already
}

// optionsOf reads them from any of the API's options; o may be nil.
func optionsOf(o interface{ GetDryRun() []string }) writeOptions {
	w := writeOptions{dry: o.GetDryRun()}
	if m, ok := o.(interface{ GetFieldManager() string }); ok {
		w.manager = m.GetFieldManager()
	}
	return w
}

func (w writeOptions) dryRun() bool { return len(w.dry) > 0 }

func (w writeOptions) check() error {
	for _, d := range w.dry {
		if d != "All" {
			return apierror.BadRequest(fmt.Sprintf("dryRun is %q", d), apierror.FieldViolation{
				Field: "options.dryRun", Description: `supported values: "All"`, Reason: "FieldValueNotSupported"})
		}
	}
	if len(w.manager) > maxManager {
		return apierror.BadRequest("fieldManager is too long", apierror.FieldViolation{
			Field: "options.fieldManager", Description: fmt.Sprintf("must have at most %d bytes", maxManager), Reason: "FieldValueTooLong"})
	}
	return nil
}

// track keeps the record of who set which fields: when a manager gives its name, and for objects that have a record.
func (s *Server) track(k *kind.Kind, old, next kind.Object, manager, subresource string) error {
	if subresource == "status" || manager == "" && len(old.GetMetadata().GetManagedFields()) == 0 {
		return nil
	}
	if manager == "" {
		manager = caller
	}
	entries, err := managed.NewSchema(k).Update(old, next, manager, subresource, s.timestamp())
	if err != nil {
		return apierror.Internal(err)
	}
	kind.Metadata(next).ManagedFields = entries
	return nil
}

// named checks that a request says which object it means.
func named(k *kind.Kind, namespace, name string) error {
	switch {
	case name == "":
		return apierror.BadRequest("the request names no object", apierror.FieldViolation{Field: "name", Description: "must not be empty", Reason: "FieldValueRequired"})
	case k.Namespaced() && namespace == "":
		return apierror.BadRequest(k.String()+" live in namespaces; the request names none", apierror.FieldViolation{Field: "namespace", Description: "must not be empty", Reason: "FieldValueRequired"})
	}
	return unnamed(k, namespace)
}

// unnamed checks the namespace of a request about a collection.
func unnamed(k *kind.Kind, namespace string) error {
	if !k.Namespaced() && namespace != "" {
		return apierror.BadRequest(k.String()+" live in no namespace; the request names one", apierror.FieldViolation{Field: "namespace", Description: "must be empty", Reason: "FieldValueForbidden"})
	}
	return nil
}

// parseVersion reads a resourceVersion; empty is 0.
func parseVersion(version string) (int64, error) {
	if version == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < 0 {
		return 0, apierror.BadRequest("resourceVersion " + strconv.Quote(version) + " is no revision")
	}
	return n, nil
}

// propagation reads what should become of dependents; empty when the request leaves it to the object.
func propagation(o *metav1.DeleteOptions) (string, error) {
	policy := o.GetPropagationPolicy()
	if o != nil && o.OrphanDependents != nil {
		if policy != "" {
			return "", apierror.BadRequest("orphanDependents and propagationPolicy cannot both be set")
		}
		policy = "Background"
		if o.GetOrphanDependents() {
			policy = "Orphan"
		}
	}
	switch policy {
	case "", "Background", "Foreground", "Orphan":
		return policy, nil
	}
	return "", apierror.BadRequest(fmt.Sprintf("propagationPolicy is %q", policy), apierror.FieldViolation{
		Field: "options.propagationPolicy", Description: `supported values: "Background", "Foreground", "Orphan"`, Reason: "FieldValueNotSupported"})
}
