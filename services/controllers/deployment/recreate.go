package deployment

// recreate decides the next step of a strategy that ends all old pods before it makes new ones. oldPods tells whether any pod of
// an old replica set still runs, the ones that are being deleted included.
func recreate(r rollout, oldPods bool) (steps []scaling, proceed bool) {
	for _, rs := range active(r.old) {
		steps = append(steps, scaling{rs, 0})
	}
	if len(steps) > 0 || oldPods {
		return steps, false
	}
	for _, rs := range r.old {
		if rs.GetStatus().GetReplicas() > 0 {
			return nil, false
		}
	}
	if r.next != nil && size(r.next) != wanted(r.d) {
		steps = []scaling{{r.next, wanted(r.d)}}
	}
	return steps, true
}
