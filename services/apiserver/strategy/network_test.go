package strategy

import (
	"slices"
	"testing"

	networkingv1 "kaji.dev/kaji/gen/kaji/networking/v1"
)

func TestEndpointsRules(t *testing.T) {
	runCases(t, `{apiVersion: v1, kind: Endpoints, metadata: {name: e, namespace: default}, subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 80}]}]}`, []ruleCase{
		{"plain", `{}`, nil},
		{"nobody", `subsets: [{ports: [{port: 80}]}]`, []string{"subsets[0] Required"}},
		{"the node itself", `subsets: [{addresses: [{ip: 127.0.0.1}]}]`, []string{"subsets[0].addresses[0].ip Invalid"}},
		{"no address", `subsets: [{notReadyAddresses: [{ip: x}]}]`, []string{"subsets[0].notReadyAddresses[0].ip Invalid"}},
		{"ports without names", `subsets: [{addresses: [{ip: 10.0.0.1}], ports: [{port: 80}, {port: 0, name: a}]}]`, []string{"subsets[0].ports[0].name Required", "subsets[0].ports[1].port Invalid"}},
	})
	const slice = `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: e, namespace: default}, addressType: IPv4, endpoints: [{addresses: [10.0.0.1]}], ports: [{port: 80}]}`
	runCases(t, slice, []ruleCase{
		{"a slice", `{}`, nil},
		{"of another family", `addressType: IPv6`, []string{"endpoints[0].addresses[0] Invalid"}},
		{"of names", `{addressType: FQDN, endpoints: [{addresses: [a.example.com]}]}`, nil},
		{"of nobody", `endpoints: [{}]`, []string{"endpoints[0].addresses Required"}},
		{"a port twice", `ports: [{port: 80}, {port: 81}]`, []string{"ports[1].name Duplicate"}},
		{"unknown protocol", `ports: [{protocol: ICMP}]`, []string{"ports[0].protocol NotSupported"}},
	})
	runUpdates(t, slice, []ruleCase{{"another type", `{addressType: FQDN, endpoints: null}`, []string{"addressType Invalid"}}})
}

func TestIngressRules(t *testing.T) {
	runCases(t, `{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i, namespace: default}, spec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}}`, []ruleCase{
		{"plain", `{}`, nil},
		{"nothing", `spec: {rules: null}`, []string{"spec Invalid"}},
		{"a default", `spec: {rules: null, defaultBackend: {service: {name: web, port: {name: http}}}}`, nil},
		{"any of a domain", `spec: {rules: {'[0]': {host: "*.example.com"}}}`, nil},
		{"a bad host", `spec: {rules: {'[0]': {host: "a.*.com"}}}`, []string{"spec.rules[0].host Invalid"}},
		{"no path type", `spec: {rules: {'[0]': {http: {paths: {'[0]': {pathType: null}}}}}}`, []string{"spec.rules[0].http.paths[0].pathType Required"}},
		{"a relative path", `spec: {rules: {'[0]': {http: {paths: {'[0]': {path: a}}}}}}`, []string{"spec.rules[0].http.paths[0].path Invalid"}},
		{"steps back", `spec: {rules: {'[0]': {http: {paths: {'[0]': {path: /a/../b}}}}}}`, []string{"spec.rules[0].http.paths[0].path Invalid"}},
		{"no port", `spec: {rules: {'[0]': {http: {paths: {'[0]': {backend: {service: {port: null}}}}}}}}`, []string{"spec.rules[0].http.paths[0].backend.service.port Required"}},
		{"two ports", `spec: {rules: {'[0]': {http: {paths: {'[0]': {backend: {service: {port: {name: http}}}}}}}}}`, []string{"spec.rules[0].http.paths[0].backend.service.port Invalid"}},
		{"a resource", `spec: {rules: {'[0]': {http: {paths: {'[0]': {backend: {service: null, resource: {kind: Bucket, name: b}}}}}}}}`, nil},
		{"nowhere", `spec: {rules: {'[0]': {http: {paths: {'[0]': {backend: null}}}}}}`, []string{"spec.rules[0].http.paths[0].backend Required"}},
	})
	const class = `{apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: {name: c}, spec: {controller: example.com/ingress}}`
	runCases(t, class, []ruleCase{
		{"a class", `{}`, nil},
		{"without a domain", `spec: {controller: ingress}`, []string{"spec.controller Invalid"}},
		{"parameters", `spec: {parameters: {kind: K, name: x}}`, nil},
		{"parameters of a namespace", `spec: {parameters: {kind: K, name: x, scope: Namespace}}`, []string{"spec.parameters.namespace Required"}},
	})
	runUpdates(t, class, []ruleCase{{"another controller", `spec: {controller: example.com/x}`, []string{"spec.controller Invalid"}}})
}

