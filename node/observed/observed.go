// Package observed holds what a container runtime reports of pods, in the
// agent's own words: sandboxes and containers as plain values.
//
// It owns the names of the labels and annotations by which the agent finds its
// own again after a restart. It refuses behaviour: the pure pod state machine,
// the runtime client and the fake runtime all speak in these values, so that
// none of them needs to know another. Values are copied freely; the maps inside
// are never written after the value has been made.
package observed

import (
	"strconv"
	"time"
)

// The labels and annotations on every sandbox and container that the agent
// makes. Those of Kubernetes keep Kubernetes' names, so that crictl and the like
// understand the pods of Kaji.
const (
	LabelPodName       = "io.kubernetes.pod.name"
	LabelPodNamespace  = "io.kubernetes.pod.namespace"
	LabelPodUID        = "io.kubernetes.pod.uid"
	LabelContainerName = "io.kubernetes.container.name"
	// LabelNode keeps the agents apart that share one runtime: each lists
	// only what carries its own node's name.
	LabelNode = "kaji.dev/node"

	// AnnotationHash is the hash of the part of the container's
	// specification whose change calls for a new container.
	AnnotationHash = "io.kubernetes.container.hash"
	// AnnotationBackoff is how many seconds must pass, after this container
	// ends, before the next attempt. Kept with the container, so that the
	// back-off outlives the agent.
	AnnotationBackoff = "kaji.dev/restart-backoff-seconds"
	// AnnotationResources is what a container was made with of cpu and memory, as JSON.
	AnnotationResources = "kaji.dev/resources"
	// AnnotationGrace is the pod's termination grace period in seconds, for
	// the case that the pod is gone from the API when its sandbox is found.
	AnnotationGrace = "io.kubernetes.pod.terminationGracePeriod"
)

// Sandbox is a pod sandbox.
type Sandbox struct {
	ID           string
	PodName      string
	PodNamespace string
	PodUID       string
	Attempt      uint32
	Ready        bool
	CreatedAt    time.Time
	Annotations  map[string]string
	Handler      string

	// Known only of an inspected sandbox.
	Inspected   bool
	IPs         []string
	HostNetwork bool
}

// Grace is the termination grace period kept with the sandbox, or the API's
// default of 30 seconds.
func (s Sandbox) Grace() time.Duration {
	if n, err := strconv.ParseInt(s.Annotations[AnnotationGrace], 10, 64); err == nil && n >= 0 {
		return time.Duration(n) * time.Second
	}
	return 30 * time.Second
}

// State is where a container is in its life.
type State int

// The states of a container, in the order in which it passes them.
const (
	Unknown State = iota
	Created
	Running
	Exited
)

func (s State) String() string {
	switch s {
	case Created:
		return "created"
	case Running:
		return "running"
	case Exited:
		return "exited"
	default:
		return "unknown"
	}
}

// Container is one attempt at running a container of a pod.
type Container struct {
	ID           string
	SandboxID    string
	Name         string
	PodName      string
	PodNamespace string
	PodUID       string
	Attempt      uint32
	State        State
	CreatedAt    time.Time
	Annotations  map[string]string

	// Known only of an inspected container; Inspected is in step with State:
	// a change of state seen by a listing makes it false again.
	Inspected  bool
	StartedAt  time.Time
	FinishedAt time.Time
	ExitCode   int32
	Reason     string
	Message    string
	Image      string
	ImageID    string
	LogPath    string
}

// Hash is the specification hash the container was made with.
func (c Container) Hash() string { return c.Annotations[AnnotationHash] }

// Backoff is how long the next attempt has to wait after this one's end.
func (c Container) Backoff() time.Duration {
	n, err := strconv.ParseInt(c.Annotations[AnnotationBackoff], 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// Failed tells whether the container ended other than by success.
func (c Container) Failed() bool { return c.State == Exited && c.ExitCode != 0 }

// Pod is everything the runtime has of one pod.
type Pod struct {
	UID        string
	Namespace  string
	Name       string
	Sandboxes  []Sandbox
	Containers []Container
}

// Empty tells whether the runtime has nothing of the pod.
func (p Pod) Empty() bool { return len(p.Sandboxes) == 0 && len(p.Containers) == 0 }

// Group sorts sandboxes and containers by the pod they belong to.
func Group(sandboxes []Sandbox, containers []Container) map[string]Pod {
	out := make(map[string]Pod)
	for _, s := range sandboxes {
		p := out[s.PodUID]
		p.UID, p.Namespace, p.Name = s.PodUID, s.PodNamespace, s.PodName
		p.Sandboxes = append(p.Sandboxes, s)
		out[s.PodUID] = p
	}
	for _, c := range containers {
		p := out[c.PodUID]
		p.UID, p.Namespace, p.Name = c.PodUID, c.PodNamespace, c.PodName
		p.Containers = append(p.Containers, c)
		out[c.PodUID] = p
	}
	return out
}
