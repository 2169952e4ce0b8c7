// Package mvcc is the state machine of the store: keys with all their versions since the last
// compaction, the changes in the order of their revisions, and leases.
//
// It owns what a command does to the state (Apply), reads at any revision that has not been compacted
// (View), the changes after a revision for watches (Changes), and the form of a snapshot. It knows no
// clock, network, disk or Raft: the same commands in the same order give the same state on every
// member. Apply never fails half way: a command is refused before its first write or carried out whole.
//
// State's methods may be called concurrently; Apply, Replace and Rebase exclude each other and block
// View and Changes for no longer than one batch. Reads through a View take no lock. Messages handed
// to Apply belong to the State afterwards; messages it hands out are shared and must not be changed.
package mvcc
