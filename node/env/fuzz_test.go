package env

import (
	"strings"
	"testing"
)

// FuzzExpand expands anything. Text without $ stays; with every reference unknown, only $$ changes.
func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"$(A)", "$$(A)", "$(", "$", "$(A", "a$(B)c$$$(A)", "$()", "$($(A))"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value := func(name string) (string, bool) { return "<" + name + ">", name == "A" }
		got := ExpandString(text, value)
		if !strings.Contains(text, "$") && got != text {
			t.Fatalf("%q became %q", text, got)
		}
		none := ExpandString(text, func(string) (string, bool) { return "", false })
		if !strings.Contains(text, "$$") && none != text {
			t.Fatalf("%q without variables became %q", text, none)
		}
		if escaped := ExpandString(strings.ReplaceAll(text, "$", "$$"), value); escaped != text {
			t.Fatalf("%q escaped became %q", text, escaped)
		}
	})
}

// FuzzEnvFile reads any file of variables. What is found stands in it.
func FuzzEnvFile(f *testing.F) {
	for _, seed := range []string{"A=b\n", "# c\n\nA = 'x\ny' # z\nB=", "A='", "=x", "A", "A='a'b", "A=\x00"} {
		f.Add([]byte(seed), "A")
	}
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		value, found, err := envFileValue(data, key)
		if found && (err != nil || !strings.Contains(string(data), strings.SplitN(value, "\n", 2)[0]) || !strings.Contains(string(data), key)) {
			t.Fatalf("%q in %q is %q, %v", key, data, value, err)
		}
		if !found && value != "" {
			t.Fatalf("not found, and %q", value)
		}
	})
}
