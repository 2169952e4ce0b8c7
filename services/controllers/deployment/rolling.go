package deployment

// rolling decides the next step of a rolling update: first the new replica set grows as far as the surge lets it, then the
// old ones shrink as far as availability lets them. One step at a time: the other is decided on what became of it.
func rolling(r rollout) []scaling {
	if n := growNew(r); n != size(r.next) {
		return []scaling{{r.next, n}}
	}
	return shrinkOld(r)
}

// growNew is the size that the new replica set should have now.
func growNew(r rollout) int32 {
	have, want := size(r.next), wanted(r.d)
	if have >= want || !isRolling(r.d) {
		return want
	}
	surge, _ := fenceposts(r.d)
	room := want + surge - total(r.all())
	if room <= 0 {
		return have
	}
	return have + min(room, want-have)
}

// shrinkOld takes away old replicas: those that are not available first, since nobody misses them; then available ones, down to the
// minimum.
func shrinkOld(r rollout) []scaling {
	if total(r.old) == 0 {
		return nil
	}
	_, unavailable := fenceposts(r.d)
	minimum := wanted(r.d) - unavailable
	// New replicas that are not available yet may never be: the old ones that stand in for them stay.
	most := total(r.all()) - minimum - (size(r.next) - availableOf(r.next))
	if most <= 0 {
		return nil
	}
	sizes := make([]int32, len(r.old))
	removed := int32(0)
	for i, rs := range r.old {
		sizes[i] = size(rs)
		idle := min(sizes[i]-availableOf(rs), most-removed)
		sizes[i] -= idle
		removed += idle
	}
	spare := -minimum
	for _, rs := range r.all() {
		spare += availableOf(rs)
	}
	spare = min(spare, most-removed)
	for i := range r.old {
		if spare <= 0 {
			break
		}
		n := min(sizes[i], spare)
		sizes[i] -= n
		spare -= n
	}
	return changes(r, sizes)
}

func changes(r rollout, sizes []int32) []scaling {
	var s []scaling
	for i, rs := range r.old {
		if sizes[i] != size(rs) {
			s = append(s, scaling{rs, sizes[i]})
		}
	}
	return s
}
