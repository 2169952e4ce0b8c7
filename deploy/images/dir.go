package images

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Dir is a directory of images, one tar archive each, named after the image.
type Dir string

// Progress tells how far the storing of an image is, in bytes.
type Progress struct {
	Image           string
	Complete, Total int64
}

// Put stores an image under repository:tag, e.g. "examples/web:1".
func (d Dir) Put(image string, img v1.Image) error {
	return d.PutWith(image, img, nil)
}

// PutWith is Put that tells of its progress, with each write of the file; tell may be nil.
func (d Dir) PutWith(image string, img v1.Image, tell func(Progress)) error {
	tag, err := parse(image)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(string(d), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	var out io.Writer = tmp
	if tell != nil {
		total, err := tarball.CalculateSize(map[name.Reference]v1.Image{tag: img})
		if err != nil {
			return err
		}
		out = &counter{out: tmp, tell: tell, at: Progress{Image: image, Total: total}}
	}
	if err := errors.Join(tarball.Write(tag, img, out), tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), filepath.Join(string(d), url.QueryEscape(image)+".tar"))
}

// counter is a writer that tells how far it is.
type counter struct {
	out  io.Writer
	tell func(Progress)
	at   Progress
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	c.at.Complete = min(c.at.Complete+int64(n), c.at.Total)
	c.tell(c.at)
	return n, err
}

// Import stores the images of a tar archive as `docker save` or this package writes it, and returns their names. It tells of its
// progress unless tell is nil.
func (d Dir) Import(archive string, tell func(Progress)) ([]string, error) {
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(archive) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", archive, err)
	}
	var names []string
	for _, m := range manifest {
		for _, t := range m.RepoTags {
			tag, err := name.NewTag(t)
			if err != nil {
				return names, err
			}
			img, err := tarball.ImageFromPath(archive, &tag)
			if err != nil {
				return names, err
			}
			image := tag.RepositoryStr() + ":" + tag.TagStr()
			if err := d.PutWith(image, img, tell); err != nil {
				return names, err
			}
			names = append(names, image)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s holds no named image", archive)
	}
	return names, nil
}

// entry is one archive of the directory.
type entry struct {
	path, image string
	info        fs.FileInfo
}

func (d Dir) entries() ([]entry, error) {
	files, err := os.ReadDir(string(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []entry
	for _, f := range files {
		escaped, ok := strings.CutSuffix(f.Name(), ".tar")
		if !ok {
			continue
		}
		image, err := url.QueryUnescape(escaped)
		if err != nil {
			continue
		}
		info, err := f.Info()
		if err != nil {
			continue
		}
		out = append(out, entry{filepath.Join(string(d), f.Name()), image, info})
	}
	return out, nil
}

// local is the registry that names without one are parsed for; it never appears in an image's name.
const local = "registry.invalid"

func parse(image string) (name.Tag, error) {
	t, err := name.NewTag(image, name.WithDefaultRegistry(local))
	if err != nil {
		return t, err
	}
	if t.RegistryStr() != local {
		return t, fmt.Errorf("%s names a registry; name the image alone, as in examples/web:1", image)
	}
	return t, nil
}
