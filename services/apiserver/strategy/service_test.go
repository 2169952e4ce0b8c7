package strategy

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const baseService = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  selector: {app: web}
  ports: [{port: 80}]
`

func TestServiceRules(t *testing.T) {
	const p0, s = "spec.ports[0].", "spec."
	runCases(t, baseService, []ruleCase{
		{"plain", `{}`, nil},
		{"name may begin with a digit", `metadata: {name: 1web}`, nil},
		{"name with a dot", `metadata: {name: a.b}`, []string{"metadata.name Invalid"}},
		{"unknown type", `spec: {type: Magic}`, []string{s + "type NotSupported"}},
		{"no ports", `spec: {ports: []}`, []string{s + "ports Required"}},
		{"headless without ports", `spec: {clusterIP: None, ports: []}`, nil},
		{"unnamed among several", `spec: {ports: [{port: 1, name: a}, {port: 2}]}`, []string{"spec.ports[1].name Required"}},
		{"two ports of a name", `spec: {ports: [{port: 1, name: a}, {port: 2, name: a}]}`, []string{"spec.ports[1].name Duplicate"}},
		{"one port twice", `spec: {ports: [{port: 1, name: a}, {port: 1, name: b}]}`, []string{"spec.ports[1] Duplicate"}},
		{"one number, two protocols", `spec: {ports: [{port: 1, name: a}, {port: 1, name: b, protocol: UDP}]}`, nil},
		{"port zero", `spec: {ports: [{port: 0, targetPort: 1}]}`, []string{p0 + "port Invalid"}},
		{"unknown protocol", `spec: {ports: [{port: 1, protocol: ICMP}]}`, []string{p0 + "protocol NotSupported"}},
		{"bad target", `spec: {ports: [{port: 1, targetPort: 70000}]}`, []string{p0 + "targetPort Invalid"}},
		{"named target", `spec: {ports: [{port: 1, targetPort: http}]}`, nil},
		{"bad application protocol", `spec: {ports: [{port: 1, appProtocol: "a b"}]}`, []string{p0 + "appProtocol Invalid"}},
		{"node port on a cluster IP", `spec: {ports: [{port: 1, nodePort: 30000}]}`, []string{p0 + "nodePort Forbidden"}},
		{"node port twice", `spec: {type: NodePort, ports: [{port: 1, name: a, nodePort: 30000}, {port: 2, name: b, nodePort: 30000}]}`, []string{"spec.ports[1].nodePort Duplicate"}},
		{"bad selector", `spec: {selector: {a: "b c"}}`, []string{s + "selector Invalid"}},
		{"unknown affinity", `spec: {sessionAffinity: Cookie}`, []string{s + "sessionAffinity NotSupported"}},
		{"affinity for too long", `spec: {sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 90000}}}`, []string{s + "sessionAffinityConfig.clientIP.timeoutSeconds Invalid"}},
		{"cluster IP that is none", `spec: {clusterIP: here}`, []string{s + "clusterIPs[0] Invalid"}},
		{"first cluster IP differs", `spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.2]}`, []string{s + "clusterIPs Invalid"}},
		{"cluster IP of another family", `spec: {clusterIP: 10.0.0.1, ipFamilies: [IPv6]}`, []string{s + "clusterIPs[0] Invalid"}},
		{"headless with node ports", `spec: {type: NodePort, clusterIP: None}`, []string{s + "clusterIPs[0] Invalid"}},
		{"family twice", `spec: {ipFamilies: [IPv4, IPv4]}`, []string{s + "ipFamilies[1] Duplicate"}},
		{"two families in a single stack", `spec: {ipFamilies: [IPv4, IPv6], ipFamilyPolicy: SingleStack}`, []string{s + "ipFamilyPolicy Invalid"}},
		{"loopback as external IP", `spec: {externalIPs: [127.0.0.1]}`, []string{s + "externalIPs[0] Invalid"}},
		{"traffic policy inside only", `spec: {externalTrafficPolicy: Local}`, []string{s + "externalTrafficPolicy Invalid"}},
		{"unknown traffic policy", `spec: {type: NodePort, externalTrafficPolicy: Near}`, []string{s + "externalTrafficPolicy NotSupported"}},
		{"unknown internal policy", `spec: {internalTrafficPolicy: Near}`, []string{s + "internalTrafficPolicy NotSupported"}},
		{"unknown distribution", `spec: {trafficDistribution: Far}`, []string{s + "trafficDistribution NotSupported"}},
		{"source ranges without balancer", `spec: {loadBalancerSourceRanges: [10.0.0.0/8]}`, []string{s + "loadBalancerSourceRanges Forbidden"}},
		{"bad source range", `spec: {type: LoadBalancer, loadBalancerSourceRanges: [10.0.0.0]}`, []string{s + "loadBalancerSourceRanges[0] Invalid"}},
		{"health check without need", `spec: {type: LoadBalancer, healthCheckNodePort: 30000}`, []string{s + "healthCheckNodePort Invalid"}},
		{"external name", `spec: {type: ExternalName, externalName: example.com, ports: []}`, nil},
		{"external name missing", `spec: {type: ExternalName}`, []string{s + "externalName Required"}},
		{"external name with a cluster IP", `spec: {type: ExternalName, externalName: a.b, clusterIP: 10.0.0.1}`, []string{s + "clusterIPs Forbidden"}},
	})
}

func TestServiceUpdates(t *testing.T) {
	allocated := baseService + "  type: NodePort\n  clusterIP: 10.0.0.1\n"
	runUpdates(t, allocated, []ruleCase{
		{"cluster IP kept", `spec: {clusterIP: null}`, nil},
		{"cluster IP changed", `spec: {clusterIP: 10.0.0.2}`, []string{"spec.clusterIPs[0] Invalid"}},
		{"made external", `spec: {type: ExternalName, externalName: a.b, clusterIP: null, ports: []}`, nil},
	})
	t.Run("families kept", func(t *testing.T) {
		old, s := build(t, baseService, `spec: {clusterIP: "fd00::1"}`)
		new, _ := build(t, baseService, `{}`)
		new.(*corev1.Service).Spec.IpFamilies, new.(*corev1.Service).Spec.IpFamilyPolicy = nil, nil
		s.PrepareUpdate(new, old)
		if got := new.(*corev1.Service).Spec; got.ClusterIp != "fd00::1" || got.IpFamilies[0] != "IPv6" {
			t.Errorf("got %v", got)
		}
		if v := s.ValidateUpdate(new, old); len(v) > 0 {
			t.Errorf("an update that leaves the address out is refused: %v", v)
		}
	})
	t.Run("node ports kept", func(t *testing.T) {
		old, s := build(t, allocated, `spec: {ports: [{port: 80, nodePort: 30080}]}`)
		new, _ := build(t, allocated, `spec: {clusterIP: null, ports: [{port: 80, name: a}, {port: 81, name: b}]}`)
		s.PrepareUpdate(new, old)
		got := new.(*corev1.Service).Spec
		if got.ClusterIp != "10.0.0.1" || got.Ports[0].NodePort != 30080 || got.Ports[1].NodePort != 0 {
			t.Errorf("got %v", got)
		}
	})
}
