package containerconfig

import (
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const hostsHeader = "# Written by the node agent: changes made here are lost.\n"

// HostsFile is the content of the pod's /etc/hosts. hostFile is the node's own file,
// the base for pods on the host's network.
func (c *Config) HostsFile(pod *corev1.Pod, podIPs []string, hostFile string) ([]byte, error) {
	var b strings.Builder
	b.WriteString(hostsHeader)
	if pod.GetSpec().GetHostNetwork() {
		b.WriteString(hostFile)
		if hostFile != "" && !strings.HasSuffix(hostFile, "\n") {
			b.WriteByte('\n')
		}
	} else {
		b.WriteString("127.0.0.1\tlocalhost\n" +
			"::1\tlocalhost ip6-localhost ip6-loopback\n" +
			"fe00::\tip6-localnet\n" +
			"fe00::\tip6-mcastprefix\n" +
			"fe00::1\tip6-allnodes\n" +
			"fe00::2\tip6-allrouters\n")
		hostname, domain, err := c.Hostname(pod)
		if err != nil {
			return nil, err
		}
		names := hostname
		if domain != "" {
			names = hostname + "." + domain + "\t" + hostname
		}
		for _, ip := range podIPs {
			b.WriteString(ip + "\t" + names + "\n")
		}
	}
	if aliases := pod.GetSpec().GetHostAliases(); len(aliases) > 0 {
		b.WriteString("\n# From the pod's hostAliases.\n")
		for _, a := range aliases {
			b.WriteString(a.GetIp() + "\t" + strings.Join(a.GetHostnames(), "\t") + "\n")
		}
	}
	return []byte(b.String()), nil
}
