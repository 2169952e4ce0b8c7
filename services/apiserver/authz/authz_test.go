package authz_test

import (
	"context"
	"testing"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/authz"
)

// state is a cluster with one pod, default/mine on n1, that refers to the secret default/password.
type state struct{}

func (state) Bound(_ context.Context, node, namespace, pod string) (bool, error) {
	return node == "n1" && namespace == "default" && pod == "mine", nil
}

func (state) Needs(_ context.Context, node, resource, namespace, name string) (bool, error) {
	return node == "n1" && resource == "secrets.core" && namespace == "default" && name == "password", nil
}

var (
	get    = metav1.Verb_VERB_GET
	list   = metav1.Verb_VERB_LIST
	watch  = metav1.Verb_VERB_WATCH
	create = metav1.Verb_VERB_CREATE
	update = metav1.Verb_VERB_UPDATE
	patch  = metav1.Verb_VERB_PATCH
	apply  = metav1.Verb_VERB_APPLY
	remove = metav1.Verb_VERB_DELETE
	clears = metav1.Verb_VERB_DELETE_COLLECTION
)

func TestWhoMayDoWhat(t *testing.T) {
	admin := identity.Identity{Name: "anyone", Groups: []string{identity.GroupMasters}}
	scheduler := identity.Identity{Name: identity.Scheduler, Groups: []string{identity.GroupComponents}}
	controllers := identity.Identity{Name: identity.Controllers, Groups: []string{identity.GroupComponents}}
	node := identity.Identity{Name: identity.NodeName("n1"), Groups: []string{identity.GroupNodes}}
	pretender := identity.Identity{Name: identity.NodeName("n1")}
	store := identity.Identity{Name: identity.StoreName("s1"), Groups: []string{identity.GroupStores}}
	user := identity.Identity{Name: "alice"}

	a := authz.System{Nodes: authz.NodeAuthorizer{State: state{}}}
	type access struct {
		verb                                        metav1.Verb
		kind, subresource, namespace, name, selects string
	}
	for _, c := range []struct {
		who identity.Identity
		access
		allowed bool
	}{
		{admin, access{verb: remove, kind: "nodes", name: "n1"}, true},
		{admin, access{verb: create, kind: "pods", subresource: "exec", namespace: "default", name: "mine"}, true},

		{scheduler, access{verb: watch, kind: "pods"}, true},
		{scheduler, access{verb: create, kind: "pods", subresource: "binding", namespace: "default"}, true},
		{scheduler, access{verb: patch, kind: "pods", subresource: "status", namespace: "default", name: "mine"}, true},
		{scheduler, access{verb: update, kind: "pods", namespace: "default", name: "mine"}, false},
		{scheduler, access{verb: create, kind: "pods", namespace: "default"}, false},
		{scheduler, access{verb: remove, kind: "pods", namespace: "default", name: "mine"}, false},
		{scheduler, access{verb: list, kind: "secrets"}, false},
		{scheduler, access{verb: update, kind: "leases", namespace: "kaji-system", name: "kaji-scheduler"}, true},
		{scheduler, access{verb: update, kind: "leases", namespace: "kube-node-lease", name: "n1"}, false},
		{scheduler, access{verb: create, kind: "events", namespace: "default"}, true},

		{admin, access{verb: clears, kind: "pods", namespace: "default"}, true},
		{controllers, access{verb: apply, kind: "deployments", namespace: "default", name: "web"}, true},
		{scheduler, access{verb: apply, kind: "pods", namespace: "default", name: "mine"}, false},
		{node, access{verb: apply, kind: "nodes", name: "n1"}, false},
		{node, access{verb: apply, kind: "pods", namespace: "default", name: "mine"}, false},
		{controllers, access{verb: clears, kind: "secrets", namespace: "default"}, true},
		{scheduler, access{verb: clears, kind: "pods", namespace: "default"}, false},
		{node, access{verb: clears, kind: "pods", selects: "spec.nodeName=n1"}, false},
		{node, access{verb: clears, kind: "leases", namespace: "kube-node-lease"}, false},
		{user, access{verb: clears, kind: "configmaps", namespace: "default"}, false},
		{controllers, access{verb: remove, kind: "pods", namespace: "default", name: "mine"}, true},
		{controllers, access{verb: update, kind: "deployments", subresource: "status", namespace: "default", name: "web"}, true},
		{controllers, access{verb: create, kind: "pods", subresource: "exec", namespace: "default", name: "mine"}, false},
		{controllers, access{verb: get, kind: "pods", subresource: "log", namespace: "default", name: "mine"}, false},
		{controllers, access{verb: create, kind: "pods", subresource: "binding", namespace: "default", name: "mine"}, false},

		{node, access{verb: create, kind: "nodes", name: "n1"}, true},
		{node, access{verb: create, kind: "nodes", name: "n2"}, false},
		{node, access{verb: update, kind: "nodes", subresource: "status", name: "n1"}, true},
		{node, access{verb: patch, kind: "nodes", subresource: "status", name: "n2"}, false},
		{node, access{verb: remove, kind: "nodes", name: "n1"}, false},
		{node, access{verb: update, kind: "leases", namespace: "kube-node-lease", name: "n1"}, true},
		{node, access{verb: update, kind: "leases", namespace: "kube-node-lease", name: "n2"}, false},
		{node, access{verb: update, kind: "leases", namespace: "kaji-system", name: "n1"}, false},
		{node, access{verb: watch, kind: "pods", selects: "spec.nodeName=n1"}, true},
		{node, access{verb: watch, kind: "pods", selects: "spec.nodeName=n2"}, false},
		{node, access{verb: watch, kind: "pods", selects: "spec.nodeName!=n1"}, false},
		{node, access{verb: list, kind: "pods"}, false},
		{node, access{verb: get, kind: "pods", namespace: "default", name: "mine"}, true},
		{node, access{verb: get, kind: "pods", namespace: "default", name: "other"}, false},
		{node, access{verb: update, kind: "pods", subresource: "status", namespace: "default", name: "mine"}, true},
		{node, access{verb: update, kind: "pods", subresource: "status", namespace: "default", name: "other"}, false},
		{node, access{verb: update, kind: "pods", namespace: "default", name: "mine"}, false},
		{node, access{verb: remove, kind: "pods", namespace: "default", name: "mine"}, true},
		{node, access{verb: remove, kind: "pods", namespace: "default", name: "other"}, false},
		{node, access{verb: create, kind: "pods", subresource: "binding", namespace: "default", name: "mine"}, false},
		{node, access{verb: create, kind: "pods", subresource: "exec", namespace: "default", name: "mine"}, false},
		{node, access{verb: get, kind: "secrets", namespace: "default", name: "password"}, true},
		{node, access{verb: get, kind: "secrets", namespace: "default", name: "other"}, false},
		{node, access{verb: get, kind: "secrets", namespace: "kube-system", name: "password"}, false},
		{node, access{verb: watch, kind: "secrets", namespace: "default", selects: "metadata.name=password"}, true},
		{node, access{verb: watch, kind: "secrets", namespace: "default", selects: "metadata.name=other"}, false},
		{node, access{verb: watch, kind: "secrets", selects: "metadata.name=password"}, false},
		{node, access{verb: list, kind: "secrets", namespace: "default"}, false},
		{node, access{verb: update, kind: "secrets", namespace: "default", name: "password"}, false},
		{node, access{verb: create, kind: "events", namespace: "default"}, true},
		{node, access{verb: list, kind: "services"}, true},
		{node, access{verb: update, kind: "services", namespace: "default", name: "a"}, false},
		{node, access{verb: list, kind: "deployments"}, false},

		{pretender, access{verb: get, kind: "nodes", name: "n1"}, false},
		{store, access{verb: get, kind: "nodes", name: "n1"}, false},
		{user, access{verb: get, kind: "configmaps", namespace: "default", name: "a"}, false},
		{identity.Identity{}, access{verb: list, kind: "namespaces"}, false},
	} {
		err := a.Authorize(context.Background(), authz.Attributes{
			Identity: c.who, Verb: c.verb, Kind: kind.Lookup(c.kind), Subresource: c.subresource,
			Namespace: c.namespace, Name: c.name, FieldSelector: c.selects,
		})
		if (err == nil) != c.allowed || (err != nil && !apierror.IsForbidden(err)) {
			t.Errorf("%s, %+v: %v; allowed should be %v", c.who, c.access, err, c.allowed)
		}
	}
}
