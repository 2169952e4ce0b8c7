// Package versiontest shows how a kind is served in two versions: Widget, whose v1 and v2 differ in shape.
//
// It owns the conversion of that kind, the example that docs/checklists/new-version.md points to, and its tests, which run
// against a whole API server. It is a package of its own because a program that imports it has the kind in its catalogue.
// Convert may be used concurrently.
package versiontest
