package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Network is the pod network of one machine: a bridge, addresses from one subnet, and host ports.
type Network struct {
	// Bridge is the link's name; it also names the network.
	Bridge string
	// Subnet is where pod addresses come from.
	Subnet netip.Prefix
	// DataDir is where the addresses given out are noted.
	DataDir string
}

// Write writes the CNI configuration list.
func (n Network) Write(path string) error {
	if !n.Subnet.IsValid() {
		return errors.New("the pod network has no subnet")
	}
	conf := map[string]any{
		"cniVersion": "0.4.0",
		"name":       n.Bridge,
		"plugins": []any{
			map[string]any{
				"type": "bridge", "bridge": n.Bridge, "isGateway": true, "ipMasq": true, "hairpinMode": true,
				"ipam": map[string]any{
					"type":    "host-local",
					"ranges":  [][]any{{map[string]any{"subnet": n.Subnet.Masked().String()}}},
					"routes":  []any{map[string]any{"dst": "0.0.0.0/0"}},
					"dataDir": n.DataDir,
				},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
		},
	}
	b, err := json.MarshalIndent(conf, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// hostPortJumps are the rules that the portmap plugin leaves in its tables after the last host port went.
var hostPortJumps = []struct{ table, chain string }{
	{"nat", "CNI-HOSTPORT-DNAT"}, {"nat", "CNI-HOSTPORT-MASQ"}, {"nat", "CNI-HOSTPORT-SETMARK"}, {"filter", "CNI-FORWARD"},
}

// Remove takes the bridge away, and what the CNI plugins leave behind when no pod uses it any more. All pods
// of the network must be gone.
func (n Network) Remove() error {
	var errs []error
	if _, err := os.Stat("/sys/class/net/" + n.Bridge); err == nil {
		if out, err := exec.Command("ip", "link", "delete", n.Bridge).CombinedOutput(); err != nil {
			errs = append(errs, fmt.Errorf("bridge %s: %s", n.Bridge, strings.TrimSpace(string(out))))
		}
	}
	for _, tool := range []string{"iptables", "ip6tables"} {
		if _, err := exec.LookPath(tool); err != nil {
			continue
		}
		for _, j := range hostPortJumps {
			removeUnusedChain(tool, j.table, j.chain)
		}
	}
	return errors.Join(append(errs, os.RemoveAll(n.DataDir))...)
}

// removeUnusedChain deletes a chain that holds no per-pod rule, and the jumps to it. A chain in use by other
// networks of the machine stays as it is.
func removeUnusedChain(tool, table, chain string) {
	out, err := exec.Command(tool, "-w", "-t", table, "-S").Output()
	if err != nil {
		return
	}
	var jumps [][]string
	for _, line := range strings.Split(string(out), "\n") {
		switch {
		case strings.HasPrefix(line, "-A "+chain+" ") && inUse(chain, line):
			return
		case strings.HasPrefix(line, "-A ") && strings.Contains(line+" ", "-j "+chain+" "):
			jumps = append(jumps, splitRule(line))
		}
	}
	for _, j := range jumps {
		j[0] = "-D"
		_ = exec.Command(tool, append([]string{"-w", "-t", table}, j...)...).Run()
	}
	_ = exec.Command(tool, "-w", "-t", table, "-F", chain).Run()
	_ = exec.Command(tool, "-w", "-t", table, "-X", chain).Run()
}

// inUse tells a rule that serves a pod from those that the plugins always put into the chain.
func inUse(chain, rule string) bool {
	switch chain {
	case "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SETMARK":
		return !strings.Contains(rule, "-j MASQUERADE") && !strings.Contains(rule, "-j MARK")
	case "CNI-FORWARD":
		return !strings.Contains(rule, "-j CNI-ADMIN")
	}
	return true
}

// splitRule splits a line of `iptables -S` into arguments; quoted comments stay whole.
func splitRule(line string) []string {
	var out []string
	var b strings.Builder
	quoted := false
	for _, r := range line {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			out = append(out, b.String())
			b.Reset()
		default:
			b.WriteRune(r)
		}
	}
	return append(out, b.String())
}
