package self

import (
	"fmt"
	"maps"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/cri"
)

// Config says who the node is.
type Config struct {
	Name string
	// Labels and Taints are given to the node when it registers.
	Labels map[string]string
	Taints []*corev1.Taint
	// Addresses are the node's own, primary first.
	Addresses []string
	// Port is where the agent serves.
	Port int32
	// Version is that of the agent.
	Version string
	// MaxPods bounds the pods on the node.
	MaxPods int64
	// Reserved is kept from pods, by resource name.
	Reserved map[string]resource.Quantity
	// Root is the directory whose disk pods share.
	Root string
	// Thresholds below which the node is under pressure.
	MinMemory, MinDisk int64
}

// Sight is what the agent sees of its node at one time.
type Sight struct {
	Facts    Facts
	Pressure Pressure
	Version  cri.Version
	// Health of the runtime; Err if it could not be asked.
	Health cri.Health
	Err    error
	// Images that the runtime has.
	Images []cri.Image
	At     time.Time
}

// Capacity is what the node has.
func (c *Config) Capacity(f Facts) map[string]resource.Quantity {
	out := map[string]resource.Quantity{
		"cpu":               *resource.NewQuantity(int64(f.CPUs), resource.DecimalSI),
		"memory":            *resource.NewQuantity(f.MemoryBytes, resource.BinarySI),
		"ephemeral-storage": *resource.NewQuantity(f.DiskBytes, resource.BinarySI),
		"pods":              *resource.NewQuantity(c.MaxPods, resource.DecimalSI),
	}
	for name, n := range f.HugePages {
		out[name] = *resource.NewQuantity(n, resource.BinarySI)
	}
	return out
}

// Allocatable is what pods may have of it.
func (c *Config) Allocatable(f Facts) map[string]resource.Quantity {
	out := c.Capacity(f)
	for name, q := range c.Reserved {
		have, ok := out[name]
		if !ok {
			continue
		}
		have.Sub(q)
		if have.Sign() < 0 {
			have = *resource.NewQuantity(0, have.Format)
		}
		out[name] = have
	}
	// Huge pages are memory that nothing else can have.
	memory := out["memory"]
	for name, n := range f.HugePages {
		if n > 0 && name != "" {
			memory.Sub(*resource.NewQuantity(n, resource.BinarySI))
		}
	}
	out["memory"] = memory
	return out
}

// Object is the node as it registers.
func (c *Config) Object(s Sight) *corev1.Node {
	labels := maps.Clone(c.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, c.own(s.Facts))
	n := &corev1.Node{
		Metadata: &metav1.ObjectMeta{Name: c.Name, Labels: labels},
		Spec:     &corev1.NodeSpec{Taints: c.Taints},
	}
	n.Status = c.Status(s, nil)
	return n
}

// own are the labels that say what the node is.
func (c *Config) own(f Facts) map[string]string {
	out := map[string]string{"kubernetes.io/hostname": c.Name, "kubernetes.io/os": "linux", "kubernetes.io/arch": f.Architecture}
	return out
}

// Status is the node's status; old is the one before, if any, for the times at
// which conditions changed.
func (c *Config) Status(s Sight, old *corev1.NodeStatus) *corev1.NodeStatus {
	st := &corev1.NodeStatus{
		Capacity:    quantities(c.Capacity(s.Facts)),
		Allocatable: quantities(c.Allocatable(s.Facts)),
		DaemonEndpoints: &corev1.NodeDaemonEndpoints{
			KubeletEndpoint: &corev1.DaemonEndpoint{Port: c.Port},
		},
		NodeInfo: &corev1.NodeSystemInfo{
			MachineId: s.Facts.MachineID, SystemUuid: s.Facts.SystemUUID, BootId: s.Facts.BootID,
			KernelVersion: s.Facts.Kernel, OsImage: s.Facts.OSImage, ContainerRuntimeVersion: s.Version.String(),
			KubeletVersion: c.Version, OperatingSystem: "linux", Architecture: s.Facts.Architecture,
			Swap: &corev1.NodeSwapStatus{Capacity: &s.Facts.SwapBytes},
		},
		// Written by others.
		VolumesAttached: old.GetVolumesAttached(), VolumesInUse: old.GetVolumesInUse(), Config: old.GetConfig(),
	}
	if s.Version.Name == "" {
		st.NodeInfo.ContainerRuntimeVersion = old.GetNodeInfo().GetContainerRuntimeVersion()
	}
	for _, a := range c.Addresses {
		st.Addresses = append(st.Addresses, &corev1.NodeAddress{Type: "InternalIP", Address: a})
	}
	st.Addresses = append(st.Addresses, &corev1.NodeAddress{Type: "Hostname", Address: c.Name})
	for _, h := range s.Health.Handlers {
		st.RuntimeHandlers = append(st.RuntimeHandlers, &corev1.NodeRuntimeHandler{Name: h.Name,
			Features: &corev1.NodeRuntimeHandlerFeatures{RecursiveReadOnlyMounts: &h.RecursiveReadOnlyMounts, UserNamespaces: &h.UserNamespaces}})
	}
	st.Features = &corev1.NodeFeatures{SupplementalGroupsPolicy: &s.Health.SupplementalGroupsPolicy}
	for i, img := range s.Images {
		if i == maxImages {
			break
		}
		st.Images = append(st.Images, &corev1.ContainerImage{Names: append(append([]string{}, img.Digests...), img.Tags...), SizeBytes: img.Size})
	}
	c.conditions(s, st, old)
	return st
}

