// Package linediff compares texts line by line and writes the difference in the unified format.
//
// It owns nothing but that: which texts to compare, and what of them to hide, is the caller's part. Its function
// may be called concurrently.
package linediff

import (
	"fmt"
	"strings"
)

// around is how many equal lines are shown before and after a change.
const around = 3

// maxCells bounds the table that the longest common sequence is found with. Texts that differ in more are shown
// as replaced whole.
const maxCells = 16 << 20

// line is one line of the result: ' ' for one in both texts, '-' for one in the first, '+' in the second only.
type line struct {
	sign byte
	text string
}

// Unified returns the difference between two texts, with names for the two; empty when they are equal.
func Unified(fromName, toName, from, to string) string {
	if from == to {
		return ""
	}
	all := compare(split(from), split(to))
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", fromName, toName)
	fromLine, toLine := 1, 1
	for i := 0; i < len(all); {
		start, end := hunk(all, i)
		if start == end {
			break
		}
		for ; i < start; i++ {
			fromLine++
			toLine++
		}
		var fromCount, toCount int
		for _, l := range all[start:end] {
			if l.sign != '+' {
				fromCount++
			}
			if l.sign != '-' {
				toCount++
			}
		}
		fmt.Fprintf(&b, "@@ -%s +%s @@\n", position(fromLine, fromCount), position(toLine, toCount))
		for ; i < end; i++ {
			b.WriteByte(all[i].sign)
			b.WriteString(all[i].text + "\n")
		}
		fromLine += fromCount
		toLine += toCount
	}
	return b.String()
}

// position is where a hunk begins and how long it is. One without lines stands after the line before it.
func position(first, count int) string {
	switch count {
	case 0:
		return fmt.Sprintf("%d,0", first-1)
	case 1:
		return fmt.Sprint(first)
	}
	return fmt.Sprintf("%d,%d", first, count)
}

// hunk finds the next changes from i on with the lines around them; changes that are near belong together.
func hunk(all []line, i int) (start, end int) {
	first := i
	for first < len(all) && all[first].sign == ' ' {
		first++
	}
	if first == len(all) {
		return first, first
	}
	last := first
	for j := first; j < len(all) && j <= last+2*around+1; j++ {
		if all[j].sign != ' ' {
			last = j
		}
	}
	return max(i, first-around), min(len(all), last+1+around)
}

// split cuts a text into lines; a missing end of the last line makes no difference.
func split(text string) []string {
	text = strings.TrimSuffix(text, "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// compare lists the lines of both texts, equal ones once.
func compare(a, b []string) []line {
	var head, tail []line
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		head = append(head, line{' ', a[0]})
		a, b = a[1:], b[1:]
	}
	end := 0
	for end < len(a) && end < len(b) && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	for _, text := range a[len(a)-end:] {
		tail = append(tail, line{' ', text})
	}
	a, b = a[:len(a)-end], b[:len(b)-end]
	return append(append(head, middle(a, b)...), tail...)
}

// middle compares what is left when equal ends are cut off, by the longest common sequence of lines.
func middle(a, b []string) []line {
	var out []line
	i, j := 0, 0
	if len(a)*len(b) <= maxCells {
		width := len(b) + 1
		common := make([]int32, (len(a)+1)*width)
		for i := len(a) - 1; i >= 0; i-- {
			for j := len(b) - 1; j >= 0; j-- {
				if a[i] == b[j] {
					common[i*width+j] = common[(i+1)*width+j+1] + 1
				} else {
					common[i*width+j] = max(common[(i+1)*width+j], common[i*width+j+1])
				}
			}
		}
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				out = append(out, line{' ', a[i]})
				i, j = i+1, j+1
			case common[(i+1)*width+j] >= common[i*width+j+1]:
				out = append(out, line{'-', a[i]})
				i++
			default:
				out = append(out, line{'+', b[j]})
				j++
			}
		}
	}
	for ; i < len(a); i++ {
		out = append(out, line{'-', a[i]})
	}
	for ; j < len(b); j++ {
		out = append(out, line{'+', b[j]})
	}
	return out
}
