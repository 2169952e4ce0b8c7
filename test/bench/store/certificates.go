package main

import (
	"path/filepath"
	"strconv"

	"kaji.dev/kaji/identity"
)

// certificates are those that all sides use: the same CA, keys of the same sort.
type certificates struct {
	members [members]identity.Files
	// client may do everything at both.
	client identity.Files
}

// memberID names a member.
func memberID(i int) string { return "s" + strconv.Itoa(i+1) }

func makeCertificates(dir string) (c certificates, err error) {
	pki := filepath.Join(dir, "pki")
	ca, err := identity.InitCA(pki, "bench")
	if err != nil {
		return c, err
	}
	hosts := []string{"127.0.0.1", "localhost"}
	for i := range c.members {
		c.members[i] = identity.FilesIn(pki, memberID(i))
		request := identity.Request{Name: identity.StoreName(memberID(i)), Groups: []string{identity.GroupStores}, Hosts: hosts}
		if err := c.members[i].Ensure(ca, request); err != nil {
			return c, err
		}
	}
	c.client = identity.FilesIn(pki, "admin")
	return c, c.client.Ensure(ca, identity.Request{Name: identity.Admin, Groups: []string{identity.GroupMasters}})
}
