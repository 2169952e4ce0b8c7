// Package similar finds the word that was probably meant, for errors that suggest one.
//
// Its functions are pure and may be used concurrently.
package similar

import (
	"sort"
	"strings"
)

// Distance is the number of slips between two words: a letter too many, too few, wrong, or two swapped
// (optimal string alignment). Words over 64 bytes are as far apart as can be.
func Distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			n := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				n = min(n, rows[i-1][j], rows[i][j-1]) + 1
			}
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				n = min(n, rows[i-2][j-2]+1)
			}
			rows[i][j] = n
		}
	}
	return rows[len(a)][len(b)]
}

// Best returns the candidate that word was probably meant to be: one that differs only in case, or by one
// slip, or in longer words by two. It is empty when no candidate is close.
func Best(word string, candidates []string) string {
	sorted := append([]string(nil), candidates...)
	sort.Strings(sorted)
	best, limit := "", 3
	if len(word) < 5 {
		limit = 2
	}
	for _, c := range sorted {
		if strings.EqualFold(c, word) {
			return c
		}
		if n := Distance(word, c); n < limit {
			best, limit = c, n
		}
	}
	return best
}
