// Package wal is the log that Raft keeps on a member's disk, and the member's vote. It owns their files and what they mean after a
// crash; it knows no network and no state machine. DESIGN.md has the format and what holds.
//
// Log may be used by many at once: reads wait for no write.
package wal
