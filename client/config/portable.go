package config

import (
	"encoding/base64"
	"fmt"
	"os"
)

// Minify returns the configuration of one context, the current one when name is empty: the context, its cluster and its user.
// They are shared with f.
func (f *File) Minify(name string) (*File, error) {
	c, cluster, user, err := f.resolve(name)
	if err != nil {
		return nil, err
	}
	return &File{
		Clusters: []*Cluster{cluster}, Users: []*User{user}, Contexts: []*Context{c}, CurrentContext: c.Name, path: f.path,
	}, nil
}

// Flatten puts what the files that the configuration names hold in their places, so that it can be taken elsewhere.
func (f *File) Flatten() error {
	inline := func(path, data *string) error {
		if *path == "" {
			return nil
		}
		b, err := os.ReadFile(f.absolute(*path))
		if err != nil {
			return fmt.Errorf("%s: %w", f.path, err)
		}
		*path, *data = "", base64.StdEncoding.EncodeToString(b)
		return nil
	}
	for _, c := range f.Clusters {
		if err := inline(&c.CA, &c.CAData); err != nil {
			return err
		}
	}
	for _, u := range f.Users {
		if err := inline(&u.Cert, &u.CertData); err != nil {
			return err
		}
		if err := inline(&u.Key, &u.KeyData); err != nil {
			return err
		}
	}
	return nil
}
