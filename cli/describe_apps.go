package cli

import (
	"fmt"
	"sort"
	"strings"

	"kaji.dev/kaji/cli/printers"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
)

func (d *describer) deployment(o *appsv1.Deployment) {
	w, spec, status := d.w, o.GetSpec(), o.GetStatus()
	d.head(o)
	w.field(0, "Selector", printers.LabelSelector(spec.GetSelector()))
	w.field(0, "Replicas", fmt.Sprintf("%d desired | %d updated | %d total | %d available | %d unavailable",
		spec.GetReplicas(), status.GetUpdatedReplicas(), status.GetReplicas(), status.GetAvailableReplicas(), status.GetUnavailableReplicas()))
	w.field(0, "Strategy", spec.GetStrategy().GetType())
	if r := spec.GetStrategy().GetRollingUpdate(); r != nil {
		w.field(0, "Rolling Update", fmt.Sprintf("%s max unavailable, %s max surge", portText(r.GetMaxUnavailable()), portText(r.GetMaxSurge())))
	}
	w.field(0, "Min Ready Seconds", fmt.Sprint(spec.GetMinReadySeconds()))
	if spec.GetPaused() {
		w.field(0, "Paused", "true")
	}
	describeTemplate(w, spec.GetTemplate())
	describeConditions(w, status.GetConditions())
	sets, err := replicaSetsOf(d.ctx, d.conn, o)
	if err != nil {
		d.unreadable("ReplicaSets", err)
		return
	}
	current := o.GetMetadata().GetAnnotations()[revisionAnnotation]
	sort.Slice(sets, func(i, j int) bool {
		return sets[i].GetMetadata().GetCreationTimestamp().AsTime().Before(sets[j].GetMetadata().GetCreationTimestamp().AsTime())
	})
	var old []string
	fresh := ""
	for _, rs := range sets {
		text := fmt.Sprintf("%s (%d/%d replicas)", rs.GetMetadata().GetName(), rs.GetStatus().GetReplicas(), rs.GetSpec().GetReplicas())
		if rs.GetMetadata().GetAnnotations()[revisionAnnotation] == current {
			fresh = text
		} else {
			old = append(old, text)
		}
	}
	w.field(0, "Old ReplicaSets", strings.Join(old, "\n"))
	w.field(0, "New ReplicaSet", fresh)
}

func (d *describer) replicaSet(o *appsv1.ReplicaSet) {
	w, spec, status := d.w, o.GetSpec(), o.GetStatus()
	d.head(o)
	w.field(0, "Selector", printers.LabelSelector(spec.GetSelector()))
	w.field(0, "Replicas", fmt.Sprintf("%d current / %d desired, %d ready", status.GetReplicas(), spec.GetReplicas(), status.GetReadyReplicas()))
	text, err := selectorText(spec.GetSelector())
	d.phases(o, text, err)
	describeTemplate(w, spec.GetTemplate())
	describeConditions(w, status.GetConditions())
}
