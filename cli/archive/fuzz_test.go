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

// FuzzUnpack unpacks anything. Nothing beside the target comes to be, and no link below it leads out.
func FuzzUnpack(f *testing.F) {
	add := func(headers ...tar.Header) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range headers {
			if err := w.WriteHeader(&h); err != nil {
				f.Fatal(err)
			}
			if _, err := w.Write(make([]byte, h.Size)); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	dir := tar.Header{Name: "a/", Typeflag: tar.TypeDir, Mode: 0o755}
	add(tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 3, Mode: 0o644})
	add(dir, tar.Header{Name: "a/b/c", Typeflag: tar.TypeReg, Size: 1, Mode: 0o600})
	add(dir, tar.Header{Name: "a/../x", Typeflag: tar.TypeReg})
	add(dir, tar.Header{Name: "a/l", Typeflag: tar.TypeSymlink, Linkname: "../../x"}, tar.Header{Name: "a/l/y", Typeflag: tar.TypeReg})
	add(dir, tar.Header{Name: "a/l", Typeflag: tar.TypeSymlink, Linkname: "b"}, tar.Header{Name: "a/b/m", Typeflag: tar.TypeSymlink, Linkname: "../.."})
	add(dir, tar.Header{Name: "a/h", Typeflag: tar.TypeLink, Linkname: "a/../../etc/passwd"}, tar.Header{Name: "a/d", Typeflag: tar.TypeChar})
	f.Fuzz(func(t *testing.T, in []byte) {
		base := t.TempDir()
		outside := filepath.Join(base, "outside")
		if err := os.WriteFile(outside, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(base, "in", "to")
		if err := os.Mkdir(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		_ = archive.Unpack(bytes.NewReader(in), to, "a", func(string) {})
		for _, folder := range []string{base, filepath.Dir(to)} {
			entries, err := os.ReadDir(folder)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if n := e.Name(); n != "outside" && n != "in" && n != "to" {
					t.Fatalf("%s came to be beside the target", n)
				}
			}
		}
		if text, err := os.ReadFile(outside); err != nil || string(text) != "kept" {
			t.Fatalf("a file outside is %q, %v", text, err)
		}
		err := filepath.WalkDir(to, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.Type()&os.ModeSymlink == 0 {
				return nil // a folder without permission to read stays unread
			}
			end, err := filepath.EvalSymlinks(path)
			if err == nil && end != to && !strings.HasPrefix(end, to+string(filepath.Separator)) {
				t.Errorf("%s leads to %s", path, end)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
