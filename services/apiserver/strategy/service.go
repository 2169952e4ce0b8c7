package strategy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func serviceRules() rules[*corev1.Service] {
	return rules[*corev1.Service]{
		name:           serviceName,
		defaults:       defaultService,
		validate:       validateService,
		validateUpdate: validateServiceUpdate,
		prepareCreate: func(s *corev1.Service) {
			defaultFamilies(s.GetSpec())
			s.Status = &corev1.ServiceStatus{LoadBalancer: &corev1.LoadBalancerStatus{}}
		},
		prepareUpdate: keepAllocated,
	}
}

// familyOf is IPv4 or IPv6; empty for what is no address.
func familyOf(ip string) string {
	a, err := netip.ParseAddr(ip)
	switch {
	case err != nil:
		return ""
	case a.Unmap().Is4():
		return "IPv4"
	default:
		return "IPv6"
	}
}

func headless(s *corev1.ServiceSpec) bool { return s.GetClusterIp() == noClusterIP }

func validateService(svc *corev1.Service) field.ErrorList {
	path, s := field.NewPath("spec"), svc.GetSpec()
	if s == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := oneOf(path.Child("type"), s.Type, "ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
	errs = append(errs, validateServicePorts(s, path.Child("ports"))...)
	errs = append(errs, validateLabels(s.Selector, path.Child("selector"))...)
	errs = append(errs, validateAffinityConfig(s, path)...)
	errs = append(errs, validateAddresses(s, path)...)
	errs = append(errs, validateTraffic(s, path)...)
	return append(errs, validateLoadBalancer(s, path)...)
}

func validateServicePorts(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(s.Ports) == 0 && !headless(s) && s.Type != "ExternalName" {
		errs = append(errs, field.Required(path, "a service without ports needs clusterIP \"None\""))
	}
	names, ports, nodePorts := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i, p := range s.Ports {
		at := path.Index(i)
		switch {
		case p.Name == "" && len(s.Ports) > 1:
			errs = append(errs, field.Required(at.Child("name"), "ports need names when there is more than one"))
		case p.Name != "" && names[p.Name]:
			errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
		case p.Name != "":
			errs = append(errs, each(at.Child("name"), p.Name, validation.IsDNS1123Label(p.Name))...)
		}
		names[p.Name] = true
		errs = append(errs, validatePortNumber(p.Port, at.Child("port"))...)
		errs = append(errs, oneOf(at.Child("protocol"), p.Protocol, "SCTP", "TCP", "UDP")...)
		errs = append(errs, validatePortRef(p.TargetPort, at.Child("targetPort"))...)
		if p.AppProtocol != nil {
			errs = append(errs, qualifiedName(at.Child("appProtocol"), *p.AppProtocol)...)
		}
		id := fmt.Sprintf("%s/%d", p.Protocol, p.Port)
		if ports[id] {
			errs = append(errs, field.Duplicate(at, id))
		}
		ports[id] = true
		if p.NodePort == 0 {
			continue
		}
		if s.Type == "ClusterIP" || s.Type == "ExternalName" {
			errs = append(errs, field.Forbidden(at.Child("nodePort"), "may not be used when `type` is '"+s.Type+"'"))
		}
		errs = append(errs, validatePortNumber(p.NodePort, at.Child("nodePort"))...)
		id = fmt.Sprintf("%s/%d", p.Protocol, p.NodePort)
		if nodePorts[id] {
			errs = append(errs, field.Duplicate(at.Child("nodePort"), p.NodePort))
		}
		nodePorts[id] = true
	}
	return errs
}

func validateAffinityConfig(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("sessionAffinity"), s.SessionAffinity, "ClientIP", "None")
	at := path.Child("sessionAffinityConfig")
	switch s.SessionAffinity {
	case "ClientIP":
		t := s.GetSessionAffinityConfig().GetClientIp().GetTimeoutSeconds()
		if t <= 0 || t > 86400 {
			errs = append(errs, field.Invalid(at.Child("clientIP", "timeoutSeconds"), t, "must be greater than 0 and less than or equal to 86400"))
		}
	case "None":
		if s.SessionAffinityConfig != nil {
			errs = append(errs, field.Forbidden(at, "must not be set when session affinity is None"))
		}
	}
	return errs
}

