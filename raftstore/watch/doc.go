// Package watch fans the changes of the state machine out to watchers, off the path of writes.
//
// A Hub owns how far changes have been handed out, and which watchers are abreast of that point.
// Watchers of the same range share one pass over the changes and the events made from them. A watcher
// whose reader is slow has a bounded queue; past it, the hub lets go of the watcher, whose own reader
// then catches up from the history, at its own pace and on its own goroutine. So neither a slow reader nor a
// long history ever holds up a write or another watcher.
//
// A Session is many watches of one receiver. Those of the same range that are abreast are carried by one watcher,
// so that an event is queued and sent once for all of them.
//
// The package refuses to keep history itself: what the source has compacted is lost to a watcher that
// is not past it.
//
// All methods of Hub may be called concurrently. Locks are taken in the order Session.mu, Hub.mu, Watcher.mu.
package watch
