package cluster

import (
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kaji.dev/kaji/identity"
)

func TestDefaultsAreValidAndSurviveTheDisk(t *testing.T) {
	c := &Config{Dir: t.TempDir()}
	if err := c.Init(); err != nil {
		t.Fatal(err)
	}
	got, err := Load(c.Dir)
	if err != nil || *got != *c {
		t.Fatalf("%+v %v, want %+v", got, err, c)
	}
	if err := got.Init(); err != nil {
		t.Errorf("a second Init: %v", err)
	}
	got.Members = 3
	if err := got.Init(); err == nil || !strings.Contains(err.Error(), "has 1 store members") {
		t.Errorf("members changed under a live store: %v", err)
	}
}

func TestValidateNamesEverything(t *testing.T) {
	c := &Config{Dir: "relative", Address: "host", BasePort: 80, Members: 2, Nodes: 99, PodSubnet: "x"}
	err := c.Validate()
	if err == nil {
		t.Fatal("valid")
	}
	for _, want := range []string{"relative", `"host"`, "80", "not 2", "not 99", "pod subnet"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told:\n%v", want, err)
		}
	}
}

func TestEveryServiceHasItsCertificateAndPort(t *testing.T) {
	c := &Config{Dir: t.TempDir(), Members: 3, Nodes: 3, Separate: true}
	if err := c.Init(); err != nil {
		t.Fatal(err)
	}
	listen := map[string]string{}
	for _, s := range c.Services() {
		for _, a := range s.Args {
			name, value, _ := strings.Cut(a, "=")
			switch name {
			case "--listen", "--metrics-listen":
				if other, taken := listen[value]; taken {
					t.Errorf("%s and %s share %s", s.Name, other, value)
				}
				listen[value] = s.Name
			case "--cert", "--key", "--ca":
				if _, err := os.Stat(value); err != nil {
					t.Errorf("%s: %v", s.Name, err)
				}
			}
		}
	}
	for at, s := range listen {
		_, port, _ := net.SplitHostPort(at)
		if !slices.ContainsFunc(c.Ports(), func(p int) bool { return portString(p) == port }) {
			t.Errorf("port %s of %s is not among Ports()", port, s)
		}
	}
	names := map[string]bool{}
	for _, p := range c.Processes("kaji") {
		names[p.Name] = true
	}
	for _, want := range []string{"containerd", "registry", "store-3", "apiserver", "controllers", "scheduler", "node-3"} {
		if !names[want] {
			t.Errorf("no process %s", want)
		}
	}
	c.Separate = false
	if ps := c.Processes("kaji"); len(ps) != 2 || ps[0].Name != "containerd" || ps[1].Name != "kaji" {
		t.Errorf("together: %+v", ps)
	}
}

func TestIdentitiesSayWhoTheyAre(t *testing.T) {
	c := &Config{Dir: t.TempDir()}
	if err := c.Init(); err != nil {
		t.Fatal(err)
	}
	certificate := func(name string) *x509.Certificate {
		b, err := os.ReadFile(c.Files(name).Cert)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := identity.ParseCertificate(b)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	who := func(name string) identity.Identity { return identity.FromCertificate(certificate(name)) }
	if n, ok := who("node-1").Node(); !ok || n != "node-1" {
		t.Error(who("node-1"))
	}
	if id, ok := who("store-1").Store(); !ok || id != "store-1" {
		t.Error(who("store-1"))
	}
	if !who("admin").InGroup(identity.GroupMasters) || who("apiserver").InGroup(identity.GroupMasters) {
		t.Error("the wrong ones are masters")
	}
	if err := certificate("apiserver").VerifyHostname("127.0.0.1"); err != nil {
		t.Error(err)
	}
	if certificate("node-1").VerifyHostname("127.0.0.1") == nil {
		t.Error("a node could pass for an API server")
	}
	if info, err := os.Stat(filepath.Join(c.PKIDir(), "node-1.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("node-1.key: %v %v", info, err)
	}
}

func TestDirectoriesOfTwoClustersDiffer(t *testing.T) {
	a, b := &Config{Dir: "/a"}, &Config{Dir: "/b"}
	a.SetDefaults()
	b.SetDefaults()
	if a.RunDir() == b.RunDir() || a.Bridge() == b.Bridge() {
		t.Error("clusters share names")
	}
	if len(a.Bridge()) > 15 {
		t.Errorf("%s is no name for a link", a.Bridge())
	}
}

func TestPortsOfServicesThatOutlivedTheirSupervisor(t *testing.T) {
	c := &Config{Dir: t.TempDir(), Address: "127.0.0.1"}
	c.SetDefaults()
	l, err := net.Listen("tcp", c.APIServer())
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	for name, x := range map[string]struct {
		running map[string]int
		free    bool
	}{
		"nothing of ours":  {nil, false},
		"the runtime only": {map[string]int{ContainerdName: 1}, false},
		"all in one":       {map[string]int{"kaji": 1}, true},
		"one of many":      {map[string]int{ContainerdName: 1, "apiserver": 2}, true},
	} {
		if err := c.portsFree(x.running); (err == nil) != x.free {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSandboxImage(t *testing.T) {
	c := &Config{Dir: "/a"}
	c.SetDefaults()
	if got := c.Containerd().SandboxImage; got != c.Registry()+"/"+PauseImage {
		t.Error(got)
	}
	c.SandboxImage = "registry.example/pause:9"
	if got := c.Containerd().SandboxImage; got != "registry.example/pause:9" {
		t.Error(got)
	}
}
