package cli

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"

	"google.golang.org/protobuf/types/known/timestamppb"

	"kaji.dev/kaji/cli/printers"
)

// description writes fields below each other, values aligned, with the usual two spaces per level.
type description struct {
	raw io.Writer
	out *tabwriter.Writer
	err error
}

func newDescription(w io.Writer) *description {
	return &description{raw: w, out: tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)}
}

func (d *description) flush() error {
	if d.err != nil {
		return d.err
	}
	return d.out.Flush()
}

func (d *description) write(text string) {
	if _, err := io.WriteString(d.out, text); err != nil && d.err == nil {
		d.err = err
	}
}

func indent(level int) string { return strings.Repeat("  ", level) }

// field writes one value; of several lines, the later ones are indented below the first.
func (d *description) field(level int, name, value string) {
	if value == "" {
		value = "<none>"
	}
	lines := strings.Split(strings.TrimRight(value, "\n"), "\n")
	d.write(indent(level) + name + ":\t" + lines[0] + "\n")
	for _, l := range lines[1:] {
		d.write(indent(level) + "\t" + l + "\n")
	}
}

// some is field, left out when the value is empty.
func (d *description) some(level int, name, value string) {
	if value != "" {
		d.field(level, name, value)
	}
}

// heading begins a part.
func (d *description) heading(level int, name string) { d.write(indent(level) + name + ":\n") }

// text writes a line as it is, tabs and all.
func (d *description) text(level int, line string) {
	if d.err == nil {
		d.err = d.out.Flush()
	}
	if _, err := io.WriteString(d.raw, indent(level)+line+"\n"); err != nil && d.err == nil {
		d.err = err
	}
}

func (d *description) list(level int, name string, values []string) {
	d.field(level, name, strings.Join(values, "\n"))
}

func (d *description) pairs(level int, name string, m map[string]string) {
	d.list(level, name, sortedPairs(m))
}

// table writes rows below a heading; none is said as such.
func (d *description) table(level int, name string, rows [][]string) {
	if len(rows) < 2 {
		d.field(level, name, "<none>")
		return
	}
	// Cells of the table must not align with the fields above: the writer is flushed before and after.
	d.heading(level, name)
	if d.err == nil {
		d.err = d.out.Flush()
	}
	under := make([]string, len(rows[0]))
	for i, cell := range rows[0] {
		under[i] = strings.Repeat("-", len(cell))
	}
	all := append([][]string{rows[0], under}, rows[1:]...)
	for i := range all {
		all[i] = append([]string(nil), all[i]...)
		all[i][0] = indent(level+1) + all[i][0]
	}
	var b strings.Builder
	if err := printers.NewTable(&b).Write(all...); err != nil && d.err == nil {
		d.err = err
	}
	d.write(b.String())
	if d.err == nil {
		d.err = d.out.Flush()
	}
}

// when is a moment and how long ago it was.
func (d *describer) when(t *timestamppb.Timestamp) string {
	if t.GetSeconds() == 0 {
		return ""
	}
	moment := t.AsTime()
	ago := d.session.Now().Sub(moment)
	text := moment.UTC().Format("Mon, 02 Jan 2006 15:04:05 MST")
	if ago < 0 {
		return text
	}
	return fmt.Sprintf("%s (%s ago)", text, printers.Age(t, d.session.Now()))
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for key := range m {
		out = append(out, key)
	}
	sort.Strings(out)
	return out
}
