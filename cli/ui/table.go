package ui

import (
	"slices"
	"sort"
	"strings"
	"time"

	"kaji.dev/kaji/cli/printers"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

// table is the objects of a kind, of which one is chosen.
type table struct {
	kind          *kind.Kind
	withNamespace bool
	objects       map[string]kind.Object // by namespace/name
	wanted        string                 // the filter

	// order are the keys of what is shown; nil when it must be worked out anew.
	order []string
	// key is the chosen object's; at is where it was, for when it goes.
	key string
	at  int
	top int
}

func newTable(k *kind.Kind, withNamespace bool) table {
	return table{kind: k, withNamespace: withNamespace, objects: map[string]kind.Object{}}
}

func keyOf(o kind.Object) string {
	return o.GetMetadata().GetNamespace() + "/" + o.GetMetadata().GetName()
}

func (t *table) replace(objects []kind.Object) {
	clear(t.objects)
	for _, o := range objects {
		t.objects[keyOf(o)] = o
	}
	t.order = nil
}

func (t *table) change(gone bool, o kind.Object) {
	key := keyOf(o)
	_, known := t.objects[key]
	if gone {
		delete(t.objects, key)
	} else {
		t.objects[key] = o
	}
	// A change that moves nothing keeps the order; a filter sees all columns, and events go by time.
	if known != !gone || t.wanted != "" || t.kind.Plural() == "events" {
		t.order = nil
	}
}

func (t *table) filter(wanted string) {
	t.wanted, t.order = wanted, nil
}

// shown are the keys of what is shown, in order.
func (t *table) shown() []string {
	if t.order != nil {
		return t.order
	}
	t.order = make([]string, 0, len(t.objects))
	wanted := strings.ToLower(t.wanted)
	for key, o := range t.objects {
		if wanted == "" || strings.Contains(strings.ToLower(strings.Join(t.cells(o, time.Time{}), " ")), wanted) {
			t.order = append(t.order, key)
		}
	}
	sort.Slice(t.order, func(i, j int) bool {
		a, okA := t.objects[t.order[i]].(*corev1.Event)
		b, okB := t.objects[t.order[j]].(*corev1.Event)
		if okA && okB {
			if x, y := printers.EventTime(a), printers.EventTime(b); !x.Equal(y) {
				return x.After(y) // the newest is what people look for
			}
		}
		return t.order[i] < t.order[j]
	})
	if i := slices.Index(t.order, t.key); i >= 0 {
		t.at = i
	}
	t.choose(t.at)
	return t.order
}

// choose makes the i-th the chosen one, or the nearest there is.
func (t *table) choose(i int) {
	t.at = min(max(i, 0), max(len(t.order)-1, 0))
	t.key = ""
	if t.at < len(t.order) {
		t.key = t.order[t.at]
	}
}

func (t *table) len() int { return len(t.shown()) }

func (t *table) move(by int) {
	t.shown()
	t.choose(t.at + by)
}

// chosen is the chosen object, or nil when there is none.
func (t *table) chosen() kind.Object {
	t.shown()
	return t.objects[t.key]
}

func (t *table) options(now time.Time) printers.Options {
	return printers.Options{Namespace: t.withNamespace, Now: now}
}

func (t *table) cells(o kind.Object, now time.Time) []string {
	row := printers.Row(t.kind, o, t.options(now))
	for i, cell := range row {
		row[i] = plain(cell)
	}
	return row
}

// window is the part of the order that is seen on so many rows; it holds the chosen one.
func (t *table) window(rows int) []string {
	order := t.shown()
	t.top = min(t.top, t.at)
	t.top = max(t.top, t.at-rows+1)
	t.top = max(min(t.top, len(order)-rows), 0)
	return order[t.top:min(t.top+rows, len(order))]
}
