// Package downward answers what a pod may ask about itself: the fields and the
// resources that fieldRef and resourceFieldRef name, as the strings that end up
// in an environment variable or in a file of a volume.
//
// It owns the spelling of those values (comma lists, quoting, rounding up by the
// divisor, node allocatable in place of a missing limit) and nothing else: it
// reads no API, no file and no clock. Every function is pure and may be called
// concurrently; no argument is changed.
package downward

import (
	"k8s.io/apimachinery/pkg/api/resource"
)

// PodInfo is what the agent knows about a pod beyond its object: the API's copy
// of these may be older, since the agent itself is the one who writes them.
type PodInfo struct {
	// NodeName is the node that runs the pod.
	NodeName string
	// HostIPs are the node's addresses, primary first.
	HostIPs []string
	// PodIPs are the sandbox's addresses, primary first; empty before the
	// sandbox has a network.
	PodIPs []string
	// Allocatable is what the node offers to pods, by resource name. It stands
	// in for a limit that nobody set.
	Allocatable map[string]resource.Quantity
}
