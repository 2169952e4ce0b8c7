// Package archive packs files for a container and unpacks what comes from one.
//
// It owns the tar streams of `kaji cp`. An archive from a container is not trusted: nothing is written outside of
// the target, and links that lead out of it are not made. Its functions may be called concurrently for different
// targets.
package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// ErrEmpty is an archive without anything in it.
var ErrEmpty = errors.New("there is nothing in the archive")

// Pack writes a file or folder to w as a tar stream, under the given name. Owners are left out; what is neither
// file, folder nor link is not packed.
func Pack(w io.Writer, from, name string) error {
	// A link that is named is followed; those inside a folder are kept.
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	out := tar.NewWriter(w)
	err = filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return packOne(out, file, path.Join(name, filepath.ToSlash(rest)), info)
	})
	if err != nil {
		return err
	}
	return out.Close()
}

func packOne(out *tar.Writer, file, name string, info fs.FileInfo) error {
	link := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		var err error
		if link, err = os.Readlink(file); err != nil {
			return err
		}
	case !info.Mode().IsRegular() && !info.IsDir():
		return nil
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	h.Name, h.Uid, h.Gid, h.Uname, h.Gname = name, 0, 0, "", ""
	// The format that every tar reads, also small ones.
	h.Format, h.ModTime, h.AccessTime, h.ChangeTime = tar.FormatGNU, h.ModTime.Truncate(time.Second), time.Time{}, time.Time{}
	if info.IsDir() {
		h.Name += "/"
	}
	if err := out.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	// A file that grows meanwhile is cut off where its header says.
	n, err := io.Copy(out, io.LimitReader(f, h.Size))
	if err == nil && n < h.Size {
		err = fmt.Errorf("%s became shorter while it was read", file)
	}
	return err
}

// Unpack reads a tar stream that holds one file or folder under the given name, and makes it be at to. warn is
// told of what is left out.
func Unpack(r io.Reader, to, name string, warn func(string)) error {
	in := tar.NewReader(r)
	first, err := in.Next()
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", name, ErrEmpty)
	}
	if err != nil {
		return err
	}
	if path.Clean(first.Name) != name {
		return fmt.Errorf("the archive of %s begins with %q", name, first.Name)
	}
	switch first.Typeflag {
	case tar.TypeReg:
		f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, first.FileInfo().Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(f, in)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r) // so that the sender can end
		return err
	case tar.TypeDir:
	default:
		return fmt.Errorf("%s is neither a file nor a folder", name)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, r)
			return err
		}
		if err != nil {
			return err
		}
		rest, ok := strings.CutPrefix(path.Clean(h.Name), name+"/")
		if !ok {
			return fmt.Errorf("the archive of %s holds %q, which is outside", name, h.Name)
		}
		if err := unpackOne(root, in, h, rest, name, warn); err != nil {
			return err
		}
	}
}

// unpackOne makes one entry below root, which nothing leads out of.
func unpackOne(root *os.Root, in io.Reader, h *tar.Header, rest, name string, warn func(string)) error {
	if h.Typeflag == tar.TypeDir {
		return root.MkdirAll(rest, 0o755)
	}
	if err := root.MkdirAll(path.Dir(rest), 0o755); err != nil {
		return err
	}
	// What is there gives way rather than being written through.
	if err := root.Remove(rest); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg:
		f, err := root.OpenFile(rest, os.O_CREATE|os.O_EXCL|os.O_WRONLY, h.FileInfo().Mode().Perm())
		if err != nil {
			return err
		}
		_, err = io.Copy(f, in)
		return errors.Join(err, f.Close())
	case tar.TypeSymlink:
		if path.IsAbs(h.Linkname) || !filepath.IsLocal(path.Join(path.Dir(rest), h.Linkname)) {
			warn(fmt.Sprintf("left out %s: the link leads to %s, outside of what is copied", h.Name, h.Linkname))
			return nil
		}
		return root.Symlink(h.Linkname, rest)
	case tar.TypeLink:
		of, ok := strings.CutPrefix(path.Clean(h.Linkname), name+"/")
		if !ok {
			warn(fmt.Sprintf("left out %s: the link leads to %s, outside of what is copied", h.Name, h.Linkname))
			return nil
		}
		return root.Link(of, rest)
	}
	warn(fmt.Sprintf("left out %s: it is neither a file, a folder nor a link", h.Name))
	return nil
}
