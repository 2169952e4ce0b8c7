// Package framework defines what a scheduling plugin is and what it sees.
//
// It owns the plugin interfaces and their extension points, the parsed forms of pods and nodes (PodInfo, NodeInfo),
// the immutable picture of the cluster that one decision is made on (Snapshot), the scratch space of one decision
// (CycleState), the verdicts (Status), and the vocabulary of changes that can make a pending pod fit (Change, EventHint).
//
// It refuses all input and output: no connection, no clock, no logger, no lock. What a plugin answers depends on its
// arguments alone, which is what lets Explain ask the same plugins again beside a running scheduler.
//
// A Snapshot, and every PodInfo and NodeInfo reachable from it, may be read from many goroutines once published and is
// never changed afterwards. A CycleState belongs to one decision. A Profile is immutable after NewProfile and may be used by all.
package framework
