package strategy

import (
	"math"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// maxHostname is what Linux takes for the name of a host.
const maxHostname = 64

// validatePodSpec checks the spec of a pod or of a pod template, with its defaults filled in.
func validatePodSpec(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	if s == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	f := &podFacts{spec: s, os: s.GetOs().GetName(), names: map[string]bool{}, grace: s.TerminationGracePeriodSeconds, claims: map[string]bool{}}
	for _, c := range s.ResourceClaims {
		f.claims[c.Name] = true
	}
	var errs field.ErrorList
	f.volumes, errs = validateVolumes(s, path.Child("volumes"))
	errs = append(errs, validateContainers(f, path)...)
	errs = append(errs, validatePodResources(s, path.Child("resources"))...)
	errs = append(errs, validatePodSecurity(s.SecurityContext, s, f.os, path)...)
	errs = append(errs, validatePodLife(s, path)...)
	errs = append(errs, validatePodNetwork(s, path)...)
	errs = append(errs, validatePodPlacement(s, path)...)
	errs = append(errs, validatePodNames(s, path)...)
	return append(errs, validatePodClaims(s, path)...)
}

// validatePodLife checks how long a pod runs and what happens when its containers end.
func validatePodLife(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	errs = append(errs, oneOf(path.Child("restartPolicy"), s.RestartPolicy, "Always", "Never", "OnFailure")...)
	if d := s.ActiveDeadlineSeconds; d != nil && (*d < 1 || *d > math.MaxInt32) {
		errs = append(errs, field.Invalid(path.Child("activeDeadlineSeconds"), *d, validation.InclusiveRangeError(1, math.MaxInt32)))
	}
	for i, g := range s.ReadinessGates {
		errs = append(errs, qualifiedName(path.Child("readinessGates").Index(i).Child("conditionType"), g.ConditionType)...)
	}
	if s.Os != nil {
		if s.Os.Name == "" {
			errs = append(errs, field.Required(path.Child("os", "name"), "cannot be empty"))
		} else {
			errs = append(errs, oneOf(path.Child("os", "name"), s.Os.Name, "linux", "windows")...)
		}
	}
	if len(s.EvictionResponders) > 10 {
		errs = append(errs, field.TooMany(path.Child("evictionResponders"), len(s.EvictionResponders), 10))
	}
	seen := map[string]bool{}
	for i, r := range s.EvictionResponders {
		at := path.Child("evictionResponders").Index(i)
		if seen[r.Name] {
			errs = append(errs, field.Duplicate(at, r.Name))
		}
		seen[r.Name] = true
		errs = append(errs, validation.IsDomainPrefixedKey(at.Child("name"), r.Name)...)
		switch {
		case r.Priority == nil:
			errs = append(errs, field.Required(at.Child("priority"), ""))
		case *r.Priority < 0 || *r.Priority > 100000:
			errs = append(errs, field.Invalid(at.Child("priority"), *r.Priority, validation.InclusiveRangeError(0, 100000)))
		}
	}
	return errs
}

// validatePodNetwork checks the pod's name in the network and how it resolves names.
func validatePodNetwork(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("dnsPolicy"), s.DnsPolicy, "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
	errs = append(errs, validateDNSConfig(s.DnsConfig, s.DnsPolicy, path)...)
	errs = append(errs, validateHostAliases(s.HostAliases, path.Child("hostAliases"))...)
	if s.Hostname != "" {
		errs = append(errs, each(path.Child("hostname"), s.Hostname, validation.IsDNS1123Label(s.Hostname))...)
	}
	if s.Subdomain != "" {
		errs = append(errs, each(path.Child("subdomain"), s.Subdomain, validation.IsDNS1123Label(s.Subdomain))...)
	}
	if h := s.HostnameOverride; h != nil {
		at := path.Child("hostnameOverride")
		if len(*h) > maxHostname {
			errs = append(errs, field.TooLong(at, "", maxHostname))
		}
		errs = append(errs, each(at, *h, validation.IsDNS1123Subdomain(*h))...)
		if s.GetSetHostnameAsFqdn() {
			errs = append(errs, field.Forbidden(at, "may not be set when `setHostnameAsFQDN` is true"))
		}
		if s.HostNetwork {
			errs = append(errs, field.Forbidden(at, "may not be set when `hostNetwork` is true"))
		}
	}
	if s.GetShareProcessNamespace() && s.HostPid {
		errs = append(errs, field.Invalid(path.Child("shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	if s.HostUsers != nil && !*s.HostUsers {
		for name, set := range map[string]bool{"hostNetwork": s.HostNetwork, "hostPID": s.HostPid, "hostIPC": s.HostIpc} {
			if set {
				errs = append(errs, field.Forbidden(path.Child(name), "when `hostUsers` is false"))
			}
		}
	}
	return errs
}

// validatePodPlacement checks what the scheduler looks at.
func validatePodPlacement(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	errs := validateLabels(s.NodeSelector, path.Child("nodeSelector"))
	errs = append(errs, validateAffinity(s.Affinity, path.Child("affinity"))...)
	errs = append(errs, validateTolerations(s.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, validateTopologySpread(s.TopologySpreadConstraints, path.Child("topologySpreadConstraints"))...)
	if p := s.PreemptionPolicy; p != nil {
		errs = append(errs, oneOf(path.Child("preemptionPolicy"), *p, "Never", "PreemptLowerPriority")...)
	}
	_, more := validateResourceList(s.Overhead, path.Child("overhead"), nil)
	errs = append(errs, more...)
	gates := map[string]bool{}
	for i, g := range s.SchedulingGates {
		at := path.Child("schedulingGates").Index(i)
		errs = append(errs, qualifiedName(at, g.Name)...)
		if gates[g.Name] {
			errs = append(errs, field.Duplicate(at, g.Name))
		}
		gates[g.Name] = true
	}
	if g := s.SchedulingGroup; g != nil {
		at := path.Child("schedulingGroup", "podGroupName")
		if g.PodGroupName == nil {
			errs = append(errs, field.Required(at, ""))
		} else {
			errs = append(errs, each(at, *g.PodGroupName, subdomainName(*g.PodGroupName, false))...)
		}
		if len(s.EvictionResponders) > 0 {
			errs = append(errs, field.Forbidden(path.Child("evictionResponders"), "may not be set when `schedulingGroup` is"))
		}
	}
	return errs
}

// validatePodNames checks names of other objects that the pod points to.
func validatePodNames(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	named := func(name, value string) {
		if value != "" {
			errs = append(errs, each(path.Child(name), value, subdomainName(value, false))...)
		}
	}
	named("nodeName", s.NodeName)
	named("serviceAccountName", s.ServiceAccountName)
	named("priorityClassName", s.PriorityClassName)
	named("schedulerName", s.SchedulerName)
	named("runtimeClassName", s.GetRuntimeClassName())
	if s.SchedulerName == "" {
		errs = append(errs, field.Required(path.Child("schedulerName"), ""))
	}
	return errs
}

// validatePodClaims checks the devices that a pod asks for.
func validatePodClaims(s *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, c := range s.ResourceClaims {
		at := path.Child("resourceClaims").Index(i)
		if c.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else {
			errs = append(errs, each(at.Child("name"), c.Name, validation.IsDNS1123Label(c.Name))...)
		}
		if seen[c.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), c.Name))
		}
		seen[c.Name] = true
		if (c.ResourceClaimName == nil) == (c.ResourceClaimTemplateName == nil) {
			errs = append(errs, field.Invalid(at, c.Name, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
		}
		for name, value := range map[string]*string{"resourceClaimName": c.ResourceClaimName, "resourceClaimTemplateName": c.ResourceClaimTemplateName} {
			if value != nil {
				errs = append(errs, each(at.Child(name), *value, subdomainName(*value, false))...)
			}
		}
	}
	return errs
}
