package watchcache

// watchers are those who wait for changes of one kind, by what they ask for: field, value, watcher. An event
// is offered only to the watchers whose value it has or had, so that a node's watch of its own pods costs
// nothing when other nodes' pods change.
type watchers map[string]map[string]map[*Watcher]struct{}

func (ws watchers) add(w *Watcher) {
	on := w.selection.on
	byValue := ws[on.field]
	if byValue == nil {
		byValue = map[string]map[*Watcher]struct{}{}
		ws[on.field] = byValue
	}
	set := byValue[on.value]
	if set == nil {
		set = map[*Watcher]struct{}{}
		byValue[on.value] = set
	}
	set[w] = struct{}{}
}

func (ws watchers) remove(w *Watcher) {
	on := w.selection.on
	byValue := ws[on.field]
	delete(byValue[on.value], w)
	if len(byValue[on.value]) == 0 {
		delete(byValue, on.value)
	}
	if len(byValue) == 0 {
		delete(ws, on.field)
	}
}

func (ws watchers) each(f func(*Watcher)) {
	for _, byValue := range ws {
		for _, set := range byValue {
			for w := range set {
				f(w)
			}
		}
	}
}

func (ws watchers) count() int {
	n := 0
	for _, byValue := range ws {
		for _, set := range byValue {
			n += len(set)
		}
	}
	return n
}

// dispatch offers an event to everyone it can concern. Those whose queue is full fall behind and go.
func (ws watchers) dispatch(e *event) {
	for field, byValue := range ws {
		var now, before string
		if field != "" {
			if e.entry != nil {
				now = valueOf(e.entry, field)
			} else {
				now = valueOf(e.previous, field)
			}
			before = now
			if e.previous != nil {
				before = valueOf(e.previous, field)
			}
		}
		ws.offer(byValue[now], e)
		if before != now {
			ws.offer(byValue[before], e)
		}
	}
}

func (ws watchers) offer(set map[*Watcher]struct{}, e *event) {
	for w := range set {
		change, concerns := e.through(w.selection)
		if concerns && !w.push(change) {
			ws.remove(w)
		}
	}
}
