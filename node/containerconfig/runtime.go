package containerconfig

import (
	"kaji.dev/kaji/node/env"
)

// Sandbox is what the runtime is asked for as the pod's sandbox.
type Sandbox struct {
	Name, Namespace, UID string
	Attempt              uint32
	Hostname             string
	// LogDirectory is the pod's directory of container logs on the host.
	LogDirectory string
	// DNS is nil when the runtime should give the node's resolv.conf as it is.
	DNS          *DNS
	PortMappings []PortMapping
	Labels       map[string]string
	Annotations  map[string]string
	// CgroupParent is empty when the runtime chooses.
	CgroupParent string
	Sysctls      map[string]string
	// Overhead and Resources are hints for runtimes that size a machine: the
	// RuntimeClass' overhead, and the sum of the containers.
	Overhead, Resources *Resources
	Security            SandboxSecurity
}

// DNS is the content of the pod's resolv.conf.
type DNS struct {
	Servers, Searches, Options []string
}

// PortMapping is one host port.
type PortMapping struct {
	Protocol      Protocol
	ContainerPort int32
	HostPort      int32
	HostIP        string
}

// Protocol is a transport, spelled as in a ContainerPort.
type Protocol string

// The transports.
const (
	TCP  Protocol = "TCP"
	UDP  Protocol = "UDP"
	SCTP Protocol = "SCTP"
)

// NamespaceMode says whose namespace a process lives in.
type NamespaceMode string

// The modes, as in CRI.
const (
	NamespacePod       NamespaceMode = "pod"
	NamespaceContainer NamespaceMode = "container"
	NamespaceNode      NamespaceMode = "node"
	NamespaceTarget    NamespaceMode = "target"
)

// Namespaces of a sandbox or container.
type Namespaces struct {
	Network, PID, IPC NamespaceMode
	// TargetID is the container whose PID namespace is joined (NamespaceTarget).
	TargetID string
}

// ProfileType says which seccomp or AppArmor profile is meant.
type ProfileType string

// The types of profile.
const (
	ProfileRuntimeDefault ProfileType = "RuntimeDefault"
	ProfileUnconfined     ProfileType = "Unconfined"
	ProfileLocalhost      ProfileType = "Localhost"
)

// Profile is a seccomp or AppArmor profile. LocalhostRef is an absolute path for
// seccomp, a name for AppArmor.
type Profile struct {
	Type         ProfileType
	LocalhostRef string
}

// SELinux is a label; empty parts are the runtime's choice.
type SELinux struct {
	User, Role, Type, Level string
}

// SandboxSecurity is the security context of the sandbox itself.
type SandboxSecurity struct {
	Namespaces               Namespaces
	SELinux                  *SELinux
	RunAsUser, RunAsGroup    *int64
	ReadOnlyRootFilesystem   bool
	SupplementalGroups       []int64
	StrictSupplementalGroups bool
	// Privileged is set when any container of the pod is.
	Privileged bool
	// Seccomp is nil when nothing is asked for.
	Seccomp *Profile
}

// Container is what the runtime is asked for as one container.
type Container struct {
	Name    string
	Attempt uint32
	// Image is what the image's pull resolved to; ImageName what the spec says.
	Image, ImageName string
	Command, Args    []string
	WorkingDir       string
	Env              []env.KeyValue
	Mounts           []Mount
	Devices          []Device
	Labels           map[string]string
	Annotations      map[string]string
	// LogPath is relative to the sandbox's LogDirectory.
	LogPath               string
	Stdin, StdinOnce, TTY bool
	Resources             Resources
	Security              ContainerSecurity
	// StopSignal is empty (the image's choice) or a name such as SIGTERM.
	StopSignal string
}

// Propagation of mounts between host and container.
type Propagation string

// The propagations, as in a VolumeMount.
const (
	PropagationPrivate         Propagation = "None"
	PropagationHostToContainer Propagation = "HostToContainer"
	PropagationBidirectional   Propagation = "Bidirectional"
)

// Mount is a bind mount from the host.
type Mount struct {
	ContainerPath, HostPath     string
	ReadOnly, RecursiveReadOnly bool
	SELinuxRelabel              bool
	Propagation                 Propagation
	// Options are extra bind mount options: noexec, nodev, nosuid.
	Options []string
}

// Device is a device node of the host. Permissions is a subset of "rwm".
type Device struct {
	HostPath, ContainerPath, Permissions string
}

// Resources are cgroup settings; zero leaves one at the runtime's default.
type Resources struct {
	// CPUShares is the cgroup v1 weight, 2..262144.
	CPUShares int64
	// CPUQuota and CPUPeriod are in microseconds.
	CPUQuota, CPUPeriod int64
	// MemoryLimit is in bytes.
	MemoryLimit int64
	// OOMScoreAdj is always meant, also when 0.
	OOMScoreAdj int64
	// HugepageLimits are by page size as cgroups spell it (2MB, 1GB), in bytes.
	HugepageLimits []HugepageLimit
	// Unified are cgroup v2 files and what to write into them.
	Unified map[string]string
}

// HugepageLimit is the limit of one page size.
type HugepageLimit struct {
	PageSize string
	Limit    uint64
}

// ContainerSecurity is the security context of a container.
type ContainerSecurity struct {
	Privileged                        bool
	AddCapabilities, DropCapabilities []string
	Namespaces                        Namespaces
	SELinux                           *SELinux
	RunAsUser, RunAsGroup             *int64
	// RunAsUsername is the image's user when it is a name and the spec gives none.
	RunAsUsername            string
	ReadOnlyRootFilesystem   bool
	SupplementalGroups       []int64
	StrictSupplementalGroups bool
	NoNewPrivileges          bool
	MaskedPaths              []string
	ReadonlyPaths            []string
	Seccomp                  *Profile
	// AppArmor is nil when the host has none.
	AppArmor *Profile
}