func TestNetworkPolicyRules(t *testing.T) {
	const base = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p, namespace: default}, spec: {podSelector: {}}}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"a peer", `spec: {ingress: [{from: [{podSelector: {}, namespaceSelector: {}}], ports: [{port: 80, endPort: 90}, {port: http}]}]}`, nil},
		{"no peer", `spec: {ingress: [{from: [{}]}]}`, []string{"spec.ingress[0].from[0] Required"}},
		{"both sorts", `spec: {egress: [{to: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}`, []string{"spec.egress[0].to[0] Forbidden"}},
		{"a range of names", `spec: {egress: [{ports: [{port: http, endPort: 90}]}]}`, []string{"spec.egress[0].ports[0].endPort Forbidden"}},
		{"a range backwards", `spec: {egress: [{ports: [{port: 100, endPort: 90}]}]}`, []string{"spec.egress[0].ports[0].endPort Invalid"}},
		{"outside the block", `spec: {egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [192.0.2.0/24, 10.1.0.0/16]}}]}]}`, []string{"spec.egress[0].to[0].ipBlock.except[0] Invalid"}},
		{"no block", `spec: {egress: [{to: [{ipBlock: {cidr: all}}]}]}`, []string{"spec.egress[0].to[0].ipBlock.cidr Invalid"}},
		{"unknown direction", `spec: {policyTypes: [Up]}`, []string{"spec.policyTypes[0] NotSupported"}},
	})
	o, _ := build(t, base, `spec: {egress: [{ports: [{port: 80}]}]}`)
	if s := o.(*networkingv1.NetworkPolicy).GetSpec(); !slices.Equal(s.GetPolicyTypes(), []string{"Ingress", "Egress"}) || s.GetEgress()[0].GetPorts()[0].GetProtocol() != "TCP" {
		t.Errorf("defaults: %v", s)
	}
}

func TestAddressRules(t *testing.T) {
	const address = `{apiVersion: networking.k8s.io/v1, kind: IPAddress, metadata: {name: 192.0.2.1}, spec: {parentRef: {resource: services, name: web, namespace: default}}}`
	runCases(t, address, []ruleCase{
		{"plain", `{}`, nil},
		{"IPv6", `metadata: {name: "fd00::1"}`, nil},
		{"not canonical", `metadata: {name: "fd00:0::1"}`, []string{"metadata.name Invalid"}},
		{"of nothing", `spec: null`, []string{"spec.parentRef Required"}},
	})
	runUpdates(t, address, []ruleCase{{"of another", `spec: {parentRef: {name: other}}`, []string{"spec.parentRef Invalid"}}})
	const cidr = `{apiVersion: networking.k8s.io/v1, kind: ServiceCIDR, metadata: {name: c}, spec: {cidrs: [10.96.0.0/12]}}`
	runCases(t, cidr, []ruleCase{
		{"a range", `{}`, nil},
		{"of both families", `spec: {cidrs: [10.96.0.0/12, "fd00::/108"]}`, nil},
		{"twice one family", `spec: {cidrs: [10.96.0.0/12, 10.0.0.0/16]}`, []string{"spec.cidrs Invalid"}},
		{"not canonical", `spec: {cidrs: [10.96.0.1/12]}`, []string{"spec.cidrs[0] Invalid"}},
		{"none", `spec: {cidrs: []}`, []string{"spec.cidrs Invalid"}},
	})
	runUpdates(t, cidr, []ruleCase{{"another range", `spec: {cidrs: [10.0.0.0/16]}`, []string{"spec Invalid"}}})
}
