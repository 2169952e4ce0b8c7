//go:build !mutant_early_answers

package mutant

// EarlyAnswers: writes are answered when the leader has proposed them, before a majority has them.
const EarlyAnswers = false
