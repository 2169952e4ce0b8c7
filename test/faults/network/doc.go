// Package network lays a network of namespaces for tests of faults: hosts at a bridge, each in a network namespace of its own, whose ways
// the kernel cuts, in one direction or both, or makes lossy and slow.
//
// Namespaces have no names and belong to nobody but this process and what it starts in them: when those end, for whatever reason, the kernel takes namespaces,
// links and rules away. The network is laid in a process that Command or the caller has put into a namespace of its own; New refuses the
// machine's. A Network may be used from any goroutine, one call at a time.
package network
