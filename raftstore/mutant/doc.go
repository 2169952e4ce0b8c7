// Package mutant has the mistakes that the store can be built with, one for each build tag, to see whether the tests of faults find
// them. Each is a constant, false without its tag, so that nothing of them is in a program that is built without.
package mutant
