// Package apiserver is the API server: the only way to the store, for everyone.
//
// It owns the wiring of its parts, each in a folder of its own:
//
//	registry/    every verb of every kind, from the descriptors
//	flowcontrol/ how many calls at once, and whose turn it is
//	requests/    the rules that the proto files have for requests
//	strategic/   strategic merge patches
//	strategy/    defaults and rules of each kind
//	watchcache/  objects and recent changes in memory, fed by one watch of the store
//	authz/       who may do what
//	admission/   what the state of the cluster says about a write
//	view/        how authz and admission see the cluster
//	join/        certificates for new nodes
//	proxy/       calls passed on to node agents and the scheduler
//	frame/       answers made of bytes that are encoded already
//	apitest/     a server for the tests of others
//
// A call passes, in order: TLS and identity, deadline, metrics (package grpcserver); authz.Unary or authz.Stream, which
// turn away callers without an identity; flowcontrol, where it waits for its turn; the registry's verb, which asks the
// Authorizer, fills defaults, asks admission, validates and writes. The server keeps no state: any number may run on one store.
package apiserver
