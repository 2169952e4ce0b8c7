package strategy

import (
	"net/netip"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	discoveryv1 "kaji.dev/kaji/gen/kaji/discovery/v1"
)

const (
	maxEndpoints     = 1000
	maxEndpointPorts = 20000
	maxSliceAddress  = 100
	maxHints         = 8
)

func endpointsRules() rules[*corev1.Endpoints] {
	return rules[*corev1.Endpoints]{
		defaults: func(e *corev1.Endpoints) {
			for _, s := range e.Subsets {
				for _, p := range s.Ports {
					setDefault(&p.Protocol, "TCP")
				}
			}
		},
		validate: func(e *corev1.Endpoints) field.ErrorList {
			var errs field.ErrorList
			for i, s := range e.Subsets {
				at := field.NewPath("subsets").Index(i)
				if len(s.Addresses)+len(s.NotReadyAddresses) == 0 {
					errs = append(errs, field.Required(at, "must specify `addresses` or `notReadyAddresses`"))
				}
				for j, a := range s.Addresses {
					errs = append(errs, validateEndpointAddress(a, at.Child("addresses").Index(j))...)
				}
				for j, a := range s.NotReadyAddresses {
					errs = append(errs, validateEndpointAddress(a, at.Child("notReadyAddresses").Index(j))...)
				}
				for j, p := range s.Ports {
					here := at.Child("ports").Index(j)
					if len(s.Ports) > 1 && p.Name == "" {
						errs = append(errs, field.Required(here.Child("name"), "several ports must have names"))
					} else if p.Name != "" {
						errs = append(errs, each(here.Child("name"), p.Name, validation.IsDNS1123Label(p.Name))...)
					}
					errs = append(errs, validatePortNumber(p.Port, here.Child("port"))...)
					errs = append(errs, oneOf(here.Child("protocol"), p.Protocol, "SCTP", "TCP", "UDP")...)
				}
			}
			return errs
		},
	}
}

func validateEndpointAddress(a *corev1.EndpointAddress, path *field.Path) field.ErrorList {
	errs := validateEndpointIP(a.Ip, path.Child("ip"))
	if a.Hostname != "" {
		errs = append(errs, each(path.Child("hostname"), a.Hostname, validation.IsDNS1123Label(a.Hostname))...)
	}
	if a.NodeName != nil {
		errs = append(errs, each(path.Child("nodeName"), a.GetNodeName(), subdomainName(a.GetNodeName(), false))...)
	}
	return errs
}

// validateEndpointIP refuses addresses that would lead traffic to the node itself, or to everybody.
func validateEndpointIP(text string, path *field.Path) field.ErrorList {
	ip, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		return field.ErrorList{field.Invalid(path, text, "must be an IP address")}
	case ip.IsUnspecified():
		return field.ErrorList{field.Invalid(path, text, "may not be unspecified")}
	case ip.IsLoopback():
		return field.ErrorList{field.Invalid(path, text, "may not be in the loopback range")}
	case ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast():
		return field.ErrorList{field.Invalid(path, text, "may not be in the link-local range")}
	}
	return nil
}

func endpointSliceRules() rules[*discoveryv1.EndpointSlice] {
	return rules[*discoveryv1.EndpointSlice]{
		defaults: func(s *discoveryv1.EndpointSlice) {
			for _, p := range s.Ports {
				setDefaultPtr(&p.Name, "")
				setDefaultPtr(&p.Protocol, "TCP")
			}
		},
		validate: validateEndpointSlice,
		validateUpdate: func(new, old *discoveryv1.EndpointSlice) field.ErrorList {
			if new.AddressType == old.AddressType {
				return nil
			}
			return field.ErrorList{field.Invalid(field.NewPath("addressType"), new.AddressType, immutableMessage)}
		},
	}
}

func validateEndpointSlice(s *discoveryv1.EndpointSlice) field.ErrorList {
	errs := oneOf(field.NewPath("addressType"), s.AddressType, "FQDN", "IPv4", "IPv6")
	if n := len(s.Endpoints); n > maxEndpoints {
		errs = append(errs, field.TooMany(field.NewPath("endpoints"), n, maxEndpoints))
	}
	for i, e := range s.Endpoints {
		at := field.NewPath("endpoints").Index(i)
		switch n := len(e.Addresses); {
		case n == 0:
			errs = append(errs, field.Required(at.Child("addresses"), "must contain at least 1 address"))
		case n > maxSliceAddress:
			errs = append(errs, field.TooMany(at.Child("addresses"), n, maxSliceAddress))
		}
		for j, a := range e.Addresses {
			here := at.Child("addresses").Index(j)
			if s.AddressType == "FQDN" {
				errs = append(errs, validation.IsFullyQualifiedDomainName(here, a)...)
				continue
			}
			wrong := validateEndpointIP(a, here)
			errs = append(errs, wrong...)
			if ip, err := netip.ParseAddr(a); err == nil && len(wrong) == 0 && ip.Is4() != (s.AddressType == "IPv4") {
				errs = append(errs, field.Invalid(here, a, "must be of the family "+s.AddressType))
			}
		}
		if e.Hostname != nil {
			errs = append(errs, each(at.Child("hostname"), e.GetHostname(), validation.IsDNS1123Label(e.GetHostname()))...)
		}
		if e.NodeName != nil {
			errs = append(errs, each(at.Child("nodeName"), e.GetNodeName(), subdomainName(e.GetNodeName(), false))...)
		}
		if n := len(e.GetHints().GetForZones()); n > maxHints {
			errs = append(errs, field.TooMany(at.Child("hints", "forZones"), n, maxHints))
		}
		if n := len(e.GetHints().GetForNodes()); n > maxHints {
			errs = append(errs, field.TooMany(at.Child("hints", "forNodes"), n, maxHints))
		}
	}
	if n := len(s.Ports); n > maxEndpointPorts {
		errs = append(errs, field.TooMany(field.NewPath("ports"), n, maxEndpointPorts))
	}
	seen := map[string]bool{}
	for i, p := range s.Ports {
		at := field.NewPath("ports").Index(i)
		if p.GetName() != "" {
			errs = append(errs, each(at.Child("name"), p.GetName(), validation.IsDNS1123Label(p.GetName()))...)
		}
		if seen[p.GetName()] {
			errs = append(errs, field.Duplicate(at.Child("name"), p.GetName()))
		}
		seen[p.GetName()] = true
		errs = append(errs, oneOf(at.Child("protocol"), p.GetProtocol(), "SCTP", "TCP", "UDP")...)
		if p.Port != nil {
			errs = append(errs, validatePortNumber(p.GetPort(), at.Child("port"))...)
		}
	}
	return errs
}
