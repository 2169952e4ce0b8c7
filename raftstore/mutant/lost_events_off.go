//go:build !mutant_lost_events

package mutant

// LostEvents: one in a hundred changes is not told to watchers that are abreast.
const LostEvents = false
