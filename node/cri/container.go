package cri

import (
	"context"
	"math"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/observed"
)

// CreateContainer makes a container in a sandbox and returns its id.
func (c *Client) CreateContainer(ctx context.Context, sandboxID string, cfg *containerconfig.Container, box *containerconfig.Sandbox) (string, error) {
	r, err := c.runtime.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{
		PodSandboxId: sandboxID, Config: containerConfig(cfg), SandboxConfig: sandboxConfig(box),
	})
	if err != nil {
		return "", wrap("CreateContainer", "", err)
	}
	return r.GetContainerId(), nil
}

// StartContainer starts a container that has been created.
func (c *Client) StartContainer(ctx context.Context, id string) error {
	if _, err := c.runtime.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: id}); err != nil {
		return wrap("StartContainer", id, err)
	}
	return nil
}

// StopContainer asks a container to end, and kills it after the grace period,
// which is rounded up to seconds. A container that has ended is no error.
func (c *Client) StopContainer(ctx context.Context, id string, grace time.Duration) error {
	seconds := int64(math.Ceil(grace.Seconds()))
	if _, err := c.runtime.StopContainer(ctx, &runtimeapi.StopContainerRequest{ContainerId: id, Timeout: max(0, seconds)}); err != nil {
		return wrap("StopContainer", id, err)
	}
	return nil
}

// UpdateContainer changes the cgroup settings of a running container. What is zero stays as it is; the OOM score and the limits of
// huge pages are left alone.
func (c *Client) UpdateContainer(ctx context.Context, id string, to *containerconfig.Resources) error {
	_, err := c.runtime.UpdateContainerResources(ctx, &runtimeapi.UpdateContainerResourcesRequest{ContainerId: id, Linux: &runtimeapi.LinuxContainerResources{
		CpuShares: to.CPUShares, CpuQuota: to.CPUQuota, CpuPeriod: to.CPUPeriod, MemoryLimitInBytes: to.MemoryLimit, OomScoreAdj: to.OOMScoreAdj, Unified: to.Unified,
	}})
	if err != nil {
		return wrap("UpdateContainerResources", id, err)
	}
	return nil
}

// RemoveContainer removes a container, killing it if it runs.
func (c *Client) RemoveContainer(ctx context.Context, id string) error {
	if _, err := c.runtime.RemoveContainer(ctx, &runtimeapi.RemoveContainerRequest{ContainerId: id}); err != nil {
		return wrap("RemoveContainer", id, err)
	}
	return nil
}

// Containers lists this node's containers; with a pod's uid, that pod's.
func (c *Client) Containers(ctx context.Context, podUID string) ([]observed.Container, error) {
	r, err := c.runtime.ListContainers(ctx, &runtimeapi.ListContainersRequest{Filter: &runtimeapi.ContainerFilter{LabelSelector: c.selector(podUID)}})
	if err != nil {
		return nil, wrap("ListContainers", "", err)
	}
	out := make([]observed.Container, 0, len(r.GetContainers()))
	for _, v := range r.GetContainers() {
		out = append(out, observed.Container{
			ID: v.GetId(), SandboxID: v.GetPodSandboxId(), Name: v.GetMetadata().GetName(), Attempt: v.GetMetadata().GetAttempt(),
			PodName: v.GetLabels()[observed.LabelPodName], PodNamespace: v.GetLabels()[observed.LabelPodNamespace], PodUID: v.GetLabels()[observed.LabelPodUID],
			State: state(v.GetState()), CreatedAt: nanos(v.GetCreatedAt()), Annotations: v.GetAnnotations(),
			Image: v.GetImage().GetImage(), ImageID: v.GetImageRef(),
		})
	}
	return out, nil
}

// Container reads a container's particulars. The sandbox it is in is not among
// them; SandboxID is empty.
func (c *Client) Container(ctx context.Context, id string) (observed.Container, error) {
	r, err := c.runtime.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id})
	if err != nil {
		return observed.Container{}, wrap("ContainerStatus", id, err)
	}
	s := r.GetStatus()
	return observed.Container{
		ID: s.GetId(), Name: s.GetMetadata().GetName(), Attempt: s.GetMetadata().GetAttempt(),
		PodName: s.GetLabels()[observed.LabelPodName], PodNamespace: s.GetLabels()[observed.LabelPodNamespace], PodUID: s.GetLabels()[observed.LabelPodUID],
		State: state(s.GetState()), CreatedAt: nanos(s.GetCreatedAt()), Annotations: s.GetAnnotations(),
		Inspected: true, StartedAt: nanos(s.GetStartedAt()), FinishedAt: nanos(s.GetFinishedAt()),
		ExitCode: s.GetExitCode(), Reason: s.GetReason(), Message: s.GetMessage(),
		Image: s.GetImage().GetImage(), ImageID: s.GetImageRef(), LogPath: s.GetLogPath(),
	}, nil
}

