package logs

import (
	"bytes"
	"io"
	"os"
)

// tailOffset is where the last n lines of a file begin. Lines of the file are
// counted in which the container's output ends a line.
func tailOffset(f io.ReaderAt, size, n int64) (int64, error) {
	if n == 0 {
		return size, nil
	}
	const block = 32 << 10
	buf := make([]byte, block)
	end := size
	var rest []byte // the beginning of the line that goes on after the block
	found := int64(0)
	for end > 0 {
		begin := max(0, end-block)
		b := buf[:end-begin]
		if _, err := f.ReadAt(b, begin); err != nil && err != io.EOF {
			return 0, err
		}
		chunk := append(append([]byte{}, b...), rest...)
		at := len(chunk)
		for at > 0 {
			i := bytes.LastIndexByte(chunk[:at-1], '\n')
			if i < 0 && begin > 0 {
				break
			}
			// The line that begins after i; it counts if it ends a line of
			// output, or if it is the last of all.
			l, err := parse(chunk[i+1 : at])
			if last := begin+int64(at) == size; err == nil && (l.whole || last) {
				if found == n {
					return begin + int64(at), nil
				}
				found++
			}
			at = i + 1
		}
		rest = append([]byte{}, chunk[:at]...)
		end = begin
	}
	return 0, nil
}

// Tail gives the text of the last lines of a log, at most so many lines and
// bytes; "" when it cannot be read.
func Tail(path string, lines, limit int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return ""
	}
	from, err := tailOffset(f, st.Size(), lines)
	if err != nil {
		return ""
	}
	raw, err := io.ReadAll(io.NewSectionReader(f, from, st.Size()-from))
	if err != nil {
		return ""
	}
	var out []byte
	for l := range bytes.Lines(raw) {
		p, err := parse(l)
		if err != nil {
			continue
		}
		out = append(out, p.text...)
		if p.whole {
			out = append(out, '\n')
		}
	}
	if over := int64(len(out)) - limit; over > 0 {
		out = out[over:]
	}
	return string(out)
}
