package logs

import (
	"os"
	"path/filepath"
	"sort"
)

// Remove removes a log and its rotated parts. A log that is not there is no error.
func Remove(path string) error {
	for _, p := range append(rotatedParts(path), path) {
		if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}

// rotatedParts are the older parts of a log, oldest first.
func rotatedParts(path string) []string {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if n := e.Name(); len(n) > len(base)+1 && n[:len(base)+1] == base+"." {
			out = append(out, filepath.Join(dir, n))
		}
	}
	sort.Strings(out)
	return out
}
