package env

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestExpandString(t *testing.T) {
	vars := map[string]string{"A": "1", "B": "$(A)", "EMPTY": "", "a.b-c": "odd"}
	lookup := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	for in, want := range map[string]string{
		"":                 "",
		"plain":            "plain",
		"$(A)":             "1",
		"x$(A)y$(A)z":      "x1y1z",
		"$(B)":             "$(A)", // values are not expanded again
		"$(EMPTY)|":        "|",
		"$(a.b-c)":         "odd",
		"$(NONE)":          "$(NONE)",
		"$$(A)":            "$(A)",
		"$$$(A)":           "$1",
		"$$$$(A)":          "$$(A)",
		"$A":               "$A",
		"$":                "$",
		"$$":               "$",
		"end$":             "end$",
		"$(A":              "$(A",
		"$()":              "$()",
		"$($(A))":          "$($(A))", // the name read is "$(A"
		"$(A)$":            "1$",
		"preis: 5 $ – ü$ü": "preis: 5 $ – ü$ü",
	} {
		if got := ExpandString(in, lookup); got != want {
			t.Errorf("ExpandString(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestExpand(t *testing.T) {
	vars := []KeyValue{{"PORT", "80"}, {"HOST", "web"}}
	cmd, args := Expand([]string{"serve", "$(HOST):$(PORT)"}, []string{"--x=$(X)"}, vars)
	if !slices.Equal(cmd, []string{"serve", "web:80"}) || !slices.Equal(args, []string{"--x=$(X)"}) {
		t.Errorf("Expand = %q, %q", cmd, args)
	}
	if cmd, args := Expand(nil, nil, vars); cmd != nil || args != nil {
		t.Errorf("Expand of nothing = %q, %q: the image's own command must stay in place", cmd, args)
	}
}

func TestExpandStrict(t *testing.T) {
	got, missing := ExpandStrict("a/$(X)/$(Y)/$$(Z)", []KeyValue{{"X", "1"}})
	if got != "a/1/$(Y)/$(Z)" || !slices.Equal(missing, []string{"Y"}) {
		t.Errorf("ExpandStrict = %q, %q", got, missing)
	}
}

// Text in which every $ is doubled means itself, whatever variables there are; and text
// put together from literals and references means the literals and the values.
func TestExpandProperties(t *testing.T) {
	name := rapid.StringMatching(`[A-Za-z_][A-Za-z0-9_]{0,3}`)
	text := rapid.StringOf(rapid.RuneFrom([]rune("ab$(){}ü ")))
	rapid.Check(t, func(t *rapid.T) {
		vars := rapid.MapOf(name, text).Draw(t, "vars")
		lookup := func(n string) (string, bool) { v, ok := vars[n]; return v, ok }
		var in, want strings.Builder
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			if rapid.Bool().Draw(t, "literal") {
				s := text.Draw(t, "text")
				in.WriteString(strings.ReplaceAll(s, "$", "$$"))
				want.WriteString(s)
				continue
			}
			n := name.Draw(t, "name")
			in.WriteString("$(" + n + ")")
			if v, ok := vars[n]; ok {
				want.WriteString(v)
			} else {
				want.WriteString("$(" + n + ")")
			}
		}
		if got := ExpandString(in.String(), lookup); got != want.String() {
			t.Fatalf("ExpandString(%q) = %q, want %q", in.String(), got, want.String())
		}
	})
}
