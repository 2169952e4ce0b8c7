package strategy

import "testing"

func TestPriorityClassRules(t *testing.T) {
	const base = `{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: high}, value: 1000}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"as high as it gets", `value: 1000000000`, nil},
		{"higher", `value: 1000000001`, []string{"value Forbidden"}},
		{"below all", `value: -5`, nil},
		{"never", `preemptionPolicy: Never`, nil},
		{"unknown policy", `preemptionPolicy: Sometimes`, []string{"preemptionPolicy NotSupported"}},
		{"the system's", `{metadata: {name: system-node-critical}, value: 2000001000}`, nil},
		{"the system's, for all", `{metadata: {name: system-node-critical}, value: 2000001000, globalDefault: true}`, []string{"metadata.name Forbidden"}},
		{"like the system's", `{metadata: {name: system-x}}`, []string{"metadata.name Forbidden"}},
		{"in a namespace", `metadata: {namespace: default}`, []string{"metadata.namespace Forbidden"}},
	})
	runUpdates(t, base, []ruleCase{
		{"for all", `{globalDefault: true, description: For all.}`, nil},
		{"another value", `value: 2000`, []string{"value Forbidden"}},
		{"another policy", `preemptionPolicy: Never`, []string{"preemptionPolicy Invalid"}},
	})
}
