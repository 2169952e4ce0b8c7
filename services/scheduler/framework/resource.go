package framework

import (
	"maps"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/quantity"
)

// Names of the resources every node has.
const (
	CPU              = "cpu"
	Memory           = "memory"
	EphemeralStorage = "ephemeral-storage"
	Pods             = "pods"
)

// What a container that asks for nothing is taken to use when nodes are scored, as in Kubernetes: otherwise any number of
// such pods would seem to cost nothing and pile up on one node.
const (
	DefaultMilliCPU int64 = 100
	DefaultMemory   int64 = 200 << 20
)

// Resources is a vector of amounts: CPU in thousandths of a core, memory and storage in bytes, the others in their own unit.
type Resources struct {
	MilliCPU         int64
	Memory           int64
	EphemeralStorage int64
	// Pods is the number of pods; only a node's allocatable has it.
	Pods int64
	// Scalars holds extended resources and huge pages; nil when there are none.
	Scalars map[string]int64
}

// ResourcesOf reads a list of quantities.
func ResourcesOf(list map[string]*metav1.Quantity) Resources {
	var r Resources
	for name, q := range list {
		switch name {
		case CPU:
			r.MilliCPU = quantity.MilliValue(q)
		case Memory:
			r.Memory = quantity.Value(q)
		case EphemeralStorage:
			r.EphemeralStorage = quantity.Value(q)
		case Pods:
			r.Pods = quantity.Value(q)
		default:
			if v := quantity.Value(q); v != 0 {
				if r.Scalars == nil {
					r.Scalars = make(map[string]int64, 1)
				}
				r.Scalars[name] = v
			}
		}
	}
	return r
}

// Add adds o.
func (r *Resources) Add(o *Resources) {
	r.MilliCPU += o.MilliCPU
	r.Memory += o.Memory
	r.EphemeralStorage += o.EphemeralStorage
	r.Pods += o.Pods
	for name, v := range o.Scalars {
		r.addScalar(name, v)
	}
}

// Sub takes o away.
func (r *Resources) Sub(o *Resources) {
	r.MilliCPU -= o.MilliCPU
	r.Memory -= o.Memory
	r.EphemeralStorage -= o.EphemeralStorage
	r.Pods -= o.Pods
	for name, v := range o.Scalars {
		r.addScalar(name, -v)
	}
}

// Max raises each amount to o's where that is greater.
func (r *Resources) Max(o *Resources) {
	r.MilliCPU = max(r.MilliCPU, o.MilliCPU)
	r.Memory = max(r.Memory, o.Memory)
	r.EphemeralStorage = max(r.EphemeralStorage, o.EphemeralStorage)
	for name, v := range o.Scalars {
		if d := v - r.Scalars[name]; d > 0 {
			r.addScalar(name, d)
		}
	}
}

// addScalar keeps no zero entries, so that equal vectors are equal as values however they came about.
func (r *Resources) addScalar(name string, v int64) {
	sum := r.Scalars[name] + v
	if sum == 0 {
		delete(r.Scalars, name)
		if len(r.Scalars) == 0 {
			r.Scalars = nil
		}
		return
	}
	if r.Scalars == nil {
		r.Scalars = make(map[string]int64, 1)
	}
	r.Scalars[name] = sum
}

// Clone returns a copy that shares nothing.
func (r *Resources) Clone() Resources {
	c := *r
	c.Scalars = maps.Clone(r.Scalars)
	return c
}
