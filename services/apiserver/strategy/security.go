package strategy

import (
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// sysctlName is elements of letters, digits, - and _, joined by dots or slashes.
var sysctlName = regexp.MustCompile(`^[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$`)

const maxSysctlName = 253

func validateUserID(id *int64, path *field.Path) field.ErrorList {
	if id == nil {
		return nil
	}
	return each(path, *id, validation.IsValidUserID(*id))
}

func validateGroupID(id *int64, path *field.Path) field.ErrorList {
	if id == nil {
		return nil
	}
	return each(path, *id, validation.IsValidGroupID(*id))
}

// validateSecurityContext checks how one container runs.
func validateSecurityContext(s *corev1.SecurityContext, os string, path *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	errs := validateUserID(s.RunAsUser, path.Child("runAsUser"))
	errs = append(errs, validateGroupID(s.RunAsGroup, path.Child("runAsGroup"))...)
	if s.ProcMount != nil {
		errs = append(errs, oneOf(path.Child("procMount"), *s.ProcMount, "Default", "Unmasked")...)
	}
	errs = append(errs, validateProfile("seccompProfile", s.SeccompProfile.GetType(), s.SeccompProfile.GetLocalhostProfile(), s.SeccompProfile != nil, path)...)
	errs = append(errs, validateProfile("appArmorProfile", s.AppArmorProfile.GetType(), s.AppArmorProfile.GetLocalhostProfile(), s.AppArmorProfile != nil, path)...)
	if s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation {
		at := path.Child("allowPrivilegeEscalation")
		if s.GetPrivileged() {
			errs = append(errs, field.Invalid(path, "", "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
		}
		for _, c := range s.Capabilities.GetAdd() {
			if c == "CAP_SYS_ADMIN" { // not SYS_ADMIN, the usual name, as in Kubernetes
				errs = append(errs, field.Invalid(at, false, "cannot set `allowPrivilegeEscalation` to false and `capabilities.add` CAP_SYS_ADMIN"))
			}
		}
	}
	errs = append(errs, validateWindows(s.WindowsOptions, path.Child("windowsOptions"))...)
	if os == "windows" {
		for name, set := range map[string]bool{
			"capabilities": s.Capabilities != nil, "privileged": s.Privileged != nil, "readOnlyRootFilesystem": s.ReadOnlyRootFilesystem != nil,
			"allowPrivilegeEscalation": s.AllowPrivilegeEscalation != nil, "procMount": s.ProcMount != nil, "runAsUser": s.RunAsUser != nil,
			"runAsGroup": s.RunAsGroup != nil, "seLinuxOptions": s.SeLinuxOptions != nil, "seccompProfile": s.SeccompProfile != nil,
			"appArmorProfile": s.AppArmorProfile != nil,
		} {
			if set {
				errs = append(errs, field.Forbidden(path.Child(name), "cannot be set for a windows pod"))
			}
		}
	} else if os == "linux" && s.WindowsOptions != nil {
		errs = append(errs, field.Forbidden(path.Child("windowsOptions"), "windows options cannot be set for a linux pod"))
	}
	return errs
}

// validateProfile checks a seccomp or AppArmor profile: a localhost one has a name, the others have none.
func validateProfile(name, kind, localhost string, set bool, parent *field.Path) field.ErrorList {
	if !set {
		return nil
	}
	path := parent.Child(name)
	if kind == "" {
		return field.ErrorList{field.Required(path.Child("type"), "type is required when "+name+" is set")}
	}
	errs := oneOf(path.Child("type"), kind, "Localhost", "RuntimeDefault", "Unconfined")
	at := path.Child("localhostProfile")
	switch {
	case kind == "Localhost" && localhost == "":
		errs = append(errs, field.Required(at, "must be set when type is Localhost"))
	case kind == "Localhost" && name == "seccompProfile":
		errs = append(errs, relativePath(at, localhost)...)
	case kind == "Localhost":
		if strings.TrimSpace(localhost) != localhost {
			errs = append(errs, field.Invalid(at, localhost, "must not be padded with whitespace"))
		}
		if len(localhost) > 4095 {
			errs = append(errs, field.TooLong(at, "", 4095))
		}
	case localhost != "":
		errs = append(errs, field.Invalid(at, localhost, "can only be set when type is Localhost"))
	}
	return errs
}

func validateWindows(w *corev1.WindowsSecurityContextOptions, path *field.Path) field.ErrorList {
	if w == nil {
		return nil
	}
	var errs field.ErrorList
	if n := w.GmsaCredentialSpecName; n != nil {
		errs = append(errs, each(path.Child("gmsaCredentialSpecName"), *n, subdomainName(*n, false))...)
	}
	if s := w.GmsaCredentialSpec; s != nil {
		if *s == "" {
			errs = append(errs, field.Invalid(path.Child("gmsaCredentialSpec"), *s, "gmsaCredentialSpec cannot be an empty string"))
		}
		if len(*s) > 64<<10 {
			errs = append(errs, field.TooLong(path.Child("gmsaCredentialSpec"), "", 64<<10))
		}
	}
	if u := w.RunAsUserName; u != nil && (*u == "" || strings.ContainsAny(*u, "\x00\x07\x1b") || strings.Count(*u, "\\") > 1) {
		errs = append(errs, field.Invalid(path.Child("runAsUserName"), *u, "must be DOMAIN\\USER or USER, without control characters"))
	}
	return errs
}

// validatePodSecurity checks what all containers of a pod run with.
func validatePodSecurity(s *corev1.PodSecurityContext, spec *corev1.PodSpec, os string, specPath *field.Path) field.ErrorList {
	path := specPath.Child("securityContext")
	if s == nil {
		return nil
	}
	errs := validateUserID(s.RunAsUser, path.Child("runAsUser"))
	errs = append(errs, validateGroupID(s.RunAsGroup, path.Child("runAsGroup"))...)
	errs = append(errs, validateGroupID(s.FsGroup, path.Child("fsGroup"))...)
	for i, g := range s.SupplementalGroups {
		errs = append(errs, validateGroupID(&g, path.Child("supplementalGroups").Index(i))...)
	}
	enum := func(name string, value *string, allowed ...string) {
		if value != nil {
			errs = append(errs, oneOf(path.Child(name), *value, allowed...)...)
		}
	}
	enum("fsGroupChangePolicy", s.FsGroupChangePolicy, "Always", "OnRootMismatch")
	enum("supplementalGroupsPolicy", s.SupplementalGroupsPolicy, "Merge", "Strict")
	enum("seLinuxChangePolicy", s.SeLinuxChangePolicy, "MountOption", "Recursive")
	errs = append(errs, validateProfile("seccompProfile", s.SeccompProfile.GetType(), s.SeccompProfile.GetLocalhostProfile(), s.SeccompProfile != nil, path)...)
	errs = append(errs, validateProfile("appArmorProfile", s.AppArmorProfile.GetType(), s.AppArmorProfile.GetLocalhostProfile(), s.AppArmorProfile != nil, path)...)
	seen := map[string]bool{}
	for i, c := range s.Sysctls {
		at := path.Child("sysctls").Index(i)
		switch {
		case c.Name == "":
			errs = append(errs, field.Required(at.Child("name"), ""))
		case len(c.Name) > maxSysctlName || !sysctlName.MatchString(c.Name):
			errs = append(errs, field.Invalid(at.Child("name"), c.Name, "must be a sysctl such as net.core.somaxconn"))
		case seen[c.Name]:
			errs = append(errs, field.Duplicate(at.Child("name"), c.Name))
		case spec.HostNetwork && strings.HasPrefix(strings.ReplaceAll(c.Name, "/", "."), "net."):
			errs = append(errs, field.Invalid(at.Child("name"), c.Name, "may not be specified when 'hostNetwork' is true"))
		case spec.HostIpc && (strings.HasPrefix(c.Name, "kernel.shm") || strings.HasPrefix(c.Name, "kernel.msg") || c.Name == "kernel.sem" || strings.HasPrefix(c.Name, "fs.mqueue.")):
			errs = append(errs, field.Invalid(at.Child("name"), c.Name, "may not be specified when 'hostIPC' is true"))
		}
		seen[c.Name] = true
	}
	errs = append(errs, validateWindows(s.WindowsOptions, path.Child("windowsOptions"))...)
	if os == "linux" && s.WindowsOptions != nil {
		errs = append(errs, field.Forbidden(path.Child("windowsOptions"), "windows options cannot be set for a linux pod"))
	}
	if os == "windows" {
		errs = append(errs, validateWindowsPod(s, spec, path, specPath)...)
	}
	return errs
}

// validateWindowsPod refuses what only Linux has.
func validateWindowsPod(s *corev1.PodSecurityContext, spec *corev1.PodSpec, path, specPath *field.Path) field.ErrorList {
	var errs field.ErrorList
	for name, set := range map[string]bool{
		"appArmorProfile": s.AppArmorProfile != nil, "seLinuxOptions": s.SeLinuxOptions != nil, "seccompProfile": s.SeccompProfile != nil,
		"fsGroup": s.FsGroup != nil, "fsGroupChangePolicy": s.FsGroupChangePolicy != nil, "sysctls": len(s.Sysctls) > 0,
		"runAsUser": s.RunAsUser != nil, "runAsGroup": s.RunAsGroup != nil, "supplementalGroups": len(s.SupplementalGroups) > 0,
		"supplementalGroupsPolicy": s.SupplementalGroupsPolicy != nil,
	} {
		if set {
			errs = append(errs, field.Forbidden(path.Child(name), "cannot be set for a windows pod"))
		}
	}
	for name, set := range map[string]bool{
		"hostPID": spec.HostPid, "hostIPC": spec.HostIpc, "shareProcessNamespace": spec.ShareProcessNamespace != nil, "hostUsers": spec.HostUsers != nil,
	} {
		if set {
			errs = append(errs, field.Forbidden(specPath.Child(name), "cannot be set for a windows pod"))
		}
	}
	return errs
}
