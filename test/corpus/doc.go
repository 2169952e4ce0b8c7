// Package corpus applies manifests as people write them to a real API server and compares what it stores with what
// Kubernetes' own code makes of the same text.
//
// valid/ holds manifests that both must take, invalid/ such that both must refuse, naming the same fields. Kubernetes'
// side (oracle.go) is k8s.io/kubernetes itself: its decoders, defaults, strategies and validation. It has a module of
// its own so that nothing else depends on k8s.io/kubernetes. A manifest of a kind that Kaji does not serve yet must be
// refused by the name of the kind; it is compared from the day that the kind is there.
package corpus
