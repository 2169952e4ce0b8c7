package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// runs are the command lines of kaji that were run and did what they were for.
var runs struct {
	mu    sync.Mutex
	lines [][]string
}

// ran takes note of a command line that succeeded; 1 is how diff says that there are differences.
func ran(args []string, err error) {
	differs := len(args) > 0 && args[0] == "diff" && exitCode(err) == 1
	if err != nil && !differs {
		return
	}
	runs.mu.Lock()
	defer runs.mu.Unlock()
	runs.lines = append(runs.lines, slices.Clone(args))
}

// TestMain looks, when all tests were run and passed, whether every command of kaji was among what they ran. The
// services are: `kaji up` runs them. cmd/kaji has a test that finds in the sources what is missing, in a moment.
func TestMain(m *testing.M) {
	code := m.Run()
	all := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == "" && !testing.Short()
	if code == 0 && all && os.Geteuid() == 0 {
		if missing, err := neverRun(); err != nil || len(missing) > 0 {
			fmt.Fprintf(os.Stderr, "FAIL: commands that no end-to-end test ran with success: %s %v\n", strings.Join(missing, ", "), err)
			code = 1
		}
	}
	os.Exit(code)
}

func neverRun() ([]string, error) {
	out, err := exec.Command(filepath.Join(repo, "bin/kaji"), "docs", "--list").Output()
	if err != nil {
		return nil, err
	}
	done := map[string]bool{}
	all := lines(string(out))
	for _, args := range runs.lines {
		found, path := "", "kaji"
		for _, arg := range args {
			path += " " + arg
			if slices.Contains(all, path) {
				found = path
			}
		}
		done[found] = true
	}
	return slices.DeleteFunc(all, func(path string) bool { return done[path] }), nil
}
