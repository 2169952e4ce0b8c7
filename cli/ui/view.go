package ui

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"kaji.dev/kaji/cli/printers"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

var (
	styleBar    = lipgloss.NewStyle().Reverse(true).Bold(true)
	styleHead   = lipgloss.NewStyle().Bold(true)
	styleChosen = lipgloss.NewStyle().Reverse(true)
	styleBad    = lipgloss.NewStyle().Foreground(lipgloss.Red)
	styleWait   = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	styleFaint  = lipgloss.NewStyle().Faint(true)
	styleNone   = lipgloss.NewStyle()
)

// rowsShown is how many objects fit: beside them are the title, the headings, the note and the keys.
func (m *Model) rowsShown() int { return max(m.height-4, 1) }

// linesShown is how many lines of a text fit.
func (m *Model) linesShown() int { return max(m.height-3, 1) }

// View is the screen: as many lines as it is high, none wider than it is.
func (m *Model) View() string {
	var lines []string
	if m.mode == modeText {
		lines = m.viewText()
	} else {
		lines = m.viewTable()
	}
	lines = append(lines, m.foot()...)
	if len(lines) > m.height {
		lines = lines[:m.height]
	}
	return strings.Join(lines, "\n")
}

// line is a text in exactly the width of the screen.
func (m *Model) line(style lipgloss.Style, s string) string {
	s = ansi.Truncate(s, m.width, "…")
	return style.Render(s + strings.Repeat(" ", max(m.width-ansi.StringWidth(s), 0)))
}

func (m *Model) where() string {
	switch {
	case !m.kind.Namespaced():
		return "cluster"
	case m.namespace == "":
		return "all namespaces"
	}
	return "namespace " + m.namespace
}

func (m *Model) viewTable() []string {
	count := fmt.Sprint(m.table.len())
	if m.table.wanted != "" {
		count = fmt.Sprintf("%d of %d, /%s", m.table.len(), len(m.table.objects), plain(m.table.wanted))
	}
	lines := []string{m.line(styleBar, fmt.Sprintf(" kaji · %s · %s · %s ", m.kind.Plural(), m.where(), count))}
	rows := m.rowsShown()
	window := m.table.window(rows)
	head := printers.Headings(m.kind, m.table.options(m.now))
	if m.showsNodes() {
		head = append(head, nodeHeadings...)
	}
	all := [][]string{head}
	for _, key := range window {
		cells := m.table.cells(m.table.objects[key], m.now)
		if m.showsNodes() {
			cells = append(cells, m.nodeCells(m.table.objects[key])...)
		}
		all = append(all, cells)
	}
	widths := fit(all, m.width)
	lines = append(lines, m.line(styleHead, join(head, widths)))
	for i, key := range window {
		style := tone(m.table.objects[key])
		if key == m.table.key {
			style = styleChosen
		}
		lines = append(lines, m.line(style, join(all[i+1], widths)))
	}
	if len(window) == 0 {
		what := "loading…"
		if m.loaded {
			what = "there are none"
		}
		lines = append(lines, m.line(styleFaint, " "+what))
		rows--
	}
	for range rows - len(window) {
		lines = append(lines, m.line(styleNone, ""))
	}
	return lines
}

// fit gives each column the width of its widest cell, and takes from the widest what is too much for the screen.
func fit(rows [][]string, width int) []int {
	var out []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(out) {
				out = append(out, 0)
			}
			out[i] = max(out[i], ansi.StringWidth(cell))
		}
	}
	total := 2 * max(len(out)-1, 0)
	for _, w := range out {
		total += w
	}
	for ; total > width; total-- {
		widest := 0
		for i := range out {
			if out[i] > out[widest] {
				widest = i
			}
		}
		if len(out) == 0 || out[widest] <= minColumn {
			break
		}
		out[widest]--
	}
	return out
}

// minColumn is what no column is made narrower than to fit the screen.
const minColumn = 8

func join(cells []string, widths []int) string {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		cell = ansi.Truncate(cell, widths[i], "…")
		b.WriteString(cell)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", max(widths[i]-ansi.StringWidth(cell), 0)))
		}
	}
	return b.String()
}

// tone is the colour of an object: what is wrong, what is on its way, what is over.
func tone(o kind.Object) lipgloss.Style {
	switch o := o.(type) {
	case *corev1.Pod:
		switch status := printers.PodStatus(o); {
		case status == "Running":
			for _, c := range o.GetStatus().GetConditions() {
				if c.GetType() == "Ready" && c.GetStatus() != "True" {
					return styleWait
				}
			}
		case status == "Completed" || status == "Succeeded":
			return styleFaint
		case status == "Pending" || status == "ContainerCreating" || status == "PodInitializing" || status == "Terminating" || strings.HasPrefix(status, "Init:"):
			return styleWait
		default:
			return styleBad
		}
	case *corev1.Node:
		for _, c := range o.GetStatus().GetConditions() {
			if c.GetType() == "Ready" && c.GetStatus() != "True" {
				return styleBad
			}
		}
		if o.GetSpec().GetUnschedulable() {
			return styleWait
		}
	case *corev1.Event:
		if o.GetType() == "Warning" {
			return styleWait
		}
	}
	return styleNone
}

func (m *Model) viewText() []string {
	page := m.linesShown()
	first := m.text.first(page)
	place := ""
	if n := len(m.text.lines); n > 0 {
		place = fmt.Sprintf(" · %d–%d of %d", first+1, min(first+page, n), n)
	}
	lines := []string{m.line(styleBar, " kaji · "+plain(m.text.title)+place+" ")}
	for _, s := range m.text.lines[first:min(first+page, len(m.text.lines))] {
		lines = append(lines, m.line(styleNone, ansi.TruncateLeft(s, m.text.left, "")))
	}
	if len(m.text.lines) == 0 {
		what := "loading…"
		if m.text.loaded {
			what = "nothing yet"
		}
		if m.text.ended {
			what = "nothing"
		}
		lines = append(lines, m.line(styleFaint, " "+what))
	}
	for len(lines) < page+1 {
		lines = append(lines, m.line(styleNone, ""))
	}
	return lines
}

// foot is what there is to say, and the keys.
func (m *Model) foot() []string {
	note, style := m.note, styleNone
	if m.bad {
		style = styleBad
	}
	keys := "↑↓ move  enter describe  y yaml  l logs  x delete  / filter  : kind  0 all  q quit"
	switch m.mode {
	case modeFilter:
		note, style, keys = "/"+plain(m.typed)+"▏", styleNone, "enter keep  esc clear"
	case modeCommand:
		note, style, keys = ":"+plain(m.typed)+"▏", styleNone, "KIND [NAMESPACE|all]  tab complete  enter go  esc back"
	case modeConfirm:
		note, style, keys = fmt.Sprintf("Delete %s? y/n", m.doomed), styleBad, "y delete  any other key keeps it"
	case modeText:
		keys = "↑↓←→ scroll  g top  G end  q back"
		if m.text.grows {
			keys = "↑↓←→ scroll  f follow  c next container  q back"
		}
		switch {
		case m.text.err != nil:
			note, style = plain(m.text.err.Error()), styleBad
		case m.text.ended:
			note, style = "the container has ended", styleFaint
		case m.text.tail:
			note, style = "following", styleFaint
		default:
			note = ""
		}
	}
	if m.lost != nil && m.mode != modeFilter && m.mode != modeCommand && m.mode != modeConfirm {
		note, style = "connection lost, trying again: "+plain(m.lost.Error()), styleBad
	}
	return []string{m.line(style, note), m.line(styleFaint, keys)}
}
