package cri

import (
	"context"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/observed"
)

const labelNode = observed.LabelNode

// RunSandbox makes and starts a sandbox through a runtime handler ("" is the
// runtime's default) and returns its id.
func (c *Client) RunSandbox(ctx context.Context, cfg *containerconfig.Sandbox, handler string) (string, error) {
	r, err := c.runtime.RunPodSandbox(ctx, &runtimeapi.RunPodSandboxRequest{Config: sandboxConfig(cfg), RuntimeHandler: handler})
	if err != nil {
		return "", wrap("RunPodSandbox", "", err)
	}
	return r.GetPodSandboxId(), nil
}

// StopSandbox ends what runs in a sandbox and gives back its network.
func (c *Client) StopSandbox(ctx context.Context, id string) error {
	if _, err := c.runtime.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
		return wrap("StopPodSandbox", id, err)
	}
	return nil
}

// RemoveSandbox removes a sandbox and the containers in it.
func (c *Client) RemoveSandbox(ctx context.Context, id string) error {
	if _, err := c.runtime.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: id}); err != nil {
		return wrap("RemovePodSandbox", id, err)
	}
	return nil
}

// Sandbox reads a sandbox's particulars.
func (c *Client) Sandbox(ctx context.Context, id string) (observed.Sandbox, error) {
	r, err := c.runtime.PodSandboxStatus(ctx, &runtimeapi.PodSandboxStatusRequest{PodSandboxId: id})
	if err != nil {
		return observed.Sandbox{}, wrap("PodSandboxStatus", id, err)
	}
	s := r.GetStatus()
	out := observed.Sandbox{
		ID: s.GetId(), PodName: s.GetMetadata().GetName(), PodNamespace: s.GetMetadata().GetNamespace(), PodUID: s.GetMetadata().GetUid(),
		Attempt: s.GetMetadata().GetAttempt(), Ready: s.GetState() == runtimeapi.PodSandboxState_SANDBOX_READY,
		CreatedAt: nanos(s.GetCreatedAt()), Annotations: s.GetAnnotations(), Handler: s.GetRuntimeHandler(),
		Inspected:   true,
		HostNetwork: s.GetLinux().GetNamespaces().GetOptions().GetNetwork() == runtimeapi.NamespaceMode_NODE,
	}
	if ip := s.GetNetwork().GetIp(); ip != "" && !out.HostNetwork {
		out.IPs = append(out.IPs, ip)
		for _, more := range s.GetNetwork().GetAdditionalIps() {
			out.IPs = append(out.IPs, more.GetIp())
		}
	}
	return out, nil
}

// Sandboxes lists this node's sandboxes; with a pod's uid, that pod's.
func (c *Client) Sandboxes(ctx context.Context, podUID string) ([]observed.Sandbox, error) {
	r, err := c.runtime.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{Filter: &runtimeapi.PodSandboxFilter{LabelSelector: c.selector(podUID)}})
	if err != nil {
		return nil, wrap("ListPodSandbox", "", err)
	}
	out := make([]observed.Sandbox, 0, len(r.GetItems()))
	for _, s := range r.GetItems() {
		out = append(out, observed.Sandbox{
			ID: s.GetId(), PodName: s.GetMetadata().GetName(), PodNamespace: s.GetMetadata().GetNamespace(), PodUID: s.GetMetadata().GetUid(),
			Attempt: s.GetMetadata().GetAttempt(), Ready: s.GetState() == runtimeapi.PodSandboxState_SANDBOX_READY,
			CreatedAt: nanos(s.GetCreatedAt()), Annotations: s.GetAnnotations(), Handler: s.GetRuntimeHandler(),
		})
	}
	return out, nil
}

func (c *Client) selector(podUID string) map[string]string {
	sel := map[string]string{}
	if c.node != "" {
		sel[labelNode] = c.node
	}
	if podUID != "" {
		sel[observed.LabelPodUID] = podUID
	}
	return sel
}

func nanos(n int64) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

