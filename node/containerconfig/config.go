// Package containerconfig turns a pod and its containers into what a container
// runtime is asked for, in plain structs that know no runtime's messages.
//
// It owns the translation: names, labels, DNS, namespaces, security contexts,
// resources, OOM scores, the content of /etc/hosts, and the hash that tells whether a
// container's spec changed. It refuses what cannot be translated (an unknown seccomp
// type, a container that must not run as root and would). Everything here is a pure function of
// its arguments: no files, no clock, no API; a Config is read-only after Validate and
// may be used concurrently. What the functions return shares nothing with the pod.
package containerconfig

import (
	"errors"
	"fmt"
	"path/filepath"
)

// Config holds the facts of the node that go into every sandbox and container.
type Config struct {
	// NodeName goes into the labels, so that agents that share one runtime can
	// tell their pods apart. Required.
	NodeName string
	// LogRoot is the directory of the pods' log directories. Default
	// /var/log/pods.
	LogRoot string
	// ClusterDNS are the addresses of the cluster's DNS; without one, pods that
	// would use it get the node's resolver. ClusterDomain is the suffix of its names,
	// such as cluster.local.
	ClusterDNS    []string
	ClusterDomain string
	// HostResolver is the node's own resolv.conf (see ParseResolvConf).
	HostResolver ResolvConf
	// CgroupRoot is the cgroup below which each pod gets its own
	// (root/qos/podUID); empty leaves the place to the runtime. SystemdCgroup spells
	// it as slices.
	CgroupRoot    string
	SystemdCgroup bool
	// CgroupV2 says that the host has the unified hierarchy.
	CgroupV2 bool
	// MemoryQoS sets memory.min to the memory request, on CgroupV2 only.
	MemoryQoS bool
	// DisableCPUQuota leaves CPU limits unenforced.
	DisableCPUQuota bool
	// MemoryCapacity is the node's memory in bytes: the measure of a burstable
	// container's OOM score.
	MemoryCapacity int64
	// MinOOMScoreAdj is the lowest score the runtime may set: the agent's own,
	// from /proc/self/oom_score_adj. Lowering it further takes a capability
	// that may be missing.
	MinOOMScoreAdj int64
	// AppArmor says that the host has AppArmor. Without it profiles are left unset,
	// and a pod that asks for a profile is refused.
	AppArmor bool
	// SeccompRoot is where localhost seccomp profiles are; a profile's path
	// is relative to it. Default /var/lib/kaji/seccomp.
	SeccompRoot string
	// SeccompDefault uses the runtime's profile where a pod names none.
	SeccompDefault bool
	// RecursiveReadOnly says that the runtime can make mounts recursively read-only.
	RecursiveReadOnly bool
	// SupplementalGroupsPolicy says that the runtime can be strict about groups:
	// give a process those of the spec and none that the image adds.
	SupplementalGroupsPolicy bool
	// HugepageSizes are the page sizes of the host as cgroups spell them (2MB,
	// 1GB); a container may use none of them unless it has a limit.
	HugepageSizes []string
}

// Validate fills the defaults and says what is wrong.
func (c *Config) Validate() error {
	if c.LogRoot == "" {
		c.LogRoot = "/var/log/pods"
	}
	if c.SeccompRoot == "" {
		c.SeccompRoot = "/var/lib/kaji/seccomp"
	}
	switch {
	case c.NodeName == "":
		return errors.New("containerconfig: NodeName is required")
	case !filepath.IsAbs(c.LogRoot):
		return errors.New("containerconfig: LogRoot must be an absolute path")
	case !filepath.IsAbs(c.SeccompRoot):
		return errors.New("containerconfig: SeccompRoot must be an absolute path")
	case c.MinOOMScoreAdj < -1000 || c.MinOOMScoreAdj > 1000:
		return fmt.Errorf("containerconfig: MinOOMScoreAdj %d is outside -1000..1000", c.MinOOMScoreAdj)
	case c.MemoryCapacity < 0:
		return errors.New("containerconfig: MemoryCapacity is negative")
	}
	return nil
}
