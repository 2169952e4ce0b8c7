package main

import (
	"path/filepath"

	"kaji.dev/kaji/identity"
)

// certificates are those that both sides use: the same CA, keys of the same sort.
type certificates struct {
	server, store, admin identity.Files
}

func makeCertificates(dir string) (certificates, error) {
	var c certificates
	ca, err := identity.InitCA(filepath.Join(dir, "pki"), "bench")
	if err != nil {
		return c, err
	}
	for _, r := range []struct {
		to      *identity.Files
		file    string
		request identity.Request
	}{
		{&c.server, "apiserver", identity.Request{Name: identity.APIServer, Groups: []string{identity.GroupComponents}, Hosts: []string{"127.0.0.1", "localhost"}}},
		{&c.store, "store", identity.Request{Name: identity.StoreName("one"), Groups: []string{identity.GroupStores}, Hosts: []string{"127.0.0.1", "localhost"}}},
		{&c.admin, "admin", identity.Request{Name: identity.Admin, Groups: []string{identity.GroupMasters}}},
	} {
		*r.to = identity.FilesIn(filepath.Join(dir, "pki"), r.file)
		if err := r.to.Ensure(ca, r.request); err != nil {
			return c, err
		}
	}
	return c, nil
}
