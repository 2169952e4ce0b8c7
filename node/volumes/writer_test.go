package volumes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func texts(kv ...string) map[string]file {
	out := map[string]file{}
	for i := 0; i < len(kv); i += 2 {
		out[kv[i]] = file{data: []byte(kv[i+1]), mode: 0o644}
	}
	return out
}

func TestWriteAtomically(t *testing.T) {
	dir := t.TempDir()
	write := func(files map[string]file) {
		t.Helper()
		if err := writeAtomically(dir, files, nil); err != nil {
			t.Fatal(err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		versions := 0
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "..") && e.IsDir() {
				versions++
			}
		}
		if versions != 1 {
			t.Errorf("%d versions on disk, want 1", versions)
		}
	}
	write(texts("a", "1", "d/x", "2", "d/e/y", "3"))
	wantFiles(t, dir, map[string]string{"a": "1", "d/x": "2", "d/e/y": "3"})
	if to, err := os.Readlink(filepath.Join(dir, "d")); err != nil || to != "..data/d" {
		t.Errorf("d leads to %q, %v; want ..data/d", to, err)
	}

	before, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil {
		t.Fatal(err)
	}
	write(texts("a", "1", "d/x", "2", "d/e/y", "3"))
	if after, _ := os.Readlink(filepath.Join(dir, dataLink)); after != before {
		t.Error("the same contents were written again")
	}

	write(texts("a", "one", "b", "4"))
	wantFiles(t, dir, map[string]string{"a": "one", "b": "4"})
	write(texts())
	wantFiles(t, dir, map[string]string{})
	write(texts("a", "back"))
	wantFiles(t, dir, map[string]string{"a": "back"})
}

func TestWriteAtomicallyNoticesModes(t *testing.T) {
	dir := t.TempDir()
	if err := writeAtomically(dir, map[string]file{"a": {data: []byte("x"), mode: 0o600}}, nil); err != nil {
		t.Fatal(err)
	}
	wantMode(t, filepath.Join(dir, "a"), 0o600)
	if err := writeAtomically(dir, map[string]file{"a": {data: []byte("x"), mode: 0o444}}, nil); err != nil {
		t.Fatal(err)
	}
	wantMode(t, filepath.Join(dir, "a"), 0o444)
}

// Whatever a kill leaves half done, the next write makes right.
func TestWriteAtomicallyAfterKill(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"version without link": func(dir string) error { return os.Mkdir(filepath.Join(dir, "..2020_01_01_00_00_00.1"), 0o755) },
		"next link left":       func(dir string) error { return os.Symlink("..2020", filepath.Join(dir, dataLinkNext)) },
		"link to nothing": func(dir string) error {
			os.Remove(filepath.Join(dir, dataLink))
			return os.Symlink("..gone", filepath.Join(dir, dataLink))
		},
		"no link":           func(dir string) error { return os.Remove(filepath.Join(dir, dataLink)) },
		"user link missing": func(dir string) error { return os.Remove(filepath.Join(dir, "a")) },
		"user link wrong": func(dir string) error {
			os.Remove(filepath.Join(dir, "a"))
			return os.Symlink("/etc", filepath.Join(dir, "a"))
		},
		"file in place of a link": func(dir string) error {
			os.Remove(filepath.Join(dir, "a"))
			return os.WriteFile(filepath.Join(dir, "a"), nil, 0o644)
		},
		"stale user link":         func(dir string) error { return os.Symlink("..data/z", filepath.Join(dir, "z")) },
		"file missing in version": func(dir string) error { return os.Remove(filepath.Join(dir, dataLink, "a")) },
		"file cut short":          func(dir string) error { return os.Truncate(filepath.Join(dir, dataLink, "a"), 0) },
		"file too much":           func(dir string) error { return os.WriteFile(filepath.Join(dir, dataLink, "more"), nil, 0o644) },
	} {
		dir := t.TempDir()
		files := texts("a", "1", "b/c", "2")
		if err := writeAtomically(dir, files, nil); err != nil {
			t.Fatal(err)
		}
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if err := writeAtomically(dir, files, nil); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wantFiles(t, dir, map[string]string{"a": "1", "b/c": "2"})
		if entries, _ := os.ReadDir(dir); len(entries) != 4 { // ..data, its version, a, b
			t.Errorf("%s: left %v", name, entries)
		}
	}
}

// A reader that goes through ..data once sees one version whole, however often the volume is
// written meanwhile.
func TestReadersSeeWholeVersions(t *testing.T) {
	dir := t.TempDir()
	version := func(i int) map[string]file { return texts("a", fmt.Sprint(i), "b", fmt.Sprint(i)) }
	if err := writeAtomically(dir, version(0), nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			whole := 0
			for {
				select {
				case <-done:
					if whole == 0 {
						t.Error("no reader ever saw a whole version")
					}
					return
				default:
				}
				d, err := os.OpenRoot(filepath.Join(dir, dataLink))
				if err != nil {
					continue // the link was read just before its version was removed
				}
				a, errA := d.ReadFile("a")
				b, errB := d.ReadFile("b")
				d.Close()
				if errA != nil || errB != nil {
					continue // this version was removed while it was read
				}
				whole++
				if string(a) != string(b) {
					t.Errorf("a reader saw a = %s with b = %s", a, b)
					return
				}
			}
		})
	}
	for i := range 300 {
		if err := writeAtomically(dir, version(i), nil); err != nil {
			t.Error(err)
		}
	}
	close(done)
	readers.Wait()
}

// After any sequence of writes the volume holds what the last one said.
func TestWriteAtomicallyProperty(t *testing.T) {
	root := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		if err := os.Mkdir(dir, 0o755); err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		for range rapid.IntRange(1, 4).Draw(rt, "writes") {
			p := newPayload(nil, nil)
			for path, text := range rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c/d", "c/e", "c/f/g", "h", "a/b"}), rapid.StringN(0, 3, 9), 0, 5).Draw(rt, "files") {
				_ = p.add(path, []byte(text), nil, nil) // a with a/b is refused
			}
			if err := writeAtomically(dir, p.files, nil); err != nil {
				rt.Fatal(err)
			}
			got := visible(t, dir)
			if len(got) != len(p.files) {
				rt.Fatalf("holds %q, want %v", got, p.files)
			}
			for path, f := range p.files {
				if got[path] != string(f.data) {
					rt.Fatalf("%s is %q, want %q", path, got[path], f.data)
				}
			}
		}
	})
}
