package strategy

import (
	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// clientAffinitySeconds is how long a client keeps its backend: three hours.
const clientAffinitySeconds = 10800

// noClusterIP as clusterIP makes a headless service: names resolve to the pods themselves.
const noClusterIP = "None"

func defaultService(svc *corev1.Service) {
	if svc.Spec == nil {
		svc.Spec = &corev1.ServiceSpec{}
	}
	s := svc.Spec
	setDefault(&s.SessionAffinity, "None")
	switch s.SessionAffinity {
	case "None":
		s.SessionAffinityConfig = nil
	case "ClientIP":
		if s.SessionAffinityConfig == nil {
			s.SessionAffinityConfig = &corev1.SessionAffinityConfig{}
		}
		if s.SessionAffinityConfig.ClientIp == nil {
			s.SessionAffinityConfig.ClientIp = &corev1.ClientIPConfig{}
		}
		setDefaultPtr(&s.SessionAffinityConfig.ClientIp.TimeoutSeconds, int32(clientAffinitySeconds))
	}
	setDefault(&s.Type, "ClusterIP")
	for _, p := range s.Ports {
		setDefault(&p.Protocol, "TCP")
		if p.TargetPort == nil || (p.TargetPort.Type == 0 && p.TargetPort.IntVal == 0) || (p.TargetPort.Type == 1 && p.TargetPort.StrVal == "") {
			p.TargetPort = &metav1.IntOrString{IntVal: p.Port}
		}
	}
	if reachedFromOutside(s) {
		setDefault(&s.ExternalTrafficPolicy, "Cluster")
	}
	if s.Type == "ExternalName" {
		return
	}
	setDefaultPtr(&s.InternalTrafficPolicy, "Cluster")
	if s.Type == "LoadBalancer" && s.AllocateLoadBalancerNodePorts == nil {
		s.AllocateLoadBalancerNodePorts = proto.Bool(true)
	}
	// clusterIP is the old name of the first of clusterIPs.
	switch {
	case s.ClusterIp != "" && len(s.ClusterIps) == 0:
		s.ClusterIps = []string{s.ClusterIp}
	case s.ClusterIp == "" && len(s.ClusterIps) > 0:
		s.ClusterIp = s.ClusterIps[0]
	}
}

// defaultFamilies sets the IP families, once it is known which addresses the service has already.
func defaultFamilies(s *corev1.ServiceSpec) {
	if s == nil || s.Type == "ExternalName" {
		return
	}
	if s.IpFamilyPolicy == nil {
		policy := "SingleStack"
		if len(s.ClusterIps) == 2 || len(s.IpFamilies) == 2 {
			policy = "RequireDualStack"
		}
		s.IpFamilyPolicy = &policy
	}
	if len(s.IpFamilies) > 0 {
		return
	}
	for _, ip := range s.ClusterIps {
		if f := familyOf(ip); f != "" {
			s.IpFamilies = append(s.IpFamilies, f)
		}
	}
	if len(s.IpFamilies) == 0 {
		s.IpFamilies = []string{"IPv4"}
	}
}

// reachedFromOutside says whether nodes or a load balancer take traffic for the service.
func reachedFromOutside(s *corev1.ServiceSpec) bool {
	return s.GetType() == "NodePort" || s.GetType() == "LoadBalancer" ||
		(s.GetType() == "ClusterIP" && len(s.GetExternalIps()) > 0)
}

// keepAllocated carries over what was allocated to the service before, where the new one leaves it out.
func keepAllocated(new, old *corev1.Service) {
	n, o := new.GetSpec(), old.GetSpec()
	if n == nil || o == nil {
		return
	}
	if n.Type != "ExternalName" && o.Type != "ExternalName" && n.ClusterIp == "" && len(n.ClusterIps) == 0 {
		n.ClusterIp, n.ClusterIps = o.ClusterIp, o.ClusterIps
	}
	if len(n.IpFamilies) == 0 && n.Type != "ExternalName" && o.Type != "ExternalName" {
		n.IpFamilies = o.IpFamilies
		if n.IpFamilyPolicy == nil {
			n.IpFamilyPolicy = o.IpFamilyPolicy
		}
	}
	defaultFamilies(n)
	if n.HealthCheckNodePort == 0 && needsHealthCheckPort(n) && needsHealthCheckPort(o) {
		n.HealthCheckNodePort = o.HealthCheckNodePort
	}
	if !hasNodePorts(n) || !hasNodePorts(o) {
		return
	}
	type port struct {
		protocol string
		number   int32
	}
	given, used := map[port]int32{}, map[int32]bool{}
	for _, p := range o.Ports {
		given[port{p.Protocol, p.Port}] = p.NodePort
	}
	for _, p := range n.Ports {
		used[p.NodePort] = true
	}
	for _, p := range n.Ports {
		if was := given[port{p.Protocol, p.Port}]; p.NodePort == 0 && was != 0 && !used[was] {
			p.NodePort = was
		}
	}
}

func hasNodePorts(s *corev1.ServiceSpec) bool {
	return s.GetType() == "NodePort" || (s.GetType() == "LoadBalancer" && s.GetAllocateLoadBalancerNodePorts())
}

func needsHealthCheckPort(s *corev1.ServiceSpec) bool {
	return s.GetType() == "LoadBalancer" && s.GetExternalTrafficPolicy() == "Local"
}
