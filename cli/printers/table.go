// Package printers turns objects into what a terminal shows: the tables of `get`, built from each kind's
// print columns.
//
// It owns the meaning of every ColumnFormat. It reads no clock and no network: the time of the print is
// handed in. Its functions are pure, except Table, which remembers column widths between rows and has one
// user at a time.
package printers

import (
	"io"
	"strings"
	"unicode/utf8"
)

const (
	none     = "<none>"
	unknown  = "<unknown>"
	minWidth = 3
	gap      = 3
)

// Table writes aligned rows. Widths only grow, so rows that come later, from a watch, keep the columns.
type Table struct {
	out    io.Writer
	widths []int
	colour bool
}

// InColour makes cells that say how things are have the colour of it. It returns the table.
func (t *Table) InColour(yes bool) *Table {
	t.colour = yes
	return t
}

// NewTable makes a table that writes to out.
func NewTable(out io.Writer) *Table { return &Table{out: out} }

// Write writes rows, aligned with each other and with what was written before.
func (t *Table) Write(rows ...[]string) error {
	for _, row := range rows {
		for i, cell := range row {
			if i == len(t.widths) {
				t.widths = append(t.widths, minWidth)
			}
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		line := len(row) - 1
		for i, cell := range row {
			// One line per row, whatever a message holds.
			cell = strings.ReplaceAll(strings.TrimRight(cell, "\n"), "\n", " ")
			width := utf8.RuneCountInString(cell)
			if code := Colour(cell); t.colour && code != "" {
				cell = code + cell + plain
			}
			b.WriteString(cell)
			if i < line {
				b.WriteString(strings.Repeat(" ", t.widths[i]+gap-width))
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}
