// Package admission holds what the state of the cluster says about a write that the caller may make: that its
// namespace exists and stays, what is filled in from other objects, and which fields of its own objects a node
// may touch.
//
// It owns the order of the plugins and the plugins themselves. A plugin sees a write after authorization and
// defaults; those that change objects run before those that only look, and before validation. It refuses to
// write anything itself. A plugin's decision that hangs on another object names that object as a guard: the
// write then only happens if the object has not changed in between.
//
// A Chain and its plugins may be used concurrently; a Request belongs to one call.
package admission
