package cli

import (
	"errors"
	"fmt"
	"sort"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/json"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// sortBy orders objects by what a path finds in them: numbers, quantities and times by
// value, everything else as text; those without one come first.
func sortBy(objects []kind.Object, path string) error {
	p, err := parsePath(path)
	if err != nil {
		return err
	}
	type keyed struct {
		object kind.Object
		key    any
	}
	all := make([]keyed, len(objects))
	found := false
	for i, o := range objects {
		b, err := manifest.ToJSON(o)
		if err != nil {
			return err
		}
		var v any
		if err := json.Unmarshal(b, &v); err != nil {
			return err
		}
		all[i].object = o
		results, err := p.FindResults(v)
		if err != nil {
			return err
		}
		if len(results) > 0 && len(results[0]) > 0 {
			all[i].key = results[0][0].Interface()
			found = true
		}
	}
	if !found && len(objects) > 0 {
		return errors.New("no object has a value at " + path)
	}
	sort.SliceStable(all, func(i, j int) bool { return less(all[i].key, all[j].key) })
	for i := range all {
		objects[i] = all[i].object
	}
	return nil
}

// less compares two values: 900m is less than 2, and 2 less than 10.
func less(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b != nil
	}
	if x, ok := quantityOf(a); ok {
		if y, ok := quantityOf(b); ok {
			return x.Cmp(y) < 0
		}
	}
	if x, ok := timeOf(a); ok {
		if y, ok := timeOf(b); ok {
			return x.Before(y)
		}
	}
	return fmt.Sprint(a) < fmt.Sprint(b)
}

// quantityOf reads numbers, and texts that are quantities.
func quantityOf(v any) (resource.Quantity, bool) {
	switch v := v.(type) {
	case int64, float64:
		q, err := resource.ParseQuantity(fmt.Sprint(v))
		return q, err == nil
	case string:
		if v == "" || (v[0] < '0' || v[0] > '9') && v[0] != '-' && v[0] != '+' && v[0] != '.' {
			return resource.Quantity{}, false
		}
		q, err := resource.ParseQuantity(v)
		return q, err == nil
	}
	return resource.Quantity{}, false
}

func timeOf(v any) (time.Time, bool) {
	text, ok := v.(string)
	if !ok {
		return time.Time{}, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return t, err == nil
}
