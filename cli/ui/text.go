package ui

import (
	"strings"
	"unicode"
)

const (
	// maxLines is how much of a text that grows is kept, the newest.
	maxLines = 10_000
	// maxLine cuts lines off that are longer, in characters.
	maxLine = 4096
)

// text is a description, a manifest or a log.
type text struct {
	number int
	title  string
	lines  []string
	// open is set when the last line has no end yet.
	open   bool
	loaded bool
	ended  bool
	err    error
	// top and left are what is seen first; with tail the end is kept in sight.
	top, left   int
	grows, tail bool

	object     Ref
	containers []string
	container  int
}

func (t *text) take(msg Text) {
	if msg.Number != t.number {
		return
	}
	t.loaded = true
	if msg.Err != nil {
		t.err = msg.Err
	}
	t.ended = t.ended || msg.Ended
	if !msg.More {
		t.lines, t.open = nil, false
	}
	for i, piece := range strings.SplitAfter(msg.Body, "\n") {
		if piece == "" {
			continue
		}
		line := plain(strings.TrimSuffix(piece, "\n"))
		if i == 0 && t.open {
			t.lines[len(t.lines)-1] = cut(t.lines[len(t.lines)-1] + line)
		} else {
			t.lines = append(t.lines, cut(line))
		}
		t.open = !strings.HasSuffix(piece, "\n")
	}
	if over := len(t.lines) - maxLines; over > 0 {
		t.lines = append([]string(nil), t.lines[over:]...)
		t.top = max(t.top-over, 0)
	}
}

// first is the first line seen on a page of that many.
func (t *text) first(page int) int {
	last := max(len(t.lines)-page, 0)
	if t.tail {
		return last
	}
	return min(t.top, last)
}

// move scrolls; to move up in a log stops following its end, to come to the end follows it again.
func (t *text) move(by, page int) {
	last := max(len(t.lines)-page, 0)
	t.top = min(max(t.first(page)+by, 0), last)
	t.tail = t.grows && t.top == last && by > 0
}

func cut(s string) string {
	if r := []rune(s); len(r) > maxLine {
		return string(r[:maxLine])
	}
	return s
}

// plain is a text without what would move the cursor or change colours: it comes from programs that are not trusted.
func plain(s string) string {
	s = strings.ReplaceAll(s, "\t", "    ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}
