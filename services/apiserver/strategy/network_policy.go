package strategy

import (
	"net/netip"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	networkingv1 "kaji.dev/kaji/gen/kaji/networking/v1"
)

func networkPolicyRules() rules[*networkingv1.NetworkPolicy] {
	return rules[*networkingv1.NetworkPolicy]{
		defaults: func(p *networkingv1.NetworkPolicy) {
			if p.Spec == nil {
				p.Spec = &networkingv1.NetworkPolicySpec{}
			}
			if len(p.Spec.PolicyTypes) == 0 {
				p.Spec.PolicyTypes = []string{"Ingress"}
				if len(p.Spec.Egress) > 0 {
					p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, "Egress")
				}
			}
			for _, r := range p.Spec.Ingress {
				defaultPolicyPorts(r.Ports)
			}
			for _, r := range p.Spec.Egress {
				defaultPolicyPorts(r.Ports)
			}
		},
		validate: func(p *networkingv1.NetworkPolicy) field.ErrorList {
			path, s := field.NewPath("spec"), p.GetSpec()
			errs := validateSelector(s.GetPodSelector(), path.Child("podSelector"))
			for i, r := range s.GetIngress() {
				errs = append(errs, validatePolicyRule(r.Ports, r.From, path.Child("ingress").Index(i), "from")...)
			}
			for i, r := range s.GetEgress() {
				errs = append(errs, validatePolicyRule(r.Ports, r.To, path.Child("egress").Index(i), "to")...)
			}
			for i, t := range s.GetPolicyTypes() {
				errs = append(errs, oneOf(path.Child("policyTypes").Index(i), t, "Egress", "Ingress")...)
			}
			return errs
		},
	}
}

func defaultPolicyPorts(ports []*networkingv1.NetworkPolicyPort) {
	for _, p := range ports {
		setDefaultPtr(&p.Protocol, "TCP")
	}
}

func validatePolicyRule(ports []*networkingv1.NetworkPolicyPort, peers []*networkingv1.NetworkPolicyPeer, path *field.Path, end string) field.ErrorList {
	var errs field.ErrorList
	for i, p := range ports {
		at := path.Child("ports").Index(i)
		errs = append(errs, oneOf(at.Child("protocol"), p.GetProtocol(), "SCTP", "TCP", "UDP")...)
		named := p.GetPort().GetType() == 1
		switch {
		case p.Port != nil && named:
			errs = append(errs, each(at.Child("port"), p.Port.StrVal, validation.IsValidPortName(p.Port.StrVal))...)
		case p.Port != nil:
			errs = append(errs, validatePortNumber(p.Port.IntVal, at.Child("port"))...)
		}
		if p.EndPort != nil {
			switch {
			case p.Port == nil:
				errs = append(errs, field.Required(at.Child("port"), "may not be empty when `endPort` is specified"))
			case named:
				errs = append(errs, field.Forbidden(at.Child("endPort"), "may not be specified when `port` is non-numeric"))
			case p.GetEndPort() < p.Port.IntVal:
				errs = append(errs, field.Invalid(at.Child("endPort"), p.GetEndPort(), "must be greater than or equal to `port`"))
			}
			errs = append(errs, validatePortNumber(p.GetEndPort(), at.Child("endPort"))...)
		}
	}
	for i, p := range peers {
		at := path.Child(end).Index(i)
		switch {
		case p.PodSelector == nil && p.NamespaceSelector == nil && p.IpBlock == nil:
			errs = append(errs, field.Required(at, "must specify a peer"))
		case p.IpBlock != nil && (p.PodSelector != nil || p.NamespaceSelector != nil):
			errs = append(errs, field.Forbidden(at, "may not specify both ipBlock and another peer"))
		}
		errs = append(errs, validateSelector(p.PodSelector, at.Child("podSelector"))...)
		errs = append(errs, validateSelector(p.NamespaceSelector, at.Child("namespaceSelector"))...)
		if p.IpBlock != nil {
			errs = append(errs, validateIPBlock(p.IpBlock, at.Child("ipBlock"))...)
		}
	}
	return errs
}

func validateIPBlock(b *networkingv1.IPBlock, path *field.Path) field.ErrorList {
	outer, err := netip.ParsePrefix(b.Cidr)
	if err != nil {
		return field.ErrorList{field.Invalid(path.Child("cidr"), b.Cidr, "must be a range of addresses, such as 192.0.2.0/24")}
	}
	var errs field.ErrorList
	for i, e := range b.Except {
		inner, err := netip.ParsePrefix(e)
		if err != nil {
			errs = append(errs, field.Invalid(path.Child("except").Index(i), e, "must be a range of addresses, such as 192.0.2.0/24"))
		} else if !outer.Contains(inner.Addr()) || inner.Bits() <= outer.Bits() {
			errs = append(errs, field.Invalid(path.Child("except").Index(i), e, "must be a strict subset of `cidr`"))
		}
	}
	return errs
}

func ipAddressRules() rules[*networkingv1.IPAddress] {
	return rules[*networkingv1.IPAddress]{
		name: func(name string, _ bool) []string {
			if ip, err := netip.ParseAddr(name); err != nil || ip.String() != name {
				return []string{"must be an IP address in its canonical form"}
			}
			return nil
		},
		validate: func(a *networkingv1.IPAddress) field.ErrorList {
			ref, path := a.GetSpec().GetParentRef(), field.NewPath("spec", "parentRef")
			if ref == nil {
				return field.ErrorList{field.Required(path, "")}
			}
			var errs field.ErrorList
			if ref.Resource == "" {
				errs = append(errs, field.Required(path.Child("resource"), ""))
			}
			if ref.Name == "" {
				errs = append(errs, field.Required(path.Child("name"), ""))
			}
			return errs
		},
		validateUpdate: func(new, old *networkingv1.IPAddress) field.ErrorList {
			return validateImmutable(new.GetSpec().GetParentRef(), old.GetSpec().GetParentRef(), field.NewPath("spec", "parentRef"))
		},
	}
}

func serviceCIDRRules() rules[*networkingv1.ServiceCIDR] {
	return rules[*networkingv1.ServiceCIDR]{
		validate: func(c *networkingv1.ServiceCIDR) field.ErrorList {
			path, cidrs := field.NewPath("spec", "cidrs"), c.GetSpec().GetCidrs()
			var errs field.ErrorList
			if len(cidrs) == 0 || len(cidrs) > 2 {
				errs = append(errs, field.Invalid(path, cidrs, "must be one range, or one of each family"))
			}
			four := 0
			for i, text := range cidrs {
				prefix, err := netip.ParsePrefix(text)
				if err != nil || prefix.Masked() != prefix || prefix.String() != text {
					errs = append(errs, field.Invalid(path.Index(i), text, "must be a range of addresses in its canonical form, such as 192.0.2.0/24"))
				} else if prefix.Addr().Is4() {
					four++
				}
			}
			if len(errs) == 0 && len(cidrs) == 2 && four != 1 {
				errs = append(errs, field.Invalid(path, cidrs, "may specify no more than one range for each family"))
			}
			return errs
		},
		validateUpdate: func(new, old *networkingv1.ServiceCIDR) field.ErrorList {
			return validateImmutable(new.GetSpec(), old.GetSpec(), field.NewPath("spec"))
		},
		validateStatus: func(new, _ *networkingv1.ServiceCIDR) field.ErrorList {
			return validateConditions(new.GetStatus().GetConditions(), field.NewPath("status", "conditions"))
		},
		prepareCreate: func(c *networkingv1.ServiceCIDR) { c.Status = &networkingv1.ServiceCIDRStatus{} },
	}
}
