// Package pods runs the node's pods: one actor per pod, which keeps what is
// wanted, seen and remembered of its pod, asks the pure planner (package plan)
// what to do, and carries it out. See DESIGN.md.
//
// It owns the pods' sandboxes, containers, volumes and log directories. It refuses to
// speak with the API: statuses and deletions go to a Sink, which never makes an
// actor wait. A Manager may be used concurrently.
package pods

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"
	"k8s.io/utils/clock"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/env"
	"kaji.dev/kaji/node/images"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods/plan"
	"kaji.dev/kaji/node/probes"
	"kaji.dev/kaji/node/volumes"
)

// Runtime is what actors need of the container runtime.
type Runtime interface {
	RunSandbox(ctx context.Context, cfg *containerconfig.Sandbox, handler string) (string, error)
	StopSandbox(ctx context.Context, id string) error
	RemoveSandbox(ctx context.Context, id string) error
	Sandbox(ctx context.Context, id string) (observed.Sandbox, error)
	CreateContainer(ctx context.Context, sandboxID string, cfg *containerconfig.Container, box *containerconfig.Sandbox) (string, error)
	StartContainer(ctx context.Context, id string) error
	StopContainer(ctx context.Context, id string, grace time.Duration) error
	UpdateContainer(ctx context.Context, id string, to *containerconfig.Resources) error
	RemoveContainer(ctx context.Context, id string) error
	Container(ctx context.Context, id string) (observed.Container, error)
}

// Images provides the images of containers.
type Images interface {
	Ensure(ctx context.Context, pod *corev1.Pod, c *corev1.Container, event images.Event) (containerconfig.Image, error)
	Forget(image string)
}

// Volumes provides the pods' files.
type Volumes interface {
	Mount(ctx context.Context, pod *corev1.Pod, info volumes.PodInfo) (map[string]volumes.Volume, error)
	Refresh(ctx context.Context, pod *corev1.Pod, info volumes.PodInfo) error
	Unmount(ctx context.Context, podUID string) error
	ContainerMounts(ctx context.Context, pod *corev1.Pod, container *corev1.Container, volumes map[string]volumes.Volume, env []env.KeyValue) ([]volumes.Mount, error)
	WriteHosts(podUID string, content []byte) (string, error)
	TerminationLog(podUID, container string, attempt uint32) (string, error)
	ReadTerminationLog(podUID, container string, attempt uint32) (string, error)
}

// Probes asks containers how they are, and runs their hooks. What it learns comes
// back through Manager.Probed.
type Probes interface {
	Ensure(ref probes.PodRef, container *corev1.Container, containerID, podIP string)
	Adopt(ref probes.PodRef, container *corev1.Container, containerID, podIP string, known probes.State)
	Stop(podUID, containerName string)
	StopPod(podUID string)
	Terminating(podUID string)
	RunPostStart(ctx context.Context, ref probes.PodRef, container *corev1.Container, containerID, podIP string) error
	RunPreStop(ctx context.Context, ref probes.PodRef, container *corev1.Container, containerID, podIP string) error
}

// Lister is where an actor asks to see its pod anew.
type Lister interface {
	Latest(podUID string) observed.Pod
	Wake(podUID string)
	Acted()
}

// Sink takes what is for the API. It never blocks.
type Sink interface {
	// Status is the pod's new status.
	Status(pod *corev1.Pod, status *corev1.PodStatus)
	// Finished: nothing of a deleted pod is left on the node.
	Finished(pod *corev1.Pod)
}

// Events records events. It never blocks.
type Events interface {
	Event(pod *corev1.Pod, container string, warning bool, reason, message string)
}

// RuntimeClasses finds runtime handlers.
type RuntimeClasses interface {
	// Handler of the named class. A missing class is an error.
	Handler(name string) (string, error)
}

// Config is what a Manager needs. All of it is required but Clock
// and Observe.
type Config struct {
	Containers *containerconfig.Config
	Runtime    Runtime
	Images     Images
	Volumes    Volumes
	Env        env.Getters
	Probes     Probes
	Lister     Lister
	Sink       Sink
	Events     Events
	Classes    RuntimeClasses
	// Node is what statuses say about the node.
	Node plan.Node
	// Info is what pods may ask about the node.
	Info volumes.PodInfo
	// HostsFile is the path of the node's own hosts file.
	HostsFile string
	// Observe is told of every operation that has ended; nil for nobody.
	Observe func(operation string, took time.Duration, failed bool)
	// Parallel bounds how many sandboxes and containers are made at a time.
	Parallel int
	// Refresh is how often the contents of volumes are brought up to date.
	Refresh time.Duration
	Clock   clock.Clock
	Log     hclog.Logger
}
