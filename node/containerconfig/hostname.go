package containerconfig

import (
	"fmt"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const (
	maxHostname = 63 // a DNS label
	maxFQDN     = 64 // what the kernel takes as a host name
)

// Hostname is what the pod calls itself, and the domain of its name when it has a
// subdomain. A pod's name can be longer than a host name: it is then cut.
func (c *Config) Hostname(pod *corev1.Pod) (hostname, domain string, err error) {
	spec := pod.GetSpec()
	if override := spec.GetHostnameOverride(); override != "" {
		return override, "", nil
	}
	hostname = spec.GetHostname()
	if hostname == "" {
		hostname = pod.GetMetadata().GetName()
	}
	if len(hostname) > maxHostname {
		hostname = strings.TrimRight(hostname[:maxHostname], "-.")
		if hostname == "" {
			return "", "", fmt.Errorf("hostname: nothing is left of %q after cutting it to %d", pod.GetMetadata().GetName(), maxHostname)
		}
	}
	if spec.GetSubdomain() != "" {
		domain = spec.GetSubdomain() + "." + pod.GetMetadata().GetNamespace() + ".svc"
		if c.ClusterDomain != "" {
			domain += "." + c.ClusterDomain
		}
	}
	return hostname, domain, nil
}

// kernelHostname is what is set in the pod's UTS namespace; empty on the host's.
func (c *Config) kernelHostname(pod *corev1.Pod) (string, error) {
	if pod.GetSpec().GetHostNetwork() {
		return "", nil
	}
	hostname, domain, err := c.Hostname(pod)
	if err != nil {
		return "", err
	}
	if pod.GetSpec().GetSetHostnameAsFqdn() && domain != "" {
		hostname += "." + domain
		if len(hostname) > maxFQDN {
			return "", fmt.Errorf("hostname: setHostnameAsFQDN gives %q, longer than %d characters", hostname, maxFQDN)
		}
	}
	return hostname, nil
}
