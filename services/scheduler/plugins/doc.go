// Package plugins has the scheduler's concerns, one per file, with the meaning that Kubernetes users know.
//
// A plugin is a pure function of the pod, the snapshot and the node it is asked about. Plugins have no state of their own, so they may be
// called concurrently; what they work out for one decision is kept in its CycleState.
package plugins
