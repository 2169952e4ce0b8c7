package main

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/kind"
)

// actors are who acts on the objects of a kind, beyond the API server, which checks and keeps them.
var actors = map[protoreflect.FullName]string{
	"kaji.apps.v1.Deployment":            "deployment controller",
	"kaji.apps.v1.ReplicaSet":            "replicaset controller",
	"kaji.coordination.v1.Lease":         "node lifecycle controller, leader election",
	"kaji.core.v1.ConfigMap":             "node agents",
	"kaji.core.v1.Event":                 "the API server, which lets it expire",
	"kaji.core.v1.Namespace":             "namespace controller",
	"kaji.core.v1.Node":                  "scheduler, node agents, node lifecycle controller",
	"kaji.core.v1.Pod":                   "scheduler, node agents, garbage collectors",
	"kaji.core.v1.Secret":                "node agents",
	"kaji.core.v1.ServiceAccount":        "service account controller, admission",
	"kaji.node.v1.RuntimeClass":          "admission, node agents",
	"kaji.policy.v1.PodDisruptionBudget": "disruption controller; the API server, for evictions",
	"kaji.scheduling.v1.PriorityClass":   "admission, scheduler",
}

// actor is who acts on the objects of a kind.
func actor(k *kind.Kind) string {
	wholly := func(g located) bool { return g.path == "spec" }
	if idle(k) != nil || slices.ContainsFunc(gapsOf(k), wholly) {
		return "nobody yet"
	}
	if who, ok := actors[protoreflect.FullName(k.Message)]; ok {
		return who
	}
	return "the API server"
}
