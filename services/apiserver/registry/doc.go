// Package registry is the API: every verb of every kind, written once, on the store and the watch caches.
//
// It reads the descriptors of the kinds and makes of them one gRPC service per kind and
// kaji.api.v1.ResourceService, which are two ways into the same code. It owns what a write does to metadata
// (names, uids, generations, deletion, finalizers, optimistic concurrency) and in which order a write passes
// authorization, defaults, admission and validation. What differs between kinds comes from package strategy;
// who may do what from an Authorizer; what the state of the cluster forbids from admission.
//
// It refuses to act for a kind by name, except where a kind has a life of its own (pods end gracefully,
// namespaces empty first, pods are bound). Everything may be called concurrently. It keeps no state: two
// registries on one store behave as one.
package registry
