package strategy

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// podFacts are what the rules of containers need to know of their pod.
type podFacts struct {
	spec    *corev1.PodSpec
	volumes map[string]*corev1.Volume
	claims  map[string]bool
	os      string
	names   map[string]bool
	// grace is the pod's termination grace period.
	grace *int64
}

func validateContainers(f *podFacts, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	containers := path.Child("containers")
	if len(f.spec.Containers) == 0 {
		errs = append(errs, field.Required(containers, "a pod needs at least one container"))
	}
	for i, c := range f.spec.Containers {
		at := containers.Index(i)
		errs = append(errs, validateContainer(f, c, at)...)
		errs = append(errs, validateLifecycle(c.Lifecycle, f.grace, f.os, at.Child("lifecycle"))...)
		errs = append(errs, validateProbe(c.LivenessProbe, liveness, at.Child("livenessProbe"))...)
		errs = append(errs, validateProbe(c.ReadinessProbe, readiness, at.Child("readinessProbe"))...)
		errs = append(errs, validateProbe(c.StartupProbe, startup, at.Child("startupProbe"))...)
		errs = append(errs, validateContainerRestart(c, at)...)
	}
	errs = append(errs, hostPortConflicts(f.spec.Containers, containers)...)
	initContainers := path.Child("initContainers")
	for i, c := range f.spec.InitContainers {
		at := initContainers.Index(i)
		errs = append(errs, validateContainer(f, c, at)...)
		errs = append(errs, validateInitContainer(f, c, at)...)
		errs = append(errs, hostPortConflicts([]*corev1.Container{c}, initContainers)...)
	}
	return append(errs, validateEphemeral(f, path.Child("ephemeralContainers"))...)
}

// validateContainer checks what holds for every container, whatever its role in the pod.
func validateContainer(f *podFacts, c *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case c.Name == "":
		errs = append(errs, field.Required(path.Child("name"), ""))
	case f.names[c.Name]:
		errs = append(errs, field.Duplicate(path.Child("name"), c.Name))
	default:
		errs = append(errs, each(path.Child("name"), c.Name, validation.IsDNS1123Label(c.Name))...)
		f.names[c.Name] = true
	}
	switch {
	case c.Image == "":
		errs = append(errs, field.Required(path.Child("image"), ""))
	case strings.TrimSpace(c.Image) != c.Image:
		errs = append(errs, field.Invalid(path.Child("image"), c.Image, "must not have leading or trailing whitespace"))
	}
	errs = append(errs, oneOf(path.Child("terminationMessagePolicy"), c.TerminationMessagePolicy, "FallbackToLogsOnError", "File")...)
	errs = append(errs, oneOf(path.Child("imagePullPolicy"), c.ImagePullPolicy, "Always", "IfNotPresent", "Never")...)
	errs = append(errs, validatePorts(c.Ports, f.spec.HostNetwork, path.Child("ports"))...)
	errs = append(errs, validateEnv(c.Env, f.volumes, path.Child("env"))...)
	errs = append(errs, validateEnvFrom(c.EnvFrom, path.Child("envFrom"))...)
	errs = append(errs, validateMounts(c, f.volumes, path)...)
	errs = append(errs, validateResources(c.Resources, path.Child("resources"), containerResourceName, f.claims)...)
	errs = append(errs, validateResizePolicies(c.ResizePolicy, f.spec.RestartPolicy, path.Child("resizePolicy"))...)
	errs = append(errs, validateSecurityContext(c.SecurityContext, f.os, path.Child("securityContext"))...)
	return errs
}

// validateContainerRestart checks a restart policy that a container has for itself.
func validateContainerRestart(c *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if c.RestartPolicy != nil {
		errs = append(errs, oneOf(path.Child("restartPolicy"), *c.RestartPolicy, "Always", "Never", "OnFailure")...)
	}
	rules := path.Child("restartPolicyRules")
	if len(c.RestartPolicyRules) > 0 && c.RestartPolicy == nil {
		errs = append(errs, field.Required(path.Child("restartPolicy"), "must be set when `restartPolicyRules` are"))
	}
	if len(c.RestartPolicyRules) > 20 {
		errs = append(errs, field.TooMany(rules, len(c.RestartPolicyRules), 20))
	}
	for i, r := range c.RestartPolicyRules {
		at := rules.Index(i)
		errs = append(errs, oneOf(at.Child("action"), r.Action, "Restart", "RestartAllContainers")...)
		if r.ExitCodes == nil {
			errs = append(errs, field.Required(at.Child("exitCodes"), "must be specified"))
			continue
		}
		errs = append(errs, oneOf(at.Child("exitCodes", "operator"), r.ExitCodes.Operator, "In", "NotIn")...)
		if n := len(r.ExitCodes.Values); n == 0 {
			errs = append(errs, field.Required(at.Child("exitCodes", "values"), "must be specified"))
		} else if n > 255 {
			errs = append(errs, field.TooMany(at.Child("exitCodes", "values"), n, 255))
		}
	}
	return errs
}

