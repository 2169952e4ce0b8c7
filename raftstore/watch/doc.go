// Package watch fans the changes of the state machine out to watchers, off the path of writes.
//
// A Hub owns how far changes have been handed out, and which watchers are abreast of that point.
// Watchers of the same range share one pass over the changes and the events made from them. A watcher
// whose reader is slow has a bounded queue; past it, the hub lets go of the watcher, whose own reader
// then catches up from the history, at its own pace and on its own goroutine. So neither a slow reader nor a
// long history ever holds up a write or another watcher.
//
// The package refuses to keep history itself: what the source has compacted is lost to a watcher that
// is not past it.
//
// All methods of Hub may be called concurrently. Locks are taken in the order Hub.mu, Watcher.mu.
package watch
