// Package watchcache keeps every kind's objects and recent changes in memory, fed by one watch of the
// store for all of them, so that any number of clients that list and watch cost the store one stream.
//
// It owns decoding stored bytes (once), the order of changes, the history that watches resume from, and the
// promise that a read is as fresh as a linearizable read of the store. It refuses to write, to know who is
// asking, and to wait for a watcher that does not keep up: such a watcher is caught up from the history, or
// ends with an Expired error. DESIGN.md has the invariants.
//
// Everything exported may be called concurrently, except that a Watcher has one reader. Entries, and the
// objects and bytes in them, are shared and immutable.
package watchcache
