package containerconfig

import (
	"kaji.dev/kaji/node/env"
	"kaji.dev/kaji/node/volumes"
)

// SandboxInput is what the agent decides about one sandbox.
type SandboxInput struct {
	// Attempt counts the pod's sandboxes on this node.
	Attempt uint32
}

// Image is what the runtime knows about a pulled image.
type Image struct {
	// Ref is what a container is created from: the image's ID or digest.
	Ref string
	// UID is the numeric user of the image's config, if it has one; Username the
	// user when it is a name. Both unset means root.
	UID      *int64
	Username string
}

// ContainerInput is what the agent gathered for one run of a container.
type ContainerInput struct {
	// Attempt is the restart count: 0 for the first run.
	Attempt uint32
	Image   Image
	// Env is the resolved environment.
	Env []env.KeyValue
	// Mounts are where the container's volumeMounts point, in their order.
	Mounts []volumes.Mount
	// HostsPath is the managed /etc/hosts on the host; empty leaves the file to the
	// runtime (also done when a volume is mounted there).
	HostsPath string
	// TerminationLogPath is the file that becomes terminationMessagePath; empty for
	// none.
	TerminationLogPath string
	// TargetID is the runtime's ID of the container whose PID namespace an
	// ephemeral container joins; empty otherwise.
	TargetID string
	// Devices are added to the container.
	Devices []Device
}