// maxImages bounds the list of images in the status, as in Kubernetes.
const maxImages = 50

func (c *Config) conditions(s Sight, st, old *corev1.NodeStatus) {
	set := func(kind string, ok bool, reason, message string) {
		n := &corev1.NodeCondition{Type: kind, Status: "False", Reason: reason, Message: message, LastHeartbeatTime: stamp(s.At), LastTransitionTime: stamp(s.At)}
		if ok {
			n.Status = "True"
		}
		for _, o := range old.GetConditions() {
			if o.GetType() == kind && o.GetStatus() == n.GetStatus() && o.GetLastTransitionTime() != nil {
				n.LastTransitionTime = o.GetLastTransitionTime()
			}
		}
		st.Conditions = append(st.Conditions, n)
	}
	memory := s.Pressure.MemoryAvailable < c.MinMemory
	if memory {
		set("MemoryPressure", true, "AgentHasInsufficientMemory", fmt.Sprintf("%d bytes of memory are available, less than %d", s.Pressure.MemoryAvailable, c.MinMemory))
	} else {
		set("MemoryPressure", false, "AgentHasSufficientMemory", "agent has sufficient memory available")
	}
	inodes := s.Pressure.Inodes > 0 && s.Pressure.InodesFree*20 < s.Pressure.Inodes
	switch {
	case s.Pressure.DiskAvailable < c.MinDisk:
		set("DiskPressure", true, "AgentHasDiskPressure", fmt.Sprintf("%d bytes of disk are available, less than %d", s.Pressure.DiskAvailable, c.MinDisk))
	case inodes:
		set("DiskPressure", true, "AgentHasDiskPressure", "less than 5% of the inodes are free")
	default:
		set("DiskPressure", false, "AgentHasNoDiskPressure", "agent has no disk pressure")
	}
	if s.Facts.PIDMax > 0 && s.Pressure.Processes > s.Facts.PIDMax*9/10 {
		set("PIDPressure", true, "AgentHasInsufficientPID", "of "+strconv.FormatInt(s.Facts.PIDMax, 10)+" process ids more than 90% are in use")
	} else {
		set("PIDPressure", false, "AgentHasSufficientPID", "agent has sufficient PID available")
	}
	switch {
	case s.Err != nil:
		set("Ready", false, "AgentNotReady", "container runtime is down: "+s.Err.Error())
	case !s.Health.Runtime.OK:
		set("Ready", false, "AgentNotReady", fmt.Sprintf("container runtime not ready: %s: %s", s.Health.Runtime.Reason, s.Health.Runtime.Message))
	case !s.Health.Network.OK:
		set("Ready", false, "AgentNotReady", fmt.Sprintf("container runtime network not ready: %s: %s", s.Health.Network.Reason, s.Health.Network.Message))
	default:
		set("Ready", true, "AgentReady", "agent is posting ready status")
	}
	for _, o := range old.GetConditions() {
		switch o.GetType() {
		case "MemoryPressure", "DiskPressure", "PIDPressure", "Ready":
		default:
			st.Conditions = append(st.Conditions, o)
		}
	}
}

func quantities(m map[string]resource.Quantity) map[string]*metav1.Quantity {
	out := make(map[string]*metav1.Quantity, len(m))
	for k, v := range m {
		out[k] = &metav1.Quantity{String_: v.String()}
	}
	return out
}

func stamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t.Truncate(time.Second)) }
