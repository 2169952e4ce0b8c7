package framework

import corev1 "kaji.dev/kaji/gen/kaji/core/v1"

// anyIP stands for all addresses of a node, and is what an unset host IP means.
const anyIP = "0.0.0.0"

// HostPort is a port that a pod takes on its node.
type HostPort struct {
	IP       string
	Protocol string
	Port     int32
}

// Conflicts tells whether two pods cannot have these ports on one node: same port and protocol, on the same address or with one on all.
func (h HostPort) Conflicts(o HostPort) bool {
	return h.Port == o.Port && h.Protocol == o.Protocol && (h.IP == o.IP || h.IP == anyIP || o.IP == anyIP)
}

// hostPorts collects the ports of all containers that stay: init containers only when they are sidecars.
func hostPorts(spec *corev1.PodSpec) []HostPort {
	var out []HostPort
	add := func(c *corev1.Container) {
		for _, p := range c.GetPorts() {
			if p.GetHostPort() <= 0 {
				continue
			}
			h := HostPort{IP: p.GetHostIp(), Protocol: p.GetProtocol(), Port: p.GetHostPort()}
			if h.IP == "" {
				h.IP = anyIP
			}
			if h.Protocol == "" {
				h.Protocol = "TCP"
			}
			out = append(out, h)
		}
	}
	for _, c := range spec.GetContainers() {
		add(c)
	}
	for _, c := range spec.GetInitContainers() {
		if c.GetRestartPolicy() == "Always" {
			add(c)
		}
	}
	return out
}
