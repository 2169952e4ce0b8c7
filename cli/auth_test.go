package cli_test

import (
	"path/filepath"
	"strings"
	"testing"

	"kaji.dev/kaji/client/config"
	"kaji.dev/kaji/identity"
)

func TestWhoAmI(t *testing.T) {
	s, api := realShell(t)
	same(t, s.ok("auth", "whoami"), "Name:    kaji-admin\nGroups:  system:masters")
	same(t, s.ok("auth", "whoami", "-o", "yaml"), "groups:\n- system:masters\nname: kaji-admin")
	s.fails([]string{"json or yaml"}, "auth", "whoami", "-o", "xml")
	s.fails([]string{`no auth command "me"`}, "auth", "me")
	// Someone who may do nothing may still ask.
	s.config = filepath.Join(t.TempDir(), "config")
	if err := config.Write(s.config, "test", []string{api.Address}, api.Files(identity.Identity{Name: "guest"})); err != nil {
		t.Fatal(err)
	}
	if out := s.ok("auth", "whoami", "-o", "json"); !strings.Contains(out, `"name": "guest"`) || !strings.Contains(out, `"groups": []`) {
		t.Error(out)
	}
	s.fails([]string{"may not list"}, "get", "pods")
}

func TestClusterInfo(t *testing.T) {
	s, api := realShell(t)
	files := api.Files(identity.Identity{Name: identity.Admin, Groups: []string{identity.GroupMasters}})
	same(t, strings.Join(strings.Fields(s.ok("cluster-info")), " "), "API SERVER STATUS "+api.Address+" serving Nodes: 0, of which 0 ready")
	if err := config.Write(s.config, "test", []string{api.Address, "127.0.0.1:1"}, files); err != nil {
		t.Fatal(err)
	}
	same(t, strings.Join(strings.Fields(s.ok("cluster-info")), " "), "API SERVER STATUS "+api.Address+" serving 127.0.0.1:1 does not answer Nodes: 0, of which 0 ready")
	if err := config.Write(s.config, "test", []string{"127.0.0.1:1"}, files); err != nil {
		t.Fatal(err)
	}
	s.fails([]string{"127.0.0.1:1", "is the cluster up?"}, "cluster-info")
	same(t, newShell(t, server(t, running).Client()).ok("cluster-info"), "Nodes: 1, of which 1 ready")
}
