// Package e2e tests Kaji as users have it: the kaji binary, its processes, a real container runtime.
//
// Each test brings up a cluster of its own in a temporary directory, with ports, bridge and subnet that no
// other cluster of the machine uses, and takes everything away again. Root and Debian are needed; the binary
// and the example come from `go tool task build example`.
package e2e
