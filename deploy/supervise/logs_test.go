package supervise

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

func TestLogsAreBounded(t *testing.T) {
	s := &Supervisor{LogDir: t.TempDir(), Log: hclog.NewNullLogger()}
	path := func(name string) string { return filepath.Join(s.LogDir, name) }
	writer, err := os.OpenFile(path("long.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	print := func(text string) {
		if _, err := writer.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path("short.log"), []byte("short"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, round := range []string{"a", "b"} {
		print("old" + strings.Repeat(round, 10))
		if err := s.rotate(10); err != nil {
			t.Fatal(err)
		}
		print("new")
		for name, want := range map[string]string{"long.log": "new", "long.log.1": strings.Repeat(round, 10), "short.log": "short"} {
			if got, err := os.ReadFile(path(name)); err != nil || string(got) != want {
				t.Errorf("%s holds %q, want %q (%v)", name, got, want, err)
			}
		}
	}
	if _, err := os.Stat(path("short.log.1")); err == nil {
		t.Error("a short log was put aside")
	}
}
