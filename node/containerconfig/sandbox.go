package containerconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Sandbox is what to ask the runtime for as the pod's sandbox. A pod that cannot run here as it
// asks to is an error: it is not run in some other way.
func (c *Config) Sandbox(pod *corev1.Pod, in SandboxInput) (*Sandbox, error) {
	m := pod.GetMetadata()
	if err := c.unsupported(pod); err != nil {
		return nil, err
	}
	hostname, err := c.kernelHostname(pod)
	if err != nil {
		return nil, err
	}
	total, err := podResources(pod)
	if err != nil {
		return nil, err
	}
	overhead, err := overheadOf(pod)
	if err != nil {
		return nil, err
	}
	s := &Sandbox{
		Name:         m.GetName(),
		Namespace:    m.GetNamespace(),
		UID:          m.GetUid(),
		Attempt:      in.Attempt,
		Hostname:     hostname,
		LogDirectory: c.LogDirectory(pod),
		DNS:          c.dns(pod),
		PortMappings: portMappings(pod),
		Labels:       c.sandboxLabels(pod),
		Annotations:  maps.Clone(m.GetAnnotations()),
		CgroupParent: c.cgroupParent(pod),
		Sysctls:      sysctls(pod),
		Overhead:     c.linux(overhead),
		Resources:    c.linux(total),
		Security:     c.sandboxSecurity(pod),
	}
	return s, nil
}

func portMappings(pod *corev1.Pod) []PortMapping {
	if pod.GetSpec().GetHostNetwork() {
		return nil // its ports are the host's already
	}
	var out []PortMapping
	for _, container := range runningContainers(pod) {
		for _, p := range container.GetPorts() {
			if p.GetHostPort() <= 0 {
				continue
			}
			protocol := Protocol(p.GetProtocol())
			if protocol == "" {
				protocol = TCP
			}
			out = append(out, PortMapping{Protocol: protocol, ContainerPort: p.GetContainerPort(), HostPort: p.GetHostPort(), HostIP: p.GetHostIp()})
		}
	}
	return out
}

// runningContainers are those that live as long as the pod: the containers, and
// the init containers that restart always.
func runningContainers(pod *corev1.Pod) []*corev1.Container {
	var out []*corev1.Container
	for _, container := range pod.GetSpec().GetInitContainers() {
		if isSidecar(container) {
			out = append(out, container)
		}
	}
	return append(out, pod.GetSpec().GetContainers()...)
}

func isSidecar(container *corev1.Container) bool { return container.GetRestartPolicy() == "Always" }

func sysctls(pod *corev1.Pod) map[string]string {
	list := pod.GetSpec().GetSecurityContext().GetSysctls()
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]string, len(list))
	for _, s := range list {
		// Both spellings of a name are allowed: kernel/shm and kernel.shm.
		out[sysctlName(s.GetName())] = s.GetValue()
	}
	return out
}

// sysctlName gives the dotted spelling. A name whose first separator is a slash is
// in the slashed spelling, where dots are part of a name (an interface's).
func sysctlName(name string) string {
	i := strings.IndexAny(name, "./")
	if i < 0 || name[i] == '.' {
		return name
	}
	swap := func(r rune) rune {
		switch r {
		case '.':
			return '/'
		case '/':
			return '.'
		}
		return r
	}
	return strings.Map(swap, name)
}

func (c *Config) cgroupParent(pod *corev1.Pod) string {
	if c.CgroupRoot == "" {
		return ""
	}
	root, uid := strings.Trim(c.CgroupRoot, "/"), pod.GetMetadata().GetUid()
	qos := strings.ToLower(QOSClass(pod))
	if c.SystemdCgroup {
		// Slices nest by name, and a dash is what separates the levels.
		name := strings.TrimSuffix(strings.ReplaceAll(root, "/", "-"), ".slice")
		if qos != "guaranteed" {
			name += "-" + qos
		}
		return name + "-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice"
	}
	if qos != "guaranteed" {
		root += "/" + qos
	}
	return "/" + root + "/pod" + uid
}

func (c *Config) sandboxSecurity(pod *corev1.Pod) SandboxSecurity {
	sc := pod.GetSpec().GetSecurityContext()
	s := SandboxSecurity{
		Namespaces:               namespaces(pod),
		SELinux:                  selinux(sc.GetSeLinuxOptions()),
		SupplementalGroups:       supplementalGroups(pod),
		StrictSupplementalGroups: sc.GetSupplementalGroupsPolicy() == "Strict",
		Privileged:               Privileged(pod),
		// The pause process needs nothing that the runtime's profile forbids.
		Seccomp: &Profile{Type: ProfileRuntimeDefault},
	}
	// Runtimes refuse a group without a user.
	if sc != nil && sc.RunAsUser != nil {
		s.RunAsUser = cloneInt(sc.RunAsUser)
		s.RunAsGroup = cloneInt(sc.RunAsGroup)
	}
	return s
}

// Privileged says whether any container of the pod is privileged.
func Privileged(pod *corev1.Pod) bool { return slices.ContainsFunc(allContainers(pod), privileged) }

func privileged(container *corev1.Container) bool {
	return container.GetSecurityContext().GetPrivileged()
}

func allContainers(pod *corev1.Pod) []*corev1.Container {
	out := slices.Concat(pod.GetSpec().GetInitContainers(), pod.GetSpec().GetContainers())
	for _, e := range pod.GetSpec().GetEphemeralContainers() {
		out = append(out, EphemeralContainer(e))
	}
	return out
}

func namespaces(pod *corev1.Pod) Namespaces {
	n := Namespaces{Network: NamespacePod, PID: NamespaceContainer, IPC: NamespacePod}
	spec := pod.GetSpec()
	if spec.GetHostNetwork() {
		n.Network = NamespaceNode
	}
	if spec.GetHostIpc() {
		n.IPC = NamespaceNode
	}
	switch {
	case spec.GetHostPid():
		n.PID = NamespaceNode
	case spec.GetShareProcessNamespace():
		n.PID = NamespacePod
	}
	return n
}

func selinux(o *corev1.SELinuxOptions) *SELinux {
	if o == nil {
		return nil
	}
	return &SELinux{User: o.GetUser(), Role: o.GetRole(), Type: o.GetType(), Level: o.GetLevel()}
}

// supplementalGroups are the pod's, and fsGroup: the group that owns its volumes.
func supplementalGroups(pod *corev1.Pod) []int64 {
	sc := pod.GetSpec().GetSecurityContext()
	groups := slices.Clone(sc.GetSupplementalGroups())
	if sc != nil && sc.FsGroup != nil && !slices.Contains(groups, sc.GetFsGroup()) {
		groups = append(groups, sc.GetFsGroup())
	}
	return groups
}

// unsupported says why a pod would not be what it asks to be.
func (c *Config) unsupported(pod *corev1.Pod) error {
	spec := pod.GetSpec()
	if spec.HostUsers != nil && !spec.GetHostUsers() {
		return fmt.Errorf("hostUsers: false (user namespaces) is not supported by this agent")
	}
	if os := spec.GetOs().GetName(); os != "" && os != "linux" {
		return fmt.Errorf("os.name %q is not linux", os)
	}
	if spec.GetSecurityContext().GetSupplementalGroupsPolicy() == "Strict" && !c.SupplementalGroupsPolicy {
		return fmt.Errorf("supplementalGroupsPolicy: Strict is not supported by the container runtime")
	}
	return nil
}
