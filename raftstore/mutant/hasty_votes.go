//go:build mutant_hasty_votes

package mutant

// HastyVotes: a new member gets its vote before it has caught up.
const HastyVotes = true
