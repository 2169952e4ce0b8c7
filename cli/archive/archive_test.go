package archive_test

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/cli/archive"
)

// TestUnpackStaysInside gives it archives that want out.
func TestUnpackStaysInside(t *testing.T) {
	dir := tar.Header{Name: "d/", Typeflag: tar.TypeDir, Mode: 0o755}
	link := func(name, to string) tar.Header {
		return tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeSymlink}
	}
	file := func(name string) tar.Header {
		return tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: 1}
	}
	for name, entries := range map[string][]tar.Header{
		"another name":       {file("e")},
		"above":              {dir, file("d/../x")},
		"absolute":           {dir, file("/x")},
		"through links":      {dir, {Name: "d/a/b/", Typeflag: tar.TypeDir}, {Name: "d/top/", Typeflag: tar.TypeDir}, link("d/a/b/t", "../../top"), link("d/a/b/l", "t/../.."), file("d/a/b/l/x")},
		"a link first":       {link("d", "/etc")},
		"nothing":            {},
		"hard link from out": {dir, {Name: "d/h", Linkname: "../x", Typeflag: tar.TypeLink}, file("d/h/x")},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			for _, h := range entries {
				if err := w.WriteHeader(&h); err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write([]byte(strings.Repeat("x", int(h.Size)))); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			outer := t.TempDir()
			err := archive.Unpack(&b, filepath.Join(outer, "to"), "d", func(string) {})
			if err == nil && name != "hard link from out" {
				t.Error("no error")
			}
			all, err := os.ReadDir(outer)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range all {
				if e.Name() != "to" {
					t.Errorf("%s was written outside", e.Name())
				}
			}
		})
	}
}

// TestUnpackGivesWay replaces a link that is there, rather than writing through it.
func TestUnpackGivesWay(t *testing.T) {
	from, to, victim := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "victim")
	for _, err := range []error{
		os.WriteFile(filepath.Join(from, "f"), []byte("new"), 0o600),
		os.WriteFile(victim, []byte("old"), 0o600),
		os.Symlink(victim, filepath.Join(to, "f")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := archive.Pack(&b, from, "d"); err != nil {
		t.Fatal(err)
	}
	if err := archive.Unpack(&b, to, "d", func(text string) { t.Error(text) }); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{victim: "old", filepath.Join(to, "f"): "new"} {
		if got, err := os.ReadFile(file); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
}