// validateAddresses checks cluster IPs, external IPs and the external name.
func validateAddresses(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Type == "ExternalName" {
		if s.ClusterIp != "" || len(s.ClusterIps) > 0 {
			errs = append(errs, field.Forbidden(path.Child("clusterIPs"), "may not be set when `type` is 'ExternalName'"))
		}
		if len(s.IpFamilies) > 0 {
			errs = append(errs, field.Forbidden(path.Child("ipFamilies"), "may not be set when `type` is 'ExternalName'"))
		}
		if s.IpFamilyPolicy != nil {
			errs = append(errs, field.Forbidden(path.Child("ipFamilyPolicy"), "may not be set when `type` is 'ExternalName'"))
		}
		name := strings.TrimSuffix(s.ExternalName, ".")
		if name == "" {
			return append(errs, field.Required(path.Child("externalName"), ""))
		}
		return append(errs, each(path.Child("externalName"), s.ExternalName, validation.IsDNS1123Subdomain(name))...)
	}
	ips := path.Child("clusterIPs")
	if len(s.ClusterIps) > 0 && s.ClusterIps[0] != s.ClusterIp {
		errs = append(errs, field.Invalid(ips, s.ClusterIps, "first value must match `clusterIP`"))
	}
	for i, ip := range s.ClusterIps {
		switch {
		case ip == noClusterIP && len(s.ClusterIps) > 1:
			errs = append(errs, field.Invalid(ips.Index(i), ip, "'None' must be the first and only value"))
		case ip == noClusterIP && s.Type != "ClusterIP":
			errs = append(errs, field.Invalid(ips.Index(i), ip, "may not be set to 'None' for "+s.Type+" services"))
		case ip != noClusterIP:
			errs = append(errs, validation.IsValidIPForLegacyField(ips.Index(i), ip, true, nil)...)
			if i < len(s.IpFamilies) && familyOf(ip) != "" && familyOf(ip) != s.IpFamilies[i] {
				errs = append(errs, field.Invalid(ips.Index(i), ip, "expected an "+s.IpFamilies[i]+" value as indicated by `ipFamilies`"))
			}
		}
	}
	if len(s.ClusterIps) > 2 {
		errs = append(errs, field.Invalid(ips, s.ClusterIps, "may only hold up to 2 values"))
	}
	for i, f := range s.IpFamilies {
		at := path.Child("ipFamilies").Index(i)
		errs = append(errs, oneOf(at, f, "IPv4", "IPv6")...)
		if slices.Contains(s.IpFamilies[:i], f) {
			errs = append(errs, field.Duplicate(at, f))
		}
	}
	if s.IpFamilyPolicy != nil {
		errs = append(errs, oneOf(path.Child("ipFamilyPolicy"), *s.IpFamilyPolicy, "PreferDualStack", "RequireDualStack", "SingleStack")...)
		if *s.IpFamilyPolicy == "SingleStack" && (len(s.ClusterIps) > 1 || len(s.IpFamilies) > 1) {
			errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), *s.IpFamilyPolicy, "must be RequireDualStack or PreferDualStack when multiple clusterIPs or ipFamilies are specified"))
		}
	}
	for i, ip := range s.ExternalIps {
		at := path.Child("externalIPs").Index(i)
		errs = append(errs, validation.IsValidIPForLegacyField(at, ip, true, nil)...)
		if a, err := netip.ParseAddr(ip); err == nil && (a.IsUnspecified() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast()) {
			errs = append(errs, field.Invalid(at, ip, "may not be unspecified, loopback, link-local or multicast"))
		}
	}
	return errs
}

