package env

import (
	"bytes"
	"fmt"
	"strings"
)

// maxEnvFile bounds the files that fileKeyRef reads, in bytes.
const maxEnvFile = 64 << 10

// envFileValue finds a key in a file of NAME=value lines. Empty lines and lines
// that start with # are skipped, blanks around name and value are dropped, and a
// value may stand in single quotes (taken as it is, over several lines if need be),
// which are dropped. The first definition of a name counts.
func envFileValue(data []byte, key string) (value string, found bool, err error) {
	if bytes.IndexByte(data, 0) >= 0 {
		return "", false, fmt.Errorf("holds a NUL byte")
	}
	rest := string(data)
	for number := 1; rest != ""; number++ {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, text, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return "", false, fmt.Errorf("line %d is not NAME=value", number)
		}
		text = strings.TrimSpace(text)
		if strings.HasPrefix(text, "'") {
			start := number
			for !strings.Contains(text[1:], "'") {
				if rest == "" {
					return "", false, fmt.Errorf("line %d opens a quote that nothing closes", start)
				}
				line, rest, _ = strings.Cut(rest, "\n")
				text += "\n" + line
				number++
			}
			quoted, after, _ := strings.Cut(text[1:], "'")
			if after = strings.TrimSpace(after); after != "" && !strings.HasPrefix(after, "#") {
				return "", false, fmt.Errorf("line %d goes on after its closing quote", number)
			}
			text = quoted
		}
		if name == key {
			return text, true, nil
		}
	}
	return "", false, nil
}
