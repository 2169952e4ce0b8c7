// Package client is the Go SDK of Kaji's API.
//
// It owns the connection to the API servers (mutual TLS, several endpoints, retries), typed access to every kind
// (Of), access by catalogue entry for code that treats all kinds alike (ForKind), and the watch cache (Informer).
// It refuses to interpret objects: defaults, validation and meaning belong to the API server.
//
// Every error it returns is an *apierror.Error. Client, Resource and Informer may be used concurrently; a Watch has one
// reader. Objects that come out of an Informer are shared and must not be changed: clone them to edit.
package client