// validateInitContainer checks what init containers may have: probes and hooks only when they keep running.
func validateInitContainer(f *podFacts, c *corev1.Container, path *field.Path) field.ErrorList {
	errs := validateContainerRestart(c, path)
	if c.GetRestartPolicy() == "Always" {
		errs = append(errs, validateLifecycle(c.Lifecycle, f.grace, f.os, path.Child("lifecycle"))...)
		errs = append(errs, validateProbe(c.LivenessProbe, liveness, path.Child("livenessProbe"))...)
		errs = append(errs, validateProbe(c.ReadinessProbe, readiness, path.Child("readinessProbe"))...)
		return append(errs, validateProbe(c.StartupProbe, startup, path.Child("startupProbe"))...)
	}
	const why = "may not be set for init containers without restartPolicy=Always"
	for name, set := range map[string]bool{
		"lifecycle": c.Lifecycle != nil, "livenessProbe": c.LivenessProbe != nil,
		"readinessProbe": c.ReadinessProbe != nil, "startupProbe": c.StartupProbe != nil,
	} {
		if set {
			errs = append(errs, field.Forbidden(path.Child(name), why))
		}
	}
	return errs
}

// validateEphemeral checks containers that were added to a running pod to look into it.
func validateEphemeral(f *podFacts, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, e := range f.spec.EphemeralContainers {
		at := path.Index(i)
		if e.EphemeralContainerCommon == nil {
			errs = append(errs, field.Required(at.Child("name"), ""))
			continue
		}
		c := asContainer(e.EphemeralContainerCommon)
		errs = append(errs, validateContainer(f, c, at)...)
		if e.TargetContainerName != "" && !isContainerOf(f.spec, e.TargetContainerName) {
			errs = append(errs, field.NotFound(at.Child("targetContainerName"), e.TargetContainerName))
		}
		for name, set := range map[string]bool{
			"ports": len(c.Ports) > 0, "livenessProbe": c.LivenessProbe != nil, "readinessProbe": c.ReadinessProbe != nil,
			"startupProbe": c.StartupProbe != nil, "lifecycle": c.Lifecycle != nil, "restartPolicy": c.RestartPolicy != nil,
			"volumeMounts": slices.ContainsFunc(c.VolumeMounts, func(m *corev1.VolumeMount) bool { return m.SubPath != "" || m.SubPathExpr != "" }),
			"resources":    len(c.Resources.GetLimits())+len(c.Resources.GetRequests()) > 0, "resizePolicy": len(c.ResizePolicy) > 0,
		} {
			if set {
				why := "cannot be set for an Ephemeral Container"
				if name == "volumeMounts" {
					why = "subPath and subPathExpr cannot be set for an Ephemeral Container"
				}
				errs = append(errs, field.Forbidden(at.Child(name), why))
			}
		}
	}
	return errs
}

func isContainerOf(s *corev1.PodSpec, name string) bool {
	found := false
	forEachContainer(s, func(c *corev1.Container) { found = found || c.Name == name })
	return found
}

func validatePorts(ports []*corev1.ContainerPort, hostNetwork bool, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := map[string]bool{}
	for i, p := range ports {
		at := path.Index(i)
		if p.Name != "" {
			msgs := validation.IsValidPortName(p.Name)
			errs = append(errs, each(at.Child("name"), p.Name, msgs)...)
			if len(msgs) == 0 && names[p.Name] {
				errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
			}
			names[p.Name] = true
		}
		if p.ContainerPort == 0 {
			errs = append(errs, field.Required(at.Child("containerPort"), ""))
		} else {
			errs = append(errs, validatePortNumber(p.ContainerPort, at.Child("containerPort"))...)
		}
		if p.HostPort != 0 {
			errs = append(errs, validatePortNumber(p.HostPort, at.Child("hostPort"))...)
		}
		if hostNetwork && p.HostPort != 0 && p.HostPort != p.ContainerPort {
			errs = append(errs, field.Invalid(at.Child("hostPort"), p.HostPort, "must match `containerPort` when `hostNetwork` is true"))
		}
		if p.HostIp != "" {
			errs = append(errs, validation.IsValidIPForLegacyField(at.Child("hostIP"), p.HostIp, false, nil)...)
		}
		errs = append(errs, oneOf(at.Child("protocol"), p.Protocol, "SCTP", "TCP", "UDP")...)
	}
	return errs
}

