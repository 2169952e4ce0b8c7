// Package images makes container images from files, keeps them in a directory, and serves that directory as
// a read-only registry to the container runtimes of this machine.
//
// It is what lets a cluster run what was just built, without Docker and without a registry elsewhere.
// A directory may be written by one process while another serves it.
package images

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Spec is what an image is made of.
type Spec struct {
	// Files are the contents, by absolute path in the image.
	Files map[string]File
	// Entrypoint, Cmd, Env, User and WorkingDir are as in an image's configuration.
	Entrypoint, Cmd, Env []string
	User, WorkingDir     string
}

// File is one file of an image; directories above it are made.
type File struct {
	Data []byte
	Mode fs.FileMode
	// Link makes it a symbolic link to that path; Data is not used then.
	Link string
}

// epoch is the time of everything in an image, so that equal contents make equal images.
var epoch = time.Unix(0, 0).UTC()

// Build makes the image. Equal specs give images with equal digests.
func Build(s Spec) (v1.Image, error) {
	if len(s.Files) == 0 {
		return nil, fmt.Errorf("an image without files runs nothing")
	}
	content, err := layerTar(s.Files)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	})
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", runtime.GOARCH, v1.Time{Time: epoch}
	config.Config = v1.Config{
		Entrypoint: s.Entrypoint, Cmd: s.Cmd, User: s.User, WorkingDir: s.WorkingDir,
		Env: append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, s.Env...),
	}
	return mutate.ConfigFile(img, config)
}

// Binary is the spec of an image of one static executable, which is its entry point.
func Binary(executable, user string) (Spec, error) {
	b, err := os.ReadFile(executable)
	if err != nil {
		return Spec{}, err
	}
	name := "/" + path.Base(executable)
	return Spec{Files: map[string]File{name: {Data: b, Mode: 0o755}}, Entrypoint: []string{name}, User: user}, nil
}

func layerTar(files map[string]File) ([]byte, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	// /tmp is what programs take for granted.
	dirs := map[string]fs.FileMode{"tmp": 0o1777}
	names := make([]string, 0, len(files))
	for name := range files {
		clean := strings.TrimPrefix(path.Clean("/"+name), "/")
		if clean == "" {
			return nil, fmt.Errorf("%q is no file name", name)
		}
		names = append(names, name)
		for d := path.Dir(clean); d != "."; d = path.Dir(d) {
			if _, ok := dirs[d]; !ok {
				dirs[d] = 0o755
			}
		}
	}
	sorted := make([]string, 0, len(dirs))
	for d := range dirs {
		sorted = append(sorted, d)
	}
	slices.Sort(sorted)
	for _, d := range sorted {
		h := &tar.Header{Typeflag: tar.TypeDir, Name: d + "/", Mode: int64(tarMode(dirs[d])), ModTime: epoch}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
	}
	slices.Sort(names)
	for _, name := range names {
		f := files[name]
		h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path.Clean("/"+name), "/"), Mode: int64(f.Mode.Perm()), Size: int64(len(f.Data)), ModTime: epoch}
		if f.Link != "" {
			h.Typeflag, h.Linkname, h.Size, h.Mode = tar.TypeSymlink, f.Link, 0, 0o777
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if f.Link == "" {
			if _, err := w.Write(f.Data); err != nil {
				return nil, err
			}
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// tarMode passes octal modes with the sticky bit through unchanged.
func tarMode(m fs.FileMode) uint32 { return uint32(m) }
