package manifest

import (
	"fmt"
	"strings"
)

// FieldError is one thing wrong with an input.
type FieldError struct {
	// Source is the file, or what the input is called; may be empty.
	Source string
	// Line and Column count from 1; 0 when unknown.
	Line, Column int
	// Path is the field as users write it: spec.containers[0].image. Empty for the document itself.
	Path string
	// Message says what is wrong and, where it can, what would be right.
	Message string
}

func (e *FieldError) Error() string {
	var b strings.Builder
	if e.Source != "" {
		b.WriteString(e.Source)
		if e.Line > 0 {
			fmt.Fprintf(&b, ":%d", e.Line)
		}
		b.WriteString(": ")
	} else if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.Path != "" {
		b.WriteString(e.Path + ": ")
	}
	b.WriteString(e.Message)
	return b.String()
}

// Errors is everything wrong with an input, in order of appearance; never empty.
type Errors []*FieldError

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}