// hostPortConflicts finds containers that want the same port of the host.
func hostPortConflicts(containers []*corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, c := range containers {
		for j, p := range c.Ports {
			if p.HostPort == 0 {
				continue
			}
			id := fmt.Sprintf("%s/%s/%d", p.Protocol, p.HostIp, p.HostPort)
			if seen[id] {
				errs = append(errs, field.Duplicate(path.Index(i).Child("ports").Index(j).Child("hostPort"), id))
			}
			seen[id] = true
		}
	}
	return errs
}

// validateMounts checks where a container's volumes appear.
func validateMounts(c *corev1.Container, volumes map[string]*corev1.Volume, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	paths := map[string]bool{}
	for i, m := range c.VolumeMounts {
		at := path.Child("volumeMounts").Index(i)
		v, known := volumes[m.Name]
		switch {
		case m.Name == "":
			errs = append(errs, field.Required(at.Child("name"), ""))
		case !known:
			errs = append(errs, field.NotFound(at.Child("name"), m.Name))
		}
		switch {
		case m.MountPath == "":
			errs = append(errs, field.Required(at.Child("mountPath"), ""))
		case paths[m.MountPath]:
			errs = append(errs, field.Invalid(at.Child("mountPath"), m.MountPath, "must be unique"))
		}
		paths[m.MountPath] = true
		if m.SubPath != "" {
			errs = append(errs, relativePath(at.Child("subPath"), m.SubPath)...)
		}
		if m.SubPathExpr != "" {
			if m.SubPath != "" {
				errs = append(errs, field.Invalid(at.Child("subPathExpr"), m.SubPathExpr, "subPathExpr and subPath are mutually exclusive"))
			}
			errs = append(errs, relativePath(at.Child("subPathExpr"), m.SubPathExpr)...)
		}
		errs = append(errs, validatePropagation(m, c, at.Child("mountPropagation"))...)
		if m.RecursiveReadOnly != nil {
			errs = append(errs, oneOf(at.Child("recursiveReadOnly"), *m.RecursiveReadOnly, "Disabled", "Enabled", "IfPossible")...)
			if *m.RecursiveReadOnly != "Disabled" && !m.ReadOnly {
				errs = append(errs, field.Forbidden(at.Child("recursiveReadOnly"), "may only be specified when readOnly is true"))
			}
		}
		for j, o := range m.BindMountOptions {
			errs = append(errs, oneOf(at.Child("bindMountOptions").Index(j), o, "nodev", "noexec", "nosuid")...)
		}
		if known && v.GetVolumeSource().GetImage() != nil && len(m.BindMountOptions) > 0 {
			errs = append(errs, field.Forbidden(at.Child("bindMountOptions"), "not allowed in image volume sources"))
		}
		if known && v.GetVolumeSource().GetImage() != nil && m.SubPathExpr != "" {
			errs = append(errs, field.Forbidden(at.Child("subPathExpr"), "not allowed in image volume sources"))
		}
	}
	devices := map[string]bool{}
	for i, d := range c.VolumeDevices {
		at := path.Child("volumeDevices").Index(i)
		v, known := volumes[d.Name]
		switch {
		case d.Name == "":
			errs = append(errs, field.Required(at.Child("name"), ""))
		case !known:
			errs = append(errs, field.NotFound(at.Child("name"), d.Name))
		case v.GetVolumeSource().GetPersistentVolumeClaim() == nil && v.GetVolumeSource().GetEphemeral() == nil:
			errs = append(errs, field.Invalid(at.Child("name"), d.Name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"))
		}
		switch {
		case d.DevicePath == "":
			errs = append(errs, field.Required(at.Child("devicePath"), ""))
		case devices[d.DevicePath] || paths[d.DevicePath]:
			errs = append(errs, field.Invalid(at.Child("devicePath"), d.DevicePath, "must be unique, among mount paths too"))
		}
		devices[d.DevicePath] = true
		errs = append(errs, noBackSteps(at.Child("devicePath"), d.DevicePath)...)
	}
	return errs
}

func validatePropagation(m *corev1.VolumeMount, c *corev1.Container, path *field.Path) field.ErrorList {
	if m.MountPropagation == nil {
		return nil
	}
	errs := oneOf(path, *m.MountPropagation, "Bidirectional", "HostToContainer", "None")
	if *m.MountPropagation == "Bidirectional" && !c.GetSecurityContext().GetPrivileged() {
		errs = append(errs, field.Forbidden(path, "Bidirectional mount propagation is available only to privileged containers"))
	}
	return errs
}
