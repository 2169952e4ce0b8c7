package flowcontrol

import (
	"strings"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const (
	// objectsPerSeat is how many objects of a list are reckoned as the work of one other call.
	objectsPerSeat = 500
	// writesPerSeat is how many writes that come in one call are.
	writesPerSeat = 50
	// removers is how many objects a call that deletes a collection deletes at once.
	removers = 8
)

// seats estimates what a call takes.
func (c *Controller) seats(m method, req any) int {
	switch m.verb {
	case metav1.Verb_VERB_LIST:
		return 1 + c.selected(m, inner[*metav1.ListRequest](req).GetOptions())/objectsPerSeat
	case metav1.Verb_VERB_WATCH:
		return c.watchSeats(m, inner[*metav1.WatchRequest](req).GetOptions())
	case metav1.Verb_VERB_DELETE_COLLECTION:
		r := inner[*metav1.DeleteCollectionRequest](req)
		return max(1, min(removers, c.selected(m, r.GetListOptions())))
	}
	switch r := req.(type) {
	case *corev1.BindPodsRequest:
		return 1 + len(r.GetBindings())/writesPerSeat
	case *apiv1.ResourceServiceBatchRequest:
		return 1 + len(r.GetOperations())/writesPerSeat
	}
	return 1
}

// watchSeats counts what a watch begins with; following the changes later costs next to nothing.
func (c *Controller) watchSeats(m method, o *metav1.ListOptions) int {
	from := o.GetResourceVersion()
	resumes := from != "" && from != "0" && !o.GetSendInitialEvents()
	if resumes || (o != nil && o.SendInitialEvents != nil && !o.GetSendInitialEvents()) {
		return 1
	}
	return 1 + c.selected(m, o)/objectsPerSeat
}

// selected estimates how many objects a list has to look at. A namespace is taken for the whole collection.
func (c *Controller) selected(m method, o *metav1.ListOptions) int {
	if m.kind == nil {
		return 0
	}
	n := c.counter(m.kind.String())
	switch s := o.GetFieldSelector(); {
	case strings.Contains(s, "metadata.name="), strings.Contains(s, "spec.nodeName=") && m.kind == pods:
		return min(n, objectsPerSeat-1) // found by index
	}
	// With selectors all objects are looked at, however few are answered.
	if limit := int(o.GetLimit()); limit > 0 && o.GetLabelSelector() == "" && o.GetFieldSelector() == "" {
		n = min(n, limit)
	}
	return n
}
