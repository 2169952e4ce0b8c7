package cluster

import (
	"os"
	"testing"
)

func TestCertificatesAreRenewed(t *testing.T) {
	c := &Config{Dir: t.TempDir()}
	if err := c.Init(); err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		b, err := os.ReadFile(c.Files(name).Cert)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	api, scheduler := read("apiserver"), read("scheduler")
	if err := c.RenewCertificates(); err != nil || read("apiserver") != api || read("scheduler") != scheduler {
		t.Errorf("fresh certificates were renewed (%v)", err)
	}
	// What cannot be used any more stands for what has expired: both are to be renewed now.
	for _, name := range []string{"apiserver", "node-1"} {
		if err := os.WriteFile(c.Files(name).Cert, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.RenewCertificates(); err != nil {
		t.Fatal(err)
	}
	if c.Files("apiserver").RenewAfter().IsZero() {
		t.Error("the API server has no new certificate")
	}
	if read("node-1") != "" {
		t.Error("a node's certificate is not the node's own business")
	}
	if err := os.Remove(c.PKIDir() + "/ca.key"); err != nil {
		t.Fatal(err)
	}
	if err := c.RenewCertificates(); err == nil {
		t.Error("a new CA was made")
	}
}
