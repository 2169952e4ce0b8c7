//go:build mutant_stale_reads

package mutant

// StaleReads: members answer linearizable reads from what they have, without asking who leads.
const StaleReads = true