// validateTraffic checks where traffic may go.
func validateTraffic(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("externalTrafficPolicy")
	switch {
	case !reachedFromOutside(s):
		if s.ExternalTrafficPolicy != "" {
			errs = append(errs, field.Invalid(at, s.ExternalTrafficPolicy, "may only be set for externally-accessible services"))
		}
	case s.ExternalTrafficPolicy == "":
		errs = append(errs, field.Required(at, ""))
	default:
		errs = append(errs, oneOf(at, s.ExternalTrafficPolicy, "Cluster", "Local")...)
	}
	if p := s.InternalTrafficPolicy; p != nil {
		errs = append(errs, oneOf(path.Child("internalTrafficPolicy"), *p, "Cluster", "Local")...)
	} else if s.Type != "ExternalName" {
		errs = append(errs, field.Required(path.Child("internalTrafficPolicy"), ""))
	}
	if d := s.TrafficDistribution; d != nil {
		errs = append(errs, oneOf(path.Child("trafficDistribution"), *d, "PreferClose", "PreferSameNode", "PreferSameZone")...)
	}
	if s.HealthCheckNodePort != 0 {
		errs = append(errs, validatePortNumber(s.HealthCheckNodePort, path.Child("healthCheckNodePort"))...)
		if !needsHealthCheckPort(s) {
			errs = append(errs, field.Invalid(path.Child("healthCheckNodePort"), s.HealthCheckNodePort,
				"may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
		}
	}
	return errs
}

// validateLoadBalancer checks what only services of type LoadBalancer have.
func validateLoadBalancer(s *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	isBalancer := s.Type == "LoadBalancer"
	for i, r := range s.LoadBalancerSourceRanges {
		errs = append(errs, validation.IsValidCIDRForLegacyField(path.Child("loadBalancerSourceRanges").Index(i), strings.TrimSpace(r), true, nil)...)
	}
	if c := s.LoadBalancerClass; c != nil {
		errs = append(errs, qualifiedName(path.Child("loadBalancerClass"), *c)...)
	}
	for name, set := range map[string]bool{
		"loadBalancerSourceRanges": len(s.LoadBalancerSourceRanges) > 0, "loadBalancerClass": s.LoadBalancerClass != nil,
		"allocateLoadBalancerNodePorts": s.AllocateLoadBalancerNodePorts != nil,
	} {
		if set && !isBalancer {
			errs = append(errs, field.Forbidden(path.Child(name), "may only be used when `type` is 'LoadBalancer'"))
		}
	}
	if isBalancer && s.AllocateLoadBalancerNodePorts == nil {
		errs = append(errs, field.Required(path.Child("allocateLoadBalancerNodePorts"), ""))
	}
	return errs
}

// validateServiceUpdate keeps the addresses of a service that stays reachable inside the cluster.
func validateServiceUpdate(new, old *corev1.Service) field.ErrorList {
	var errs field.ErrorList
	path, n, o := field.NewPath("spec"), new.GetSpec(), old.GetSpec()
	if n.GetType() != "ExternalName" && o.GetType() != "ExternalName" && o.GetClusterIp() != "" {
		if n.GetClusterIp() != o.GetClusterIp() {
			errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(0), n.GetClusterIp(), immutableMessage))
		}
		if len(n.GetClusterIps()) > 1 && len(o.GetClusterIps()) > 1 && n.ClusterIps[1] != o.ClusterIps[1] {
			errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(1), n.ClusterIps[1], immutableMessage))
		}
		if len(n.GetIpFamilies()) > 0 && len(o.GetIpFamilies()) > 0 && n.IpFamilies[0] != o.IpFamilies[0] {
			errs = append(errs, field.Invalid(path.Child("ipFamilies").Index(0), n.IpFamilies[0], immutableMessage))
		}
	}
	if n.GetType() == "LoadBalancer" && o.GetType() == "LoadBalancer" && n.GetLoadBalancerClass() != o.GetLoadBalancerClass() {
		errs = append(errs, field.Invalid(path.Child("loadBalancerClass"), n.GetLoadBalancerClass(), "may not change once set"))
	}
	if needsHealthCheckPort(n) && needsHealthCheckPort(o) && n.HealthCheckNodePort != o.HealthCheckNodePort {
		errs = append(errs, field.Forbidden(path.Child("healthCheckNodePort"), immutableMessage))
	}
	return errs
}
