package logs

import (
	"bytes"
	"testing"
)

// FuzzLine reads any line of a log. One that is read can be put together again.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		"2026-01-02T15:04:05.999999999Z stdout F text\n", "2026-01-02T15:04:05Z stderr P part", "x y F", "x y F:tag z", "", " ", "  F ", "2026-01-02T15:04:05Z stdout Q text",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		l, err := parse(in)
		if err != nil {
			return
		}
		tag := "P"
		if l.whole {
			tag = "F"
		}
		again, err := parse(bytes.Join([][]byte{l.stamp, l.stream, []byte(tag), l.text}, []byte(" ")))
		if err != nil || !bytes.Equal(again.text, bytes.TrimSuffix(l.text, []byte("\n"))) && !bytes.Equal(again.text, l.text) || again.whole != l.whole {
			t.Fatalf("%q is %q, which reads as %q, %v", in, l.text, again.text, err)
		}
		_, _ = l.time()
	})
}
