package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"kaji.dev/kaji/cli/reference"
)

// TestCommandsAreExercised finds a run of every command in the sources of the end-to-end tests: a call with the
// command's words as its first strings, or a list that begins with them. That the run succeeds is for those tests; runs
// that are meant to fail do not count. test/e2e checks on the way that what was found here has really been run.
func TestCommandsAreExercised(t *testing.T) {
	leaves := map[string]bool{}
	for _, path := range reference.Verbs(program(t)) {
		leaves[path] = false
	}
	files, err := filepath.Glob("../../test/e2e/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no end-to-end tests: %v", err)
	}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			var args []ast.Expr
			switch n := n.(type) {
			case *ast.CallExpr:
				if name, ok := n.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(name.Sel.Name, "fails") {
					return false
				}
				args = n.Args
			case *ast.CompositeLit:
				args = n.Elts
			}
			if path := longest(leaves, words(args)); path != "" {
				leaves[path] = true
			}
			return true
		})
	}
	for path, done := range leaves {
		if !done {
			t.Errorf("%s is not run by any test in test/e2e", path)
		}
	}
}

// words are the first strings among expressions, as far as they follow each other.
func words(args []ast.Expr) []string {
	var out []string
	for _, a := range args {
		lit, ok := a.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			if len(out) > 0 {
				break
			}
			continue
		}
		word, err := strconv.Unquote(lit.Value)
		if err != nil {
			break
		}
		out = append(out, word)
	}
	return out
}

// longest is the command whose path the words begin with.
func longest(leaves map[string]bool, words []string) string {
	found, path := "", "kaji"
	for _, w := range words {
		path += " " + w
		if _, ok := leaves[path]; ok {
			found = path
		}
	}
	return found
}
