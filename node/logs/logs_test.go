package logs

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// entry is a line as a runtime writes it.
func entry(second int, stream, tag, text string) string {
	return epoch.Add(time.Duration(second)*time.Second).Format(time.RFC3339Nano) + " " + stream + " " + tag + " " + text + "\n"
}

func write(t interface {
	Helper()
	Fatal(...any)
}, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

func read(path string, o Options) (string, error) {
	var out strings.Builder
	err := Read(context.Background(), path, o, func() bool { return false }, func(b []byte) error { out.Write(b); return nil })
	return out.String(), err
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path, entry(0, "stdout", "F", "one")+entry(1, "stderr", "F", "two")+entry(2, "stdout", "P", "thr")+entry(2, "stdout", "F", "ee")+
		"torn\n"+entry(3, "stdout", "F", "")+entry(4, "stdout", "F", "five"))
	for name, c := range map[string]struct {
		o    Options
		want string
	}{
		"all":                {Options{Tail: -1}, "one\ntwo\nthree\n\nfive\n"},
		"none":               {Options{Tail: 0}, ""},
		"tail":               {Options{Tail: 3}, "three\n\nfive\n"},
		"more than there is": {Options{Tail: 99}, "one\ntwo\nthree\n\nfive\n"},
		"stream":             {Options{Tail: -1, Stream: "stderr"}, "two\n"},
		"since":              {Options{Tail: -1, Since: epoch.Add(3 * time.Second)}, "\nfive\n"},
		"limit":              {Options{Tail: -1, Limit: 6}, "one\ntw"},
		"limit at the end":   {Options{Tail: 1, Limit: 5}, "five\n"},
		"timestamps":         {Options{Tail: 3, Timestamps: true}, "2026-01-02T03:04:07Z three\n2026-01-02T03:04:08Z \n2026-01-02T03:04:09Z five\n"},
	} {
		if got, err := read(path, c.o); err != nil || got != c.want {
			t.Errorf("%s: %q %v, want %q", name, got, err, c.want)
		}
	}
	if _, err := read(path+"x", Options{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a log that is not there: %v", err)
	}
	if got := Tail(path, 2, 100); got != "\nfive\n" {
		t.Errorf("Tail: %q", got)
	}
	if got := Tail(path, 80, 3); got != "ve\n" {
		t.Errorf("Tail by bytes: %q", got)
	}
}

// TestTailIsTheEnd compares tails of any log with its last lines.
func TestTailIsTheEnd(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		var file strings.Builder
		var lines []string
		for range rapid.IntRange(0, 30).Draw(t, "lines") {
			text := strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 7, 9000, 40000}).Draw(t, "length"))
			parts := rapid.IntRange(0, 2).Draw(t, "parts")
			line := ""
			for p := range parts {
				part := fmt.Sprint("p", p, text)
				file.WriteString(entry(0, "stdout", "P", part))
				line += part
			}
			file.WriteString(entry(0, "stdout", "F", text))
			lines = append(lines, line+text)
		}
		write(t, path, file.String())
		defer os.Remove(path)
		k := rapid.IntRange(0, 35).Draw(t, "tail")
		want := strings.Join(lines[max(0, len(lines)-k):], "\n")
		if len(lines) > 0 && k > 0 {
			want += "\n"
		}
		if got, err := read(path, Options{Tail: int64(k)}); err != nil || got != want {
			t.Fatalf("tail %d of %d: %d bytes, want %d (%v)", k, len(lines), len(got), len(want), err)
		}
	})
}

// follower reads a log in the background.
type follower struct {
	t     *testing.T
	got   chan string
	end   chan error
	alive chan bool
}

func follow(t *testing.T, path string) *follower {
	f := &follower{t: t, got: make(chan string, 100), end: make(chan error, 1), alive: make(chan bool, 1)}
	f.alive <- true
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	go func() {
		f.end <- Read(ctx, path, Options{Follow: true, Tail: -1}, func() bool { v := <-f.alive; f.alive <- v; return v },
			func(b []byte) error { f.got <- string(b); return nil })
	}()
	return f
}

func (f *follower) expect(want string) {
	f.t.Helper()
	var sofar string
	for len(sofar) < len(want) {
		select {
		case s := <-f.got:
			sofar += s
		case err := <-f.end:
			f.t.Fatalf("ended after %q: %v", sofar, err)
		case <-time.After(20 * time.Second):
			f.t.Fatalf("only %q", sofar)
		}
	}
	if sofar != want {
		f.t.Fatalf("%q, want %q", sofar, want)
	}
}

func TestFollowGoesOnAfterRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	write(t, path, entry(0, "stdout", "F", "one"))
	f := follow(t, path)
	f.expect("one\n")
	write(t, path, entry(1, "stdout", "F", "two"))
	f.expect("two\n")
	r := Rotator{MaxBytes: 1, MaxFiles: 3, Now: func() time.Time { return epoch }}
	if err := r.Rotate(context.Background(), path, func(context.Context) error {
		// What the writer still had for the old file comes before it opens the new one.
		write(t, path+".20260102-030405.000", entry(2, "stdout", "F", "three"))
		write(t, path, entry(3, "stdout", "F", "four"))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	f.expect("three\nfour\n")
	write(t, path, entry(4, "stdout", "F", "five"))
	f.expect("five\n")
	<-f.alive
	f.alive <- false
	if err := <-f.end; err != nil {
		t.Error(err)
	}
}

func TestRotation(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "0.log")
	at := epoch
	r := Rotator{MaxBytes: 10, MaxFiles: 3, Now: func() time.Time { at = at.Add(time.Second); return at }}
	reopen := func(context.Context) error { write(t, path, ""); return nil }
	write(t, path, "short")
	if err := r.Rotate(context.Background(), path, reopen); err != nil || len(rotatedParts(path)) != 0 {
		t.Fatalf("a short log was rotated: %v", err)
	}
	for i := range 5 {
		write(t, path, fmt.Sprintf("a long line number %d", i))
		if err := r.Rotate(context.Background(), path, reopen); err != nil {
			t.Fatal(err)
		}
	}
	parts := rotatedParts(path)
	if len(parts) != 2 || !strings.HasSuffix(parts[0], ".gz") || strings.HasSuffix(parts[1], ".gz") {
		t.Fatalf("parts %v", parts)
	}
	f, err := os.Open(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || string(b) != "a long line number 3" {
		t.Errorf("%q %v", b, err)
	}
	write(t, path, "a long line to stay")
	if err := r.Rotate(context.Background(), path, func(context.Context) error { return errors.New("no") }); err == nil {
		t.Error("a failed reopening is no error")
	}
	if b, err := os.ReadFile(path); err != nil || !strings.HasSuffix(string(b), "stay") {
		t.Errorf("after a failed reopening: %q %v", b, err)
	}
	if err := Remove(path); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left: %v %v", entries, err)
	}
}