// ReopenLog makes the runtime open a container's log file anew, after it has been
// moved away.
func (c *Client) ReopenLog(ctx context.Context, id string) error {
	if _, err := c.runtime.ReopenContainerLog(ctx, &runtimeapi.ReopenContainerLogRequest{ContainerId: id}); err != nil {
		return wrap("ReopenContainerLog", id, err)
	}
	return nil
}

func state(s runtimeapi.ContainerState) observed.State {
	switch s {
	case runtimeapi.ContainerState_CONTAINER_CREATED:
		return observed.Created
	case runtimeapi.ContainerState_CONTAINER_RUNNING:
		return observed.Running
	case runtimeapi.ContainerState_CONTAINER_EXITED:
		return observed.Exited
	default:
		return observed.Unknown
	}
}

func containerConfig(c *containerconfig.Container) *runtimeapi.ContainerConfig {
	out := &runtimeapi.ContainerConfig{
		Metadata: &runtimeapi.ContainerMetadata{Name: c.Name, Attempt: c.Attempt},
		Image:    &runtimeapi.ImageSpec{Image: c.Image, UserSpecifiedImage: c.ImageName},
		Command:  c.Command, Args: c.Args, WorkingDir: c.WorkingDir,
		Labels: c.Labels, Annotations: c.Annotations, LogPath: c.LogPath,
		Stdin: c.Stdin, StdinOnce: c.StdinOnce, Tty: c.TTY,
		Linux: &runtimeapi.LinuxContainerConfig{Resources: resources(&c.Resources), SecurityContext: security(&c.Security)},
	}
	if c.StopSignal != "" {
		// Real-time signals are spelled SIGRTMIN+3 in a spec.
		name := strings.NewReplacer("+", "PLUS", "-", "MINUS").Replace(c.StopSignal)
		if v, ok := runtimeapi.Signal_value[name]; ok {
			out.StopSignal = runtimeapi.Signal(v)
		}
	}
	for _, kv := range c.Env {
		out.Envs = append(out.Envs, &runtimeapi.KeyValue{Key: kv.Name, Value: []byte(kv.Value)})
	}
	for _, m := range c.Mounts {
		out.Mounts = append(out.Mounts, &runtimeapi.Mount{
			ContainerPath: m.ContainerPath, HostPath: m.HostPath, Readonly: m.ReadOnly, RecursiveReadOnly: m.RecursiveReadOnly,
			SelinuxRelabel: m.SELinuxRelabel, Propagation: propagation(m.Propagation), MountOptions: m.Options,
		})
	}
	for _, d := range c.Devices {
		out.Devices = append(out.Devices, &runtimeapi.Device{HostPath: d.HostPath, ContainerPath: d.ContainerPath, Permissions: d.Permissions})
	}
	return out
}

func propagation(p containerconfig.Propagation) runtimeapi.MountPropagation {
	switch p {
	case containerconfig.PropagationHostToContainer:
		return runtimeapi.MountPropagation_PROPAGATION_HOST_TO_CONTAINER
	case containerconfig.PropagationBidirectional:
		return runtimeapi.MountPropagation_PROPAGATION_BIDIRECTIONAL
	default:
		return runtimeapi.MountPropagation_PROPAGATION_PRIVATE
	}
}

func resources(r *containerconfig.Resources) *runtimeapi.LinuxContainerResources {
	out := &runtimeapi.LinuxContainerResources{
		CpuShares: r.CPUShares, CpuQuota: r.CPUQuota, CpuPeriod: r.CPUPeriod,
		MemoryLimitInBytes: r.MemoryLimit, OomScoreAdj: r.OOMScoreAdj, Unified: r.Unified,
	}
	for _, h := range r.HugepageLimits {
		out.HugepageLimits = append(out.HugepageLimits, &runtimeapi.HugepageLimit{PageSize: h.PageSize, Limit: h.Limit})
	}
	return out
}

func security(s *containerconfig.ContainerSecurity) *runtimeapi.LinuxContainerSecurityContext {
	out := &runtimeapi.LinuxContainerSecurityContext{
		Privileged: s.Privileged, NamespaceOptions: namespaces(s.Namespaces), SelinuxOptions: selinux(s.SELinux),
		RunAsUser: int64Value(s.RunAsUser), RunAsGroup: int64Value(s.RunAsGroup), RunAsUsername: s.RunAsUsername,
		ReadonlyRootfs: s.ReadOnlyRootFilesystem, SupplementalGroups: s.SupplementalGroups,
		SupplementalGroupsPolicy: groupsPolicy(s.StrictSupplementalGroups), NoNewPrivs: s.NoNewPrivileges,
		MaskedPaths: s.MaskedPaths, ReadonlyPaths: s.ReadonlyPaths, Seccomp: profile(s.Seccomp), Apparmor: profile(s.AppArmor),
	}
	if len(s.AddCapabilities)+len(s.DropCapabilities) > 0 {
		out.Capabilities = &runtimeapi.Capability{AddCapabilities: s.AddCapabilities, DropCapabilities: s.DropCapabilities}
	}
	return out
}
