// Package kustomize makes manifests of kustomizations: folders with a kustomization.yaml, as kustomize has them.
//
// The work is that of sigs.k8s.io/kustomize. This package owns what it may reach: files below the folder that each
// kustomization is in, and nothing else. It refuses addresses and repositories, which kustomize would fetch, and runs no
// plugins, functions or helm. Its functions may be used concurrently.
package kustomize

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// Build returns the objects of the kustomization in dir as YAML documents, namespaces and other things that the rest
// needs first.
func Build(dir string) ([]byte, error) {
	if remote.MatchString(dir) {
		return nil, fmt.Errorf("%s: %w", dir, errRemote)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "kustomize", Path: dir, Err: fmt.Errorf("not a folder; name the one that its kustomization.yaml is in")}
	}
	options := krusty.MakeDefaultOptions()
	options.Reorder = krusty.ReorderOptionLegacy
	files := &local{FileSystem: filesys.MakeFsOnDisk()}
	made, err := krusty.MakeKustomizer(options).Run(files, dir)
	if files.refused != nil {
		return nil, files.refused // of which kustomize only says that it found no file
	}
	if err != nil {
		return nil, err
	}
	return made.AsYaml()
}

// local is the file system without files that would make kustomize reach for something else.
// One run uses it.
type local struct {
	filesys.FileSystem
	// refused is why the first file was that was.
	refused error
}

// ReadFile reads a file, and refuses a kustomization or the configuration of a built-in plugin that names something remote.
func (l *local) ReadFile(path string) ([]byte, error) {
	text, err := l.FileSystem.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := check(l.FileSystem, filepath.Dir(path), slices.Contains(konfig.RecognizedKustomizationFileNames(), filepath.Base(path)), text); err != nil {
		err = fmt.Errorf("%s: %w", path, err)
		if l.refused == nil {
			l.refused = err
		}
		return nil, err
	}
	return text, nil
}
