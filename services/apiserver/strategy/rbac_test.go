package strategy

import (
	"testing"

	rbacv1 "kaji.dev/kaji/gen/kaji/rbac/v1"
)

func TestRoleRules(t *testing.T) {
	runCases(t, `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: "team:reader", namespace: default}, rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]}`, []ruleCase{
		{"plain", `{}`, nil},
		{"no verbs", `rules: [{apiGroups: [""], resources: [pods]}]`, []string{"rules[0].verbs Required"}},
		{"no group", `rules: [{resources: [pods], verbs: [get]}]`, []string{"rules[0].apiGroups Required"}},
		{"no resource", `rules: [{apiGroups: [""], verbs: [get]}]`, []string{"rules[0].resources Required"}},
		{"URLs in a namespace", `rules: [{nonResourceURLs: [/healthz], verbs: [get]}]`, []string{"rules[0].nonResourceURLs Invalid"}},
		{"a name that is a path", `metadata: {name: a/b}`, []string{"metadata.name Invalid"}},
	})
	runCases(t, `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: all}}`, []ruleCase{
		{"URLs", `rules: [{nonResourceURLs: [/healthz], verbs: [get]}]`, nil},
		{"URLs and resources", `rules: [{nonResourceURLs: [/healthz], verbs: [get], resources: [pods]}]`, []string{"rules[0].nonResourceURLs Invalid"}},
		{"made of others", `aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}`, nil},
		{"made of nothing", `aggregationRule: {}`, []string{"aggregationRule.clusterRoleSelectors Required"}},
	})
}

func TestBindingRules(t *testing.T) {
	const base = `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: default}, roleRef: {kind: Role, name: r}, subjects: [{kind: User, name: ann}]}`
	runCases(t, base, []ruleCase{
		{"plain", `{}`, nil},
		{"nobody", `subjects: null`, nil},
		{"no role", `roleRef: {name: ""}`, []string{"roleRef.name Required"}},
		{"not a role", `roleRef: {kind: Pod}`, []string{"roleRef.kind NotSupported"}},
		{"a service account", `subjects: [{kind: ServiceAccount, name: ci, namespace: default}]`, nil},
		{"a service account of nowhere", `subjects: [{kind: ServiceAccount, name: ci}]`, []string{"subjects[0].namespace Required"}},
		{"not a subject", `subjects: [{kind: Pod, name: p}]`, []string{"subjects[0].kind NotSupported"}},
	})
	o, _ := build(t, base, `{}`)
	if b := o.(*rbacv1.RoleBinding); b.GetRoleRef().GetApiGroup() != rbacGroup || b.GetSubjects()[0].GetApiGroup() != rbacGroup {
		t.Errorf("defaults: %v", b)
	}
	runUpdates(t, base, []ruleCase{
		{"more subjects", `subjects: [{kind: Group, name: team}]`, nil},
		{"another role", `roleRef: {name: other}`, []string{"roleRef Invalid"}},
	})
	const cluster = `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: b}, roleRef: {kind: ClusterRole, name: r}}`
	runCases(t, cluster, []ruleCase{
		{"of the cluster", `{}`, nil},
		{"a role of a namespace", `roleRef: {kind: Role}`, []string{"roleRef.kind NotSupported"}},
	})
	runUpdates(t, cluster, []ruleCase{{"of another role", `roleRef: {name: other}`, []string{"roleRef Invalid"}}})
}
