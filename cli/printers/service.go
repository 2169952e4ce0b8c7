package printers

import (
	"fmt"
	"strings"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

func serviceExternalIP(o kind.Object, _ time.Time) string {
	s, ok := o.(*corev1.Service)
	if !ok {
		return none
	}
	addresses := s.GetSpec().GetExternalIps()
	switch s.GetSpec().GetType() {
	case "ExternalName":
		return s.GetSpec().GetExternalName()
	case "LoadBalancer":
		var balancers []string
		for _, i := range s.GetStatus().GetLoadBalancer().GetIngress() {
			if i.GetIp() != "" {
				balancers = append(balancers, i.GetIp())
			} else if i.GetHostname() != "" {
				balancers = append(balancers, i.GetHostname())
			}
		}
		addresses = append(balancers, addresses...)
		if len(addresses) == 0 {
			return "<pending>"
		}
	}
	if len(addresses) == 0 {
		return none
	}
	return strings.Join(addresses, ",")
}

func servicePorts(o kind.Object, _ time.Time) string {
	s, ok := o.(*corev1.Service)
	if !ok || len(s.GetSpec().GetPorts()) == 0 {
		return none
	}
	var parts []string
	for _, p := range s.GetSpec().GetPorts() {
		protocol := p.GetProtocol()
		if protocol == "" {
			protocol = "TCP"
		}
		if p.GetNodePort() > 0 {
			parts = append(parts, fmt.Sprintf("%d:%d/%s", p.GetPort(), p.GetNodePort(), protocol))
		} else {
			parts = append(parts, fmt.Sprintf("%d/%s", p.GetPort(), protocol))
		}
	}
	return strings.Join(parts, ",")
}
