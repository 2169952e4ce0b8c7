package cli

import (
	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// profile is what a container to look with may do.
type profile struct {
	// add are capabilities it gets.
	add []string
	// privileged: it may do everything.
	privileged bool
	// strict: it keeps to the strictest of the pod security standards.
	strict bool
	// host: on a node it has the host's namespaces and files.
	host bool
}

// profiles are kubectl's, but for legacy.
var profiles = map[string]*profile{
	"general":    {add: []string{"SYS_PTRACE"}, host: true},
	"baseline":   {},
	"restricted": {strict: true},
	"netadmin":   {add: []string{"NET_ADMIN", "NET_RAW"}, host: true},
	"sysadmin":   {privileged: true, host: true},
}

// container is the security context of the container; nil for none. One that looks at a node needs no capability to do so.
func (p *profile) container(node bool) *corev1.SecurityContext {
	switch {
	case p.privileged:
		return &corev1.SecurityContext{Privileged: proto.Bool(true)}
	case p.strict:
		return &corev1.SecurityContext{
			RunAsNonRoot: proto.Bool(true), AllowPrivilegeEscalation: proto.Bool(false),
			Capabilities:   &corev1.Capabilities{Drop: []string{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: "RuntimeDefault"},
		}
	case len(p.add) == 0 || node && p == profiles["general"]:
		return nil
	}
	return &corev1.SecurityContext{Capabilities: &corev1.Capabilities{Add: p.add}}
}
