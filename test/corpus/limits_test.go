package corpus

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// limit is a row of docs/compatibility.md: a field that nothing acts on.
type limit struct {
	path []string // spec, containers[], resizePolicy
	why  string
	fine []string
}

// limits are the rows by kind; templates is where a kind has a pod template.
type limits struct {
	rows      map[string][]limit
	templates map[string]string
	inert     map[string]string // why nothing acts on the kind at all
}

var (
	section  = regexp.MustCompile(`^## (\w+)$`)
	row      = regexp.MustCompile("^\\| `([^`]+)` \\| (.+) \\| (.+) \\|$")
	inert    = regexp.MustCompile(`^Nothing acts on this kind yet: (.+)\.$`)
	template = regexp.MustCompile("^Below `([^`]+)` it is as for a \\[Pod\\]")
)

// readLimits reads docs/compatibility.md as a user does.
func readLimits(t *testing.T) limits {
	t.Helper()
	page, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	l := limits{rows: map[string][]limit{}, templates: map[string]string{}, inert: map[string]string{}}
	in := ""
	for _, line := range strings.Split(string(page), "\n") {
		if m := section.FindStringSubmatch(line); m != nil {
			in = m[1]
		} else if m := row.FindStringSubmatch(line); m != nil {
			l.rows[in] = append(l.rows[in], limit{
				path: strings.Split(strings.TrimSuffix(m[1], "[]"), "."), why: m[2], fine: strings.Split(m[3], ", "),
			})
		} else if m := template.FindStringSubmatch(line); m != nil {
			l.templates[in] = m[1]
		} else if m := inert.FindStringSubmatch(line); m != nil {
			l.inert[in] = m[1]
		}
	}
	if len(l.rows["Pod"]) == 0 || l.templates["Deployment"] == "" {
		t.Fatalf("docs/compatibility.md has another form: %v", l)
	}
	return l
}

// check compares what apply warned of with the fields of the stored objects that the page says nothing acts on.
func (l limits) check(t *testing.T, stored []kind.Object, output string) {
	want, may := map[string]bool{}, map[string]bool{}
	for _, o := range stored {
		text, err := manifest.ToJSON(o)
		if err != nil {
			t.Fatal(err)
		}
		tree := parse(t, text)
		name := kind.Of(o).Name()
		if why, ok := l.inert[name]; ok {
			want["nothing acts on a "+name+" yet: "+why] = true
			continue
		}
		rows := slices.Clone(l.rows[name])
		if at, ok := l.templates[name]; ok {
			for _, r := range l.rows["Pod"] {
				r.path = append(strings.Split(at, "."), r.path...)
				rows = append(rows, r)
			}
		}
		for _, r := range rows {
			r.find(tree, r.path, "", want, may)
		}
	}
	for _, line := range strings.Split(output, "\n") {
		warning, ok := strings.CutPrefix(line, "Warning: ")
		switch {
		case !ok:
			if line != "" {
				t.Errorf("apply says beside warnings: %s", line)
			}
		case want[warning]:
			delete(want, warning)
		case !may[warning]:
			t.Errorf("a warning of what the page does not name: %s", warning)
		}
	}
	for warning := range want {
		t.Errorf("no warning: %s", warning)
	}
}

// special are the fields that only matter beside others, by what the page says of them.
var special = map[string]func(parent object) bool{
	"medium: Memory": func(volume object) bool { return volume["medium"] == nil },
	"cpu, memory and other resources": func(resources object) bool {
		all, _ := resources["limits"].(object)
		return all["ephemeral-storage"] != nil
	},
}

func (r limit) find(v any, path []string, at string, want, may map[string]bool) {
	o, ok := v.(object)
	if !ok {
		return
	}
	key, isList := strings.CutSuffix(path[0], "[]")
	value, ok := o[key]
	if !ok {
		return
	}
	at = strings.TrimPrefix(at+"."+key, ".")
	if len(path) > 1 {
		if !isList {
			r.find(value, path[1:], at, want, may)
			return
		}
		items, _ := value.([]any)
		for i, item := range items {
			r.find(item, path[1:], fmt.Sprintf("%s[%d]", at, i), want, may)
		}
		return
	}
	warning := at + ": " + r.why
	if f := special[strings.Join(r.fine, ", ")]; f != nil {
		if f(o) {
			want[warning] = true
		}
		return
	}
	if slices.Contains(r.fine, fmt.Sprint(value)) {
		return
	}
	if r.prose() {
		may[warning] = true
		return
	}
	want[warning] = true
}

// prose says whether the page describes in words when there is no warning, and not by values.
func (r limit) prose() bool {
	return slices.ContainsFunc(r.fine, func(s string) bool { return strings.Contains(s, " ") })
}
