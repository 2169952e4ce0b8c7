// Package raftstore is Kaji's store: a revisioned, ordered key-value store whose members replicate
// one log with Raft.
//
// It owns the Store interface and its three implementations: NewMemory (the state machine alone, for
// tests), the members that Run starts, and NewClient, which speaks to members over gRPC. All three
// pass the suite in raftstore/conformance. The state machine is in raftstore/mvcc, the fan-out of
// watches in raftstore/watch.
//
// It refuses to know what keys and values mean, to acknowledge a write before a quorum has it on
// disk, and to serve anyone but API servers, other members and administrators. It is the only package
// that imports hashicorp/raft.
//
// Every method of a Store may be called concurrently; a Watcher has one reader at a time. Messages
// that a Store returns are shared and must not be changed; messages passed to it may be reused once
// the call has returned.
package raftstore
