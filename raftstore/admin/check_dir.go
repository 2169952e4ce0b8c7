package admin

import (
	"fmt"
	"time"

	"kaji.dev/kaji/raftstore"
)

// checkDirectory reads the directory of a member that does not run.
func checkDirectory(dir string) ([]finding, error) {
	d, err := raftstore.Inspect(dir)
	if err != nil {
		return nil, err
	}
	var out []finding
	add := func(check, result, format string, args ...any) {
		out = append(out, finding{check, result, fmt.Sprintf(format, args...)})
	}
	for i, s := range d.Snapshots {
		name := "snapshot"
		if i > 0 {
			name = "older snapshot"
		}
		if s.Err != nil {
			result := resultWarning
			if !d.Usable {
				result = resultProblem
			}
			add(name, result, "is damaged: %s", s.Err)
			continue
		}
		add(name, resultOK, "of %s, up to entry %d: revision %d, %d keys, %s", s.Time.Format(time.RFC3339), s.Index, s.Revision, s.Keys, size(s.Bytes))
	}
	if len(d.Snapshots) == 0 {
		add("snapshot", resultOK, "there is none yet")
	}
	if logErr := d.LogErr; logErr != nil {
		add("log", resultProblem, "%s", logErr)
	} else {
		torn := ""
		if d.Log.Torn {
			torn = "; it ends with a write that was not finished, which had not been acknowledged"
		}
		add("log", resultOK, "entries %d to %d in %d segments, %s%s", d.Log.First, d.Log.Last, len(d.Log.Segments), size(d.Log.Bytes), torn)
	}
	add("members", resultOK, "%s", names(d.Members))
	if !d.Usable {
		add("start", resultProblem, "the member cannot start from this; remove it from the store and add one under a new id with an empty directory")
	} else if len(d.Damage()) > 0 {
		add("start", resultOK, "the member starts from the older snapshot and the log after it")
	}
	return out, nil
}
