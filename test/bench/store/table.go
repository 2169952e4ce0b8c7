package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
)

// sample is what one round of a row measured.
type sample struct {
	// Value is in the row's unit: operations a second, or ms, MiB, s.
	Value float64
	// Way is how the side did it, when it has several ways.
	Way        string        `json:",omitempty"`
	P50, P99   time.Duration `json:",omitempty"`
	Operations int           `json:",omitempty"`
	// CPU is what all members spent, ClientCPU what this process did.
	CPU, ClientCPU time.Duration `json:",omitempty"`
	Note           string        `json:",omitempty"`
}

// line is one row of the table.
type line struct {
	Work string
	// Goal is how many times better Kaji is meant to be; 0 when there is none.
	Goal float64 `json:",omitempty"`
	// Less says that the smaller figure is the better one.
	Less bool
	// Latency rows are compared by p50 and p99.
	Latency bool
	Samples map[string][]sample // by side
}

// table gathers what the rounds measured.
type table struct {
	sides []side
	lines []*line
	disk  []sample
	notes []string
	title string
}

func newTable(sides []side) *table { return &table{sides: sides} }

func (t *table) line(work string) *line {
	for _, l := range t.lines {
		if l.Work == work {
			return l
		}
	}
	l := &line{Work: work, Samples: map[string][]sample{}}
	t.lines = append(t.lines, l)
	return l
}

// add takes in what a round of a row measured.
func (t *table) add(s side, r *row, v sample) {
	l := t.line(r.what)
	l.Goal, l.Latency = r.goal, r.latency
	l.Samples[s.name()] = append(l.Samples[s.name()], v)
}

// figure takes in one figure of which less is better.
func (t *table) figure(s side, work string, goal, value float64) {
	l := t.line(work)
	l.Goal, l.Less = goal, true
	l.Samples[s.name()] = append(l.Samples[s.name()], sample{Value: value})
}

func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

// finish writes down what was run.
func (t *table) finish(p parameters, took time.Duration, err error) {
	early := ""
	if err != nil {
		early = ", ended early"
	}
	t.title = fmt.Sprintf("%d members each, %d rounds of %s in turns, %d connections, %d for watchers, %d CPUs, %.0f s%s",
		members, p.rounds, p.span, p.connections, p.watchConns, runtime.NumCPU(), took.Seconds(), early)
}

// median is the middle of each figure of some samples.
func median(samples []sample) sample {
	var m sample
	if len(samples) == 0 {
		return m
	}
	m.Way, m.Note = samples[0].Way, samples[0].Note
	m.Value = middle(samples, func(s sample) float64 { return s.Value })
	m.P50 = time.Duration(middle(samples, func(s sample) float64 { return float64(s.P50) }))
	m.P99 = time.Duration(middle(samples, func(s sample) float64 { return float64(s.P99) }))
	for _, s := range samples {
		m.Operations += s.Operations
		m.CPU += s.CPU
		m.ClientCPU += s.ClientCPU
	}
	return m
}

func middle(samples []sample, of func(sample) float64) float64 {
	var v []float64
	for _, s := range samples {
		v = append(v, of(s))
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// best gives the medians of the way that a side does best.
func (l *line) best(side string) (best sample, ok bool) {
	ways := map[string][]sample{}
	for _, s := range l.Samples[side] {
		ways[s.Way] = append(ways[s.Way], s)
	}
	for _, samples := range ways {
		if m := median(samples); !ok || (m.Value > best.Value) != l.Less {
			best, ok = m, true
		}
	}
	return best, ok
}

// print writes the table in Markdown: medians of the rounds, and how many times better the first side is than the others.
func (t *table) print(w io.Writer) {
	first := t.sides[0].name()
	head := []string{"work"}
	for _, s := range t.sides {
		head = append(head, s.name())
	}
	for _, s := range t.sides[1:] {
		head = append(head, first+" is better than "+s.name()+" by")
	}
	head = append(head, "goal")
	for _, s := range t.sides {
		head = append(head, "p50 / p99 ms "+s.name())
	}
	for _, s := range t.sides {
		head = append(head, "CPU s per 10,000 "+s.name())
	}
	fmt.Fprintf(w, "%s.\n\n| %s |\n|%s\n", t.title, strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, l := range t.lines {
		t.printLine(w, l)
	}
	if len(t.disk) > 0 {
		d := median(t.disk)
		cells := make([]string, len(head))
		cells[0], cells[1] = "the disk: 4 KiB append + fdatasync, one at a time", fmt.Sprintf("%s /s, p50 / p99 %.2f / %.2f ms", number(d.Value), ms(d.P50), ms(d.P99))
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	for _, l := range t.lines {
		for _, s := range t.sides {
			if m, ok := l.best(s.name()); ok && (m.Way != "" || m.Note != "") {
				fmt.Fprintf(w, "\n%s, %s: %s.\n", l.Work, s.name(), strings.Trim(m.Way+", "+m.Note, ", "))
			}
		}
	}
	for _, n := range t.notes {
		fmt.Fprintf(w, "\n%s.\n", n)
	}
}

func (t *table) printLine(w io.Writer, l *line) {
	var values, ratios, times, spent []string
	first, _ := l.best(t.sides[0].name())
	for i, s := range t.sides {
		m, ok := l.best(s.name())
		if !ok {
			return
		}
		unit := " /s"
		if l.Less {
			unit = ""
		}
		values = append(values, number(m.Value)+unit)
		if i > 0 {
			ratios = append(ratios, l.ratio(first, m))
		}
		times, spent = append(times, percentiles(m)), append(spent, perTenThousand(m))
	}
	goal := ""
	if l.Goal > 0 {
		goal = fmt.Sprintf("%g ×", l.Goal)
	}
	cells := slices.Concat([]string{l.Work}, values, ratios, []string{goal}, times, spent)
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}

// ratio says how many times better a is than b.
func (l *line) ratio(a, b sample) string {
	switch {
	case l.Latency:
		return fmt.Sprintf("p50 %.2f ×, p99 %.2f ×", float64(b.P50)/float64(a.P50), float64(b.P99)/float64(a.P99))
	case l.Less:
		return fmt.Sprintf("%.2f ×", b.Value/a.Value)
	}
	return fmt.Sprintf("%.2f ×", a.Value/b.Value)
}

func percentiles(m sample) string {
	if m.P50 == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f / %.2f", ms(m.P50), ms(m.P99))
}

// perTenThousand is CPU seconds of all members for 10,000 operations.
func perTenThousand(m sample) string {
	if m.Operations == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g", m.CPU.Seconds()*10_000/float64(m.Operations))
}

func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// json writes everything that was measured, durations in nanoseconds.
func (t *table) json(w io.Writer) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(struct {
		Run   string
		Rows  []*line
		Disk  []sample
		Notes []string
	}{t.title, t.lines, t.disk, t.notes})
}
