package containerconfig

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// ErrRunAsNonRoot is wrapped when a container must not run as root but would.
var ErrRunAsNonRoot = errors.New("runAsNonRoot")

// maskedPaths and readonlyPaths are what procMount: Default hides and protects: files of the
// kernel that say or change too much about the whole machine.
var (
	maskedPaths = []string{
		"/proc/acpi",
		"/proc/asound",
		"/proc/interrupts",
		"/proc/kcore",
		"/proc/keys",
		"/proc/latency_stats",
		"/proc/sched_debug",
		"/proc/scsi",
		"/proc/timer_list",
		"/proc/timer_stats",
		"/sys/devices/virtual/powercap",
		"/sys/firmware",
	}
	readonlyPaths = []string{
		"/proc/bus",
		"/proc/fs",
		"/proc/irq",
		"/proc/sys",
		"/proc/sysrq-trigger",
	}
)

func (c *Config) containerSecurity(pod *corev1.Pod, container *corev1.Container, in ContainerInput) (ContainerSecurity, error) {
	own, whole := container.GetSecurityContext(), pod.GetSpec().GetSecurityContext()
	s := ContainerSecurity{
		Privileged:               own.GetPrivileged(),
		AddCapabilities:          capabilities(own.GetCapabilities().GetAdd()),
		DropCapabilities:         capabilities(own.GetCapabilities().GetDrop()),
		Namespaces:               namespaces(pod),
		SELinux:                  selinux(whole.GetSeLinuxOptions()),
		ReadOnlyRootFilesystem:   own.GetReadOnlyRootFilesystem(),
		SupplementalGroups:       supplementalGroups(pod),
		StrictSupplementalGroups: whole.GetSupplementalGroupsPolicy() == "Strict",
		NoNewPrivileges:          own != nil && own.AllowPrivilegeEscalation != nil && !own.GetAllowPrivilegeEscalation(),
	}
	if own.GetSeLinuxOptions() != nil {
		s.SELinux = selinux(own.GetSeLinuxOptions())
	}
	if in.TargetID != "" && s.Namespaces.PID == NamespaceContainer {
		// Otherwise it sees the target's processes anyhow.
		s.Namespaces.PID, s.Namespaces.TargetID = NamespaceTarget, in.TargetID
	}
	if err := setUser(&s, whole, own, in.Image); err != nil {
		return s, err
	}
	if own.GetProcMount() != "Unmasked" && !s.Privileged {
		s.MaskedPaths, s.ReadonlyPaths = slices.Clone(maskedPaths), slices.Clone(readonlyPaths)
	}
	var err error
	if s.Seccomp, err = c.seccomp(whole.GetSeccompProfile(), own.GetSeccompProfile(), s.Privileged); err != nil {
		return s, err
	}
	s.AppArmor, err = c.appArmor(whole.GetAppArmorProfile(), own.GetAppArmorProfile(), s.Privileged)
	return s, err
}

// setUser picks user and group: the container's, the pod's, the image's; and holds
// them against runAsNonRoot.
func setUser(s *ContainerSecurity, whole *corev1.PodSecurityContext, own *corev1.SecurityContext, image Image) error {
	if own != nil {
		s.RunAsUser, s.RunAsGroup = cloneInt(own.RunAsUser), cloneInt(own.RunAsGroup)
	}
	nonRoot := whole.GetRunAsNonRoot()
	if whole != nil {
		if s.RunAsUser == nil {
			s.RunAsUser = cloneInt(whole.RunAsUser)
		}
		if s.RunAsGroup == nil {
			s.RunAsGroup = cloneInt(whole.RunAsGroup)
		}
	}
	if own != nil && own.RunAsNonRoot != nil {
		nonRoot = own.GetRunAsNonRoot()
	}
	fromImage := s.RunAsUser == nil
	if fromImage {
		switch {
		case image.UID != nil:
			s.RunAsUser = cloneInt(image.UID)
		case image.Username != "":
			s.RunAsUsername = image.Username
		default:
			s.RunAsUser = new(int64)
		}
	}
	if !nonRoot {
		return nil
	}
	switch {
	case s.RunAsUser != nil && *s.RunAsUser == 0 && fromImage:
		return fmt.Errorf("%w: the image runs as root, and neither pod nor container sets runAsUser", ErrRunAsNonRoot)
	case s.RunAsUser != nil && *s.RunAsUser == 0:
		return fmt.Errorf("%w: runAsUser is 0", ErrRunAsNonRoot)
	case s.RunAsUser == nil:
		return fmt.Errorf("%w: the image's user %q is not a number, so that it cannot be told from root; set runAsUser", ErrRunAsNonRoot, image.Username)
	}
	return nil
}

// capabilities drops the CAP_ that some write before the name.
func capabilities(in []string) []string {
	var out []string
	for _, name := range in {
		out = append(out, strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
	}
	return out
}

func (c *Config) seccomp(whole, own *corev1.SeccompProfile, privileged bool) (*Profile, error) {
	if privileged {
		return &Profile{Type: ProfileUnconfined}, nil
	}
	p := own
	if p == nil {
		p = whole
	}
	switch p.GetType() {
	case "":
		if p == nil && c.SeccompDefault {
			return &Profile{Type: ProfileRuntimeDefault}, nil
		}
		return &Profile{Type: ProfileUnconfined}, nil
	case string(ProfileRuntimeDefault):
		return &Profile{Type: ProfileRuntimeDefault}, nil
	case string(ProfileUnconfined):
		return &Profile{Type: ProfileUnconfined}, nil
	case string(ProfileLocalhost):
		name := p.GetLocalhostProfile()
		if !filepath.IsLocal(name) {
			return nil, fmt.Errorf("seccompProfile: localhostProfile %q is not a path below %s", name, c.SeccompRoot)
		}
		return &Profile{Type: ProfileLocalhost, LocalhostRef: filepath.Join(c.SeccompRoot, name)}, nil
	}
	return nil, fmt.Errorf("seccompProfile: type %q is not known", p.GetType())
}

// appArmor leaves the profile unset on a host without AppArmor, unless one was asked
// for: to run such a container unconfined would be to lie.
func (c *Config) appArmor(whole, own *corev1.AppArmorProfile, privileged bool) (*Profile, error) {
	p := own
	if p == nil {
		p = whole
	}
	kind := ProfileType(p.GetType())
	if !c.AppArmor {
		if kind != "" && kind != ProfileUnconfined {
			return nil, fmt.Errorf("appArmorProfile: this node has no AppArmor")
		}
		return nil, nil
	}
	if privileged && p == nil {
		return &Profile{Type: ProfileUnconfined}, nil
	}
	switch kind {
	case "", ProfileRuntimeDefault:
		return &Profile{Type: ProfileRuntimeDefault}, nil
	case ProfileUnconfined:
		return &Profile{Type: ProfileUnconfined}, nil
	case ProfileLocalhost:
		if p.GetLocalhostProfile() == "" {
			return nil, fmt.Errorf("appArmorProfile: localhostProfile is required")
		}
		return &Profile{Type: ProfileLocalhost, LocalhostRef: p.GetLocalhostProfile()}, nil
	}
	return nil, fmt.Errorf("appArmorProfile: type %q is not known", kind)
}

func cloneInt(p *int64) *int64 {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
