package main

import (
	"fmt"
	"io"
	"slices"
)

// better says which of two figures is the better one.
type better int

const (
	more better = iota
	less
)

// table gathers what the rounds measured.
type table struct {
	sides []side
	order []string
	rows  map[string]*row
	notes []string
}

type row struct {
	better better
	values map[string][]float64 // by side, one for each round
	spent  map[string]usage     // by side, all rounds
}

func newTable(sides []side) *table { return &table{sides: sides, rows: map[string]*row{}} }

func (t *table) add(s side, what string, b better, value float64, spent usage) {
	r := t.rows[what]
	if r == nil {
		r = &row{better: b, values: map[string][]float64{}, spent: map[string]usage{}}
		t.rows[what] = r
		t.order = append(t.order, what)
	}
	r.values[s.name()] = append(r.values[s.name()], value)
	r.spent[s.name()] = r.spent[s.name()].plus(spent)
}

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// print writes the table in Markdown: medians of the rounds, and how many times better Kaji is.
func (t *table) print(w io.Writer) {
	kaji, peer := t.sides[0].name(), t.sides[1].name()
	fmt.Fprintf(w, "| work | %s | %s | Kaji is better by | CPU s %s (API server + store) | CPU s %s |\n|---|---|---|---|---|---|\n", kaji, peer, kaji, peer)
	for _, what := range t.order {
		r := t.rows[what]
		if len(r.values[kaji]) == 0 || len(r.values[peer]) == 0 {
			continue
		}
		a, b := median(r.values[kaji]), median(r.values[peer])
		ratio := a / b
		if r.better == less {
			ratio = b / a
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.2f × | %s | %s |\n", what, figure(a), figure(b), ratio, r.spent[kaji], r.spent[peer])
	}
	for _, n := range t.notes {
		fmt.Fprintf(w, "\n%s.\n", n)
	}
}

// String writes the two figures; nothing when they were not measured.
func (u usage) String() string {
	if u.total() == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f + %.1f", u.api.Seconds(), u.store.Seconds())
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

func figure(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}
