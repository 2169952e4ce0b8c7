//go:build !mutant_no_sync

package mutant

// NoSync: what the log writes is not synced.
const NoSync = false
