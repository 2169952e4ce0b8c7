package containerconfig

import (
	"fmt"
	"path"
	"slices"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/node/env"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const (
	hostsPath              = "/etc/hosts"
	defaultTerminationPath = "/dev/termination-log"
)

// Container is what to ask the runtime for as a run of one of the pod's containers. An
// error is about the spec or the image, and stands until one of them changes
// (CreateContainerConfigError).
func (c *Config) Container(pod *corev1.Pod, container *corev1.Container, in ContainerInput) (*Container, error) {
	security, err := c.containerSecurity(pod, container, in)
	if err != nil {
		return nil, err
	}
	resources, err := c.containerResources(pod, container)
	if err != nil {
		return nil, err
	}
	mounts, err := c.mounts(container, in)
	if err != nil {
		return nil, err
	}
	if len(container.GetVolumeDevices()) > 0 {
		return nil, fmt.Errorf("volumeDevices %q: raw block volumes are not supported by this agent", container.GetVolumeDevices()[0].GetName())
	}
	command, args := env.Expand(container.GetCommand(), container.GetArgs(), in.Env)
	return &Container{
		Name:        container.GetName(),
		Attempt:     in.Attempt,
		Image:       in.Image.Ref,
		ImageName:   container.GetImage(),
		Command:     command,
		Args:        args,
		WorkingDir:  container.GetWorkingDir(),
		Env:         slices.Clone(in.Env),
		Mounts:      mounts,
		Devices:     slices.Clone(in.Devices),
		Labels:      c.containerLabels(pod, container),
		Annotations: containerAnnotations(pod, container, in.Attempt),
		LogPath:     LogPath(container.GetName(), in.Attempt),
		Stdin:       container.GetStdin(),
		StdinOnce:   container.GetStdinOnce(),
		TTY:         container.GetTty(),
		Resources:   resources,
		Security:    security,
		StopSignal:  container.GetLifecycle().GetStopSignal(),
	}, nil
}

// mounts are the volumeMounts in their order, then the files that the agent manages,
// which give way to a volume at the same place.
func (c *Config) mounts(container *corev1.Container, in ContainerInput) ([]Mount, error) {
	wanted := container.GetVolumeMounts()
	if len(wanted) != len(in.Mounts) {
		return nil, fmt.Errorf("volumeMounts: %d are wanted but %d were resolved", len(wanted), len(in.Mounts))
	}
	var out []Mount
	taken := map[string]bool{}
	for i, v := range wanted {
		m := Mount{
			ContainerPath:  v.GetMountPath(),
			HostPath:       in.Mounts[i].HostPath,
			ReadOnly:       in.Mounts[i].ReadOnly,
			SELinuxRelabel: in.Mounts[i].SELinuxRelabel,
			Options:        slices.Clone(v.GetBindMountOptions()),
		}
		if !path.IsAbs(m.ContainerPath) {
			m.ContainerPath = "/" + m.ContainerPath
		}
		m.ContainerPath = path.Clean(m.ContainerPath)
		switch p := Propagation(v.GetMountPropagation()); p {
		case "", PropagationPrivate:
			m.Propagation = PropagationPrivate
		case PropagationHostToContainer:
			m.Propagation = p
		case PropagationBidirectional:
			if !container.GetSecurityContext().GetPrivileged() {
				return nil, fmt.Errorf("volumeMounts %q: mountPropagation Bidirectional takes a privileged container", v.GetName())
			}
			m.Propagation = p
		default:
			return nil, fmt.Errorf("volumeMounts %q: mountPropagation %q is not known", v.GetName(), p)
		}
		var err error
		if m.RecursiveReadOnly, err = c.recursiveReadOnly(v, m); err != nil {
			return nil, fmt.Errorf("volumeMounts %q: %w", v.GetName(), err)
		}
		taken[m.ContainerPath] = true
		out = append(out, m)
	}
	if in.HostsPath != "" && !taken[hostsPath] {
		out = append(out, Mount{ContainerPath: hostsPath, HostPath: in.HostsPath, SELinuxRelabel: true, Propagation: PropagationPrivate})
	}
	message := container.GetTerminationMessagePath()
	if message == "" {
		message = defaultTerminationPath
	}
	if message = path.Clean(message); in.TerminationLogPath != "" && !taken[message] {
		out = append(out, Mount{ContainerPath: message, HostPath: in.TerminationLogPath, SELinuxRelabel: true, Propagation: PropagationPrivate})
	}
	return out, nil
}

func (c *Config) recursiveReadOnly(v *corev1.VolumeMount, m Mount) (bool, error) {
	switch mode := v.GetRecursiveReadOnly(); mode {
	case "", "Disabled":
		return false, nil
	case "IfPossible", "Enabled":
		possible := c.RecursiveReadOnly && m.ReadOnly && m.Propagation == PropagationPrivate
		if mode == "Enabled" && !possible {
			if !c.RecursiveReadOnly {
				return false, fmt.Errorf("recursiveReadOnly: the container runtime cannot do it")
			}
			return false, fmt.Errorf("recursiveReadOnly takes readOnly and no mountPropagation")
		}
		return possible, nil
	default:
		return false, fmt.Errorf("recursiveReadOnly %q is not known", mode)
	}
}

// EphemeralContainer gives an ephemeral container the form of any other.
func EphemeralContainer(e *corev1.EphemeralContainer) *corev1.Container {
	out := &corev1.Container{}
	// The two messages have the same fields with the same numbers.
	b, err := proto.Marshal(e.GetEphemeralContainerCommon())
	if err == nil {
		err = proto.Unmarshal(b, out)
	}
	if err != nil { // only a message that is not UTF-8 cannot be encoded
		return &corev1.Container{Name: e.GetEphemeralContainerCommon().GetName()}
	}
	return out
}
