package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// dataFlags are where the entries of a config map or secret come from.
type dataFlags struct {
	literals, files, envFiles []string
}

func (d *dataFlags) bind(c *cobra.Command) {
	// Arrays, not slices: a value may have commas.
	c.Flags().StringArrayVar(&d.literals, "from-literal", nil, "an entry: KEY=VALUE")
	c.Flags().StringArrayVar(&d.files, "from-file", nil, "an entry from a file, [KEY=]FILE, or one for each file of a folder")
	c.Flags().StringArrayVar(&d.envFiles, "from-env-file", nil, "entries from a file of lines KEY=VALUE")
}

// read collects the entries. A key that is given twice is an error.
func (d *dataFlags) read(c *cobra.Command) (map[string][]byte, error) {
	out := map[string][]byte{}
	add := func(key string, value []byte) error {
		if _, twice := out[key]; twice {
			return fmt.Errorf("the key %q is given twice", key)
		}
		out[key] = value
		return nil
	}
	for _, l := range d.literals {
		key, value, ok := strings.Cut(l, "=")
		if !ok || key == "" {
			return nil, usage(c, "--from-literal %q is not of the form KEY=VALUE", l)
		}
		if err := add(key, []byte(value)); err != nil {
			return nil, err
		}
	}
	for _, f := range d.files {
		if err := addFile(c, f, add); err != nil {
			return nil, err
		}
	}
	for _, f := range d.envFiles {
		if err := addEnvFile(f, add); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// addFile adds a file, by its own name or the one given, or the files of a folder.
func addFile(c *cobra.Command, text string, add func(string, []byte) error) error {
	key, path, named := strings.Cut(text, "=")
	if !named {
		path, key = text, filepath.Base(text)
	}
	if key == "" || path == "" {
		return usage(c, "--from-file %q is not of the form [KEY=]FILE", text)
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return add(key, b)
	}
	if named {
		return usage(c, "--from-file %q: a folder takes no key, its files are the entries", text)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(path, e.Name()))
		if err == nil {
			err = add(e.Name(), b)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// addEnvFile adds the lines of a file as Docker reads it: # begins a comment line, and a name alone takes its
// value from the environment.
func addEnvFile(path string, add func(string, []byte) error) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimLeft(lines.Text(), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if key == "" {
			return fmt.Errorf("%s:%d: a line is KEY=VALUE", path, n)
		}
		if !ok {
			if value, ok = os.LookupEnv(key); !ok {
				continue
			}
		}
		if err := add(key, []byte(value)); err != nil {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	return lines.Err()
}
