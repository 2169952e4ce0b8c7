package host

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestNetworkConfiguration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "net.d", "x.conflist")
	n := Network{Bridge: "kaji7", Subnet: netip.MustParsePrefix("10.99.0.1/16"), DataDir: "/d"}
	if err := n.Write(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var conf struct {
		Name    string
		Plugins []struct {
			Type, Bridge string
			IPAM         struct{ Ranges [][]struct{ Subnet string } }
		}
	}
	if err := json.Unmarshal(b, &conf); err != nil {
		t.Fatal(err)
	}
	if conf.Name != "kaji7" || conf.Plugins[0].Bridge != "kaji7" || conf.Plugins[0].IPAM.Ranges[0][0].Subnet != "10.99.0.0/16" || conf.Plugins[1].Type != "portmap" {
		t.Errorf("%+v", conf)
	}
	if err := (Network{Bridge: "x"}).Write(path); err == nil {
		t.Error("a network without subnet was written")
	}
}

func TestSplitRule(t *testing.T) {
	got := splitRule(`-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ`)
	want := []string{"-A", "POSTROUTING", "-m", "comment", "--comment", "CNI portfwd requiring masquerade", "-j", "CNI-HOSTPORT-MASQ"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestContainerdConfiguration(t *testing.T) {
	if _, err := CNIBinDir(); err != nil {
		t.Skip("no CNI plugins on this machine")
	}
	dir := t.TempDir()
	c := Containerd{
		Dir: dir, RunDir: "/run/x", SandboxImage: "127.0.0.1:1/kaji/pause:1", Registry: "127.0.0.1:1",
		RegistryCA: "/ca", RegCert: "/c", RegKey: "/k",
		CNI: Network{Bridge: "kaji7", Subnet: netip.MustParsePrefix("10.99.0.0/16"), DataDir: "/d"},
	}
	if err := c.Write(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"config.toml":                    `sandbox_image = "127.0.0.1:1/kaji/pause:1"`,
		"certs.d/127.0.0.1:1/hosts.toml": `ca = "/ca"`,
		"net.d/10-kaji.conflist":         `"bridge": "kaji7"`,
	} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v\n%s", file, err, b)
		}
	}
	hosts, err := os.ReadFile(filepath.Join(dir, "certs.d/127.0.0.1:1/hosts.toml"))
	server, mirror, both := strings.Cut(string(hosts), "[host.")
	for _, part := range []string{server, mirror} {
		if err != nil || !both || !strings.Contains(part, `ca = "/ca"`) || !strings.Contains(part, `client = [["/c", "/k"]]`) {
			t.Errorf("the registry is not reached with certificates in every way: %v\n%s", err, hosts)
		}
	}
}
