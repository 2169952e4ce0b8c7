// Package equality proves that Kaji's messages are Kubernetes' in binary and in JSON.
//
// Shape: every Kaji message that stands for a Kubernetes type is compared, field by field, with
// Kubernetes' own generated.proto and Go types: number, type, cardinality, JSON name, presence. Which
// messages those are is derived: all that can be reached from a kind, and all whose name Kubernetes has too.
// Value: Kubernetes objects filled at random go through Kaji's messages, in binary and in JSON, and come back equal.
//
// The package has no users but its tests. It needs the Go module cache, and nothing else.
package equality
