package printers

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	discoveryv1 "kaji.dev/kaji/gen/kaji/discovery/v1"
	networkingv1 "kaji.dev/kaji/gen/kaji/networking/v1"
	"kaji.dev/kaji/kind"
)

// shown is how many of a list a cell shows.
const shown = 3

// some joins the first of a list, and says how many more there are.
func some(list []string, unset string) string {
	switch n := len(list); {
	case n == 0:
		return unset
	case n > shown:
		return fmt.Sprintf("%s + %d more...", strings.Join(list[:shown], ","), n-shown)
	}
	return strings.Join(list, ",")
}

func endpoints(o kind.Object, _ time.Time) string {
	e, ok := o.(*corev1.Endpoints)
	if !ok || len(e.GetSubsets()) == 0 {
		return none
	}
	var list []string
	for _, s := range e.GetSubsets() {
		for _, a := range s.GetAddresses() {
			if len(s.GetPorts()) == 0 {
				list = append(list, a.GetIp())
			}
		}
		for _, p := range s.GetPorts() {
			for _, a := range s.GetAddresses() {
				list = append(list, net.JoinHostPort(a.GetIp(), strconv.Itoa(int(p.GetPort()))))
			}
		}
	}
	return some(list, "")
}

func slicePorts(o kind.Object, _ time.Time) string {
	s, ok := o.(*discoveryv1.EndpointSlice)
	if !ok {
		return none
	}
	var list []string
	for _, p := range s.GetPorts() {
		switch {
		case p.Port != nil:
			list = append(list, strconv.Itoa(int(p.GetPort())))
		case p.GetName() != "":
			list = append(list, p.GetName())
		default:
			list = append(list, "*")
		}
	}
	return some(list, "<unset>")
}

func sliceEndpoints(o kind.Object, _ time.Time) string {
	s, ok := o.(*discoveryv1.EndpointSlice)
	if !ok {
		return none
	}
	var list []string
	for _, e := range s.GetEndpoints() {
		list = append(list, e.GetAddresses()...)
	}
	return some(list, "<unset>")
}

func ingressHosts(o kind.Object, _ time.Time) string {
	i, ok := o.(*networkingv1.Ingress)
	if !ok {
		return none
	}
	var list []string
	for _, r := range i.GetSpec().GetRules() {
		if r.GetHost() != "" {
			list = append(list, r.GetHost())
		}
	}
	return some(list, "*")
}

func ingressAddress(o kind.Object, _ time.Time) string {
	i, ok := o.(*networkingv1.Ingress)
	if !ok {
		return none
	}
	var list []string
	for _, in := range i.GetStatus().GetLoadBalancer().GetIngress() {
		if in.GetIp() != "" {
			list = append(list, in.GetIp())
		} else if in.GetHostname() != "" {
			list = append(list, in.GetHostname())
		}
	}
	return strings.Join(list, ",")
}

func ingressPorts(o kind.Object, _ time.Time) string {
	if i, ok := o.(*networkingv1.Ingress); ok && len(i.GetSpec().GetTls()) > 0 {
		return "80, 443"
	}
	return "80"
}

func ingressClassParameters(o kind.Object, _ time.Time) string {
	c, ok := o.(*networkingv1.IngressClass)
	if !ok || c.GetSpec().GetParameters() == nil {
		return none
	}
	p := c.GetSpec().GetParameters()
	name := p.GetKind()
	if p.GetApiGroup() != "" {
		name += "." + p.GetApiGroup()
	}
	return name + "/" + p.GetName()
}

func parentRef(o kind.Object, _ time.Time) string {
	a, ok := o.(*networkingv1.IPAddress)
	if !ok || a.GetSpec().GetParentRef() == nil {
		return none
	}
	ref := a.GetSpec().GetParentRef()
	name := ref.GetResource()
	if ref.GetGroup() != "" {
		name += "." + ref.GetGroup()
	}
	if ref.GetNamespace() != "" {
		name += "/" + ref.GetNamespace()
	}
	return name + "/" + ref.GetName()
}
