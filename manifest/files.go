package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files reads the objects of files and folders, in the order given. Of a folder it takes *.yaml, *.yml and
// *.json in order of name, with recursive also those below; "-" is stdin. What is wrong in any file is
// reported; the error is then an Errors.
func Files(paths []string, recursive bool, stdin io.Reader, opts Options) ([]*Document, error) {
	var docs []*Document
	var errs Errors
	add := func(d []*Document, err error) error {
		var bad Errors
		if errors.As(err, &bad) {
			errs = append(errs, bad...)
			return nil
		}
		docs = append(docs, d...)
		return err
	}
	for _, path := range paths {
		if path == "-" {
			if err := add(Decode(stdin, "stdin", opts)); err != nil {
				return nil, err
			}
			continue
		}
		names, err := expand(path, recursive)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := add(decodeFile(name, opts)); err != nil {
				return nil, err
			}
		}
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return docs, nil
}

func decodeFile(name string, opts Options) ([]*Document, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Decode(f, name, opts)
}

// expand lists the manifests that a path stands for.
func expand(path string, recursive bool) ([]string, error) {
	if strings.HasPrefix(path, "http://") || strings.HasPrefix(path, "https://") {
		return nil, fmt.Errorf("%s is an address, and manifests are read from files: try curl -fsSL %s | kaji apply -f -", path, path)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file or folder %s", path)
	}
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var names []string
	err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != path && !recursive:
			return fs.SkipDir
		case !d.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, strings.ToLower(filepath.Ext(name))):
			names = append(names, name)
		}
		return nil
	})
	if err == nil && len(names) == 0 {
		hint := ""
		if !recursive {
			hint = "; -R looks into the folders below"
		}
		err = fmt.Errorf("there is no *.yaml, *.yml or *.json in %s%s", path, hint)
	}
	return names, err
}
