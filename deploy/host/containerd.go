package host

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"
)

// Containerd is a private containerd below one directory.
type Containerd struct {
	// Dir holds its configuration and data.
	Dir string
	// RunDir holds its socket and state; on a tmpfs it does not outlive a reboot, as containerd wants it.
	RunDir string
	// SandboxImage is the image of the container that holds a pod's namespaces.
	SandboxImage string
	// Registry is host:port of the cluster's own registry; CertFiles are what it is reached with.
	Registry                    string
	RegistryCA, RegCert, RegKey string
	// CNI is the pod network.
	CNI Network
}

// Socket is where it serves CRI.
func (c Containerd) Socket() string { return filepath.Join(c.RunDir, "containerd.sock") }

// ConfigFile is its configuration.
func (c Containerd) ConfigFile() string { return filepath.Join(c.Dir, "config.toml") }

// runtimes are the handlers offered when their shim is installed. The name of a handler is what RuntimeClass names.
var runtimes = []struct{ Handler, Type, Shim string }{
	{"runsc", "io.containerd.runsc.v1", "containerd-shim-runsc-v1"},
	{"kata", "io.containerd.kata.v2", "containerd-shim-kata-v2"},
}

const containerdConfig = `# Written by kaji; changes are lost.
version = 2
root = {{quote .Root}}
state = {{quote .State}}

[grpc]
  address = {{quote .Socket}}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = {{quote .SandboxImage}}
  disable_apparmor = {{.DisableAppArmor}}
  # Containers must not ask for less OOM score than this process may give.
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = {{quote .CNIBinDir}}
    conf_dir = {{quote .CNIConfDir}}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
{{- range .Runtimes}}
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{{.Handler}}]
      runtime_type = {{quote .Type}}
{{- end}}
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = {{quote .CertsDir}}
`

// registryHosts names the certificates twice. containerd 1.6 refuses a file without a [host] table, and asks the
// server itself, as the top describes it, for what that host lacks: without certificates there, an image that does
// not exist would be reported as an unknown authority.
const registryHosts = `server = {{quote .URL}}
capabilities = ["pull", "resolve"]
ca = {{quote .CA}}
client = [[{{quote .Cert}}, {{quote .Key}}]]
[host.{{quote .URL}}]
  capabilities = ["pull", "resolve"]
  ca = {{quote .CA}}
  client = [[{{quote .Cert}}, {{quote .Key}}]]
`

// Write writes its configuration and the network's.
func (c Containerd) Write() error {
	bin, err := CNIBinDir()
	if err != nil {
		return err
	}
	confDir, certsDir := filepath.Join(c.Dir, "net.d"), filepath.Join(c.Dir, "certs.d")
	data := map[string]any{
		"Root": filepath.Join(c.Dir, "root"), "State": filepath.Join(c.RunDir, "state"), "Socket": c.Socket(),
		"SandboxImage": c.SandboxImage, "DisableAppArmor": !appArmor(),
		"CNIBinDir": bin, "CNIConfDir": confDir, "CertsDir": certsDir, "Runtimes": installed(),
	}
	if err := render(c.ConfigFile(), containerdConfig, data); err != nil {
		return err
	}
	hosts := map[string]any{"URL": "https://" + c.Registry, "CA": c.RegistryCA, "Cert": c.RegCert, "Key": c.RegKey}
	if err := render(filepath.Join(certsDir, c.Registry, "hosts.toml"), registryHosts, hosts); err != nil {
		return err
	}
	return c.CNI.Write(filepath.Join(confDir, "10-kaji.conflist"))
}

// Command is how it is started.
func (c Containerd) Command() (path string, args []string) {
	return "containerd", []string{"--config", c.ConfigFile(), "--log-level", "warn"}
}

func installed() any {
	out := runtimes[:0:0]
	for _, r := range runtimes {
		if _, err := exec.LookPath(r.Shim); err == nil {
			out = append(out, r)
		}
	}
	return out
}

// appArmor reports whether this machine can load AppArmor profiles.
func appArmor() bool {
	b, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	if err != nil || len(b) == 0 || b[0] != 'Y' {
		return false
	}
	if _, err := os.Stat("/sys/kernel/security/apparmor"); err != nil {
		return false
	}
	_, err = exec.LookPath("apparmor_parser")
	return err == nil
}

func render(path, text string, data any) error {
	t, err := template.New(filepath.Base(path)).Funcs(template.FuncMap{
		"quote": func(s string) string { return fmt.Sprintf("%q", s) },
	}).Parse(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
