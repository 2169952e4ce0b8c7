package watchcache

import (
	"slices"

	"github.com/google/btree"

	"kaji.dev/kaji/kind"
)

// nodeField is the field by which collections are asked for most: every node agent lists the pods of its node.
const nodeField = "spec.nodeName"

// index finds a kind's entries by the value of one field. Kinds that cannot be selected by node have none.
type index struct {
	field string // empty for none
	by    map[string]*btree.BTreeG[*Entry]
}

func newIndex(k *kind.Kind) index {
	if !slices.Contains(k.Options.GetSelectableFields(), nodeField) {
		return index{}
	}
	return index{field: nodeField, by: map[string]*btree.BTreeG[*Entry]{}}
}

// replace takes one entry out and puts another in; either may be nil.
func (x index) replace(old, now *Entry) {
	if x.field == "" {
		return
	}
	if old != nil {
		value := valueOf(old, x.field)
		if tree := x.by[value]; tree != nil {
			tree.Delete(old)
			if tree.Len() == 0 {
				delete(x.by, value)
			}
		}
	}
	if now != nil {
		value := valueOf(now, x.field)
		tree := x.by[value]
		if tree == nil {
			tree = newTree()
			x.by[value] = tree
		}
		tree.ReplaceOrInsert(now)
	}
}

// of are the entries with a value; empty when there are none.
func (x index) of(value string) *btree.BTreeG[*Entry] {
	if tree := x.by[value]; tree != nil {
		return tree
	}
	return newTree()
}
