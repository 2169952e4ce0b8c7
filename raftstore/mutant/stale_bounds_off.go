//go:build !mutant_stale_bounds

package mutant

// StaleBounds: members that know what had been reached do not wait until they have got there themselves.
const StaleBounds = false
