package kustomize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

var errRemote = errors.New("it is not on this machine, and nothing is fetched: get a copy first, and name its folder")

// remote is what kustomize takes for an address or a repository.
var remote = regexp.MustCompile(`://|^git::|^gh:|^[^/]+@|^(www\.)?(github|gitlab|bitbucket)\.(com|org)[/:]|\?(ref|version|timeout|submodules)=|\.git($|/|\?)|/_git/`)

// paths are the fields of a kustomization that name files or folders; roots those whose folders are kustomizations.
var (
	paths = []string{"crds", "configurations", "patchesStrategicMerge", "path", "files", "envs", "env"}
	roots = []string{"resources", "components", "bases", "generators", "transformers", "validators"}
)

// check refuses a file that names what is not here. Only kustomizations and configurations of built-in plugins name any.
func check(files filesys.FileSystem, dir string, kustomization bool, text []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc map[string]any
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if kustomization {
				return fmt.Errorf("it is not YAML: %w", err)
			}
			return nil // a file for a config map, or an object that kustomize itself complains about
		}
		if version, _ := doc["apiVersion"].(string); kustomization || version == "builtin" {
			if err := walk(files, dir, "", doc); err != nil {
				return err
			}
		}
	}
}

func walk(files filesys.FileSystem, dir, field string, value any) error {
	switch v := value.(type) {
	case map[string]any:
		for key, one := range v {
			if err := walk(files, dir, key, one); err != nil {
				return err
			}
		}
	case []any:
		for _, one := range v {
			if err := walk(files, dir, field, one); err != nil {
				return err
			}
		}
	case string:
		return checkName(files, dir, field, v)
	}
	return nil
}

func checkName(files filesys.FileSystem, dir, field, name string) error {
	root := slices.Contains(roots, field)
	if !root && !slices.Contains(paths, field) {
		return nil
	}
	if strings.Contains(name, "\n") {
		return check(files, dir, false, []byte(name)) // written in place
	}
	if field == "files" { // KEY=FILE
		if _, file, ok := strings.Cut(name, "="); ok {
			name = file
		}
	}
	if remote.MatchString(name) {
		return fmt.Errorf("%s: %s: %w", field, name, errRemote)
	}
	if root && !files.Exists(filepath.Join(dir, name)) {
		return fmt.Errorf("%s: there is no file or folder %s", field, name)
	}
	return nil
}
