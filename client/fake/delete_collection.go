package fake

import (
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
)

// deleteCollection removes what is selected, each as delete does. Callers hold mu.
func (s *Server) deleteCollection(k *kind.Kind, r *metav1.DeleteCollectionRequest) (*metav1.Status, error) {
	if r.GetOptions().GetPreconditions() != nil {
		return nil, apierror.BadRequest("preconditions are about one object; a collection has none")
	}
	if _, err := propagation(r.GetOptions()); err != nil {
		return nil, err
	}
	if err := optionsOf(r.GetOptions()).check(); err != nil {
		return nil, err
	}
	objects, meta, err := s.selected(k, r.GetNamespace(), r.GetListOptions())
	if err != nil {
		return nil, err
	}
	var first error
	for _, o := range objects {
		m := o.GetMetadata()
		_, err := s.delete(k, &metav1.DeleteRequest{Namespace: m.GetNamespace(), Name: m.GetName(), Options: r.GetOptions()})
		if err != nil && !apierror.IsNotFound(err) && first == nil {
			first = err
		}
	}
	if first != nil {
		return nil, first
	}
	return &metav1.Status{Metadata: meta, Status: "Success", Details: &metav1.StatusDetails{Group: k.Group, Kind: k.Plural()}}, nil
}
