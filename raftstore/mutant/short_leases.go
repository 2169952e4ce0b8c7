//go:build mutant_short_leases

package mutant

// ShortLeases: a new leader counts on from half of a lease's time, not from the whole.
const ShortLeases = true