func sandboxConfig(s *containerconfig.Sandbox) *runtimeapi.PodSandboxConfig {
	out := &runtimeapi.PodSandboxConfig{
		Metadata: &runtimeapi.PodSandboxMetadata{Name: s.Name, Uid: s.UID, Namespace: s.Namespace, Attempt: s.Attempt},
		Hostname: s.Hostname, LogDirectory: s.LogDirectory, Labels: s.Labels, Annotations: s.Annotations,
		Linux: &runtimeapi.LinuxPodSandboxConfig{
			CgroupParent: s.CgroupParent, Sysctls: s.Sysctls,
			SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{
				NamespaceOptions: namespaces(s.Security.Namespaces), SelinuxOptions: selinux(s.Security.SELinux),
				RunAsUser: int64Value(s.Security.RunAsUser), RunAsGroup: int64Value(s.Security.RunAsGroup),
				ReadonlyRootfs: s.Security.ReadOnlyRootFilesystem, SupplementalGroups: s.Security.SupplementalGroups,
				SupplementalGroupsPolicy: groupsPolicy(s.Security.StrictSupplementalGroups),
				Privileged:               s.Security.Privileged, Seccomp: profile(s.Security.Seccomp),
			},
		},
	}
	if s.DNS != nil {
		out.DnsConfig = &runtimeapi.DNSConfig{Servers: s.DNS.Servers, Searches: s.DNS.Searches, Options: s.DNS.Options}
	}
	for _, p := range s.PortMappings {
		out.PortMappings = append(out.PortMappings, &runtimeapi.PortMapping{
			Protocol: protocol(p.Protocol), ContainerPort: p.ContainerPort, HostPort: p.HostPort, HostIp: p.HostIP,
		})
	}
	if s.Overhead != nil {
		out.Linux.Overhead = resources(s.Overhead)
	}
	if s.Resources != nil {
		out.Linux.Resources = resources(s.Resources)
	}
	return out
}

func protocol(p containerconfig.Protocol) runtimeapi.Protocol {
	switch p {
	case containerconfig.UDP:
		return runtimeapi.Protocol_UDP
	case containerconfig.SCTP:
		return runtimeapi.Protocol_SCTP
	default:
		return runtimeapi.Protocol_TCP
	}
}

func namespaces(n containerconfig.Namespaces) *runtimeapi.NamespaceOption {
	return &runtimeapi.NamespaceOption{Network: mode(n.Network), Pid: mode(n.PID), Ipc: mode(n.IPC), TargetId: n.TargetID}
}

func mode(m containerconfig.NamespaceMode) runtimeapi.NamespaceMode {
	switch m {
	case containerconfig.NamespaceContainer:
		return runtimeapi.NamespaceMode_CONTAINER
	case containerconfig.NamespaceNode:
		return runtimeapi.NamespaceMode_NODE
	case containerconfig.NamespaceTarget:
		return runtimeapi.NamespaceMode_TARGET
	default:
		return runtimeapi.NamespaceMode_POD
	}
}

func selinux(s *containerconfig.SELinux) *runtimeapi.SELinuxOption {
	if s == nil {
		return nil
	}
	return &runtimeapi.SELinuxOption{User: s.User, Role: s.Role, Type: s.Type, Level: s.Level}
}

func int64Value(v *int64) *runtimeapi.Int64Value {
	if v == nil {
		return nil
	}
	return &runtimeapi.Int64Value{Value: *v}
}

func groupsPolicy(strict bool) runtimeapi.SupplementalGroupsPolicy {
	if strict {
		return runtimeapi.SupplementalGroupsPolicy_Strict
	}
	return runtimeapi.SupplementalGroupsPolicy_Merge
}

func profile(p *containerconfig.Profile) *runtimeapi.SecurityProfile {
	if p == nil {
		return nil
	}
	out := &runtimeapi.SecurityProfile{LocalhostRef: p.LocalhostRef}
	switch p.Type {
	case containerconfig.ProfileUnconfined:
		out.ProfileType = runtimeapi.SecurityProfile_Unconfined
	case containerconfig.ProfileLocalhost:
		out.ProfileType = runtimeapi.SecurityProfile_Localhost
	default:
		out.ProfileType = runtimeapi.SecurityProfile_RuntimeDefault
	}
	return out
}
