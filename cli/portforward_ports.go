package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// forwardedPort is a port of this machine and the pod's that it leads to. Local 0 is any free one.
type forwardedPort struct{ local, remote uint16 }

// parseForward reads LOCAL:REMOTE, :REMOTE or REMOTE, for a pod or, if there is one, for a service in front of it.
func parseForward(c *cobra.Command, text string, pod *corev1.Pod, service *corev1.Service) (forwardedPort, error) {
	left, right, both := strings.Cut(text, ":")
	if !both {
		right = left
	}
	if right == "" || strings.Contains(right, ":") {
		return forwardedPort{}, usage(c, "%q is none of LOCAL:REMOTE, :REMOTE, REMOTE", text)
	}
	var out forwardedPort
	var err error
	if both && left != "" {
		n, err := strconv.ParseUint(left, 10, 16)
		if err != nil {
			return out, usage(c, "local port %q is not a number from 0 to 65535", left)
		}
		out.local = uint16(n)
	}
	local := uint16(0)
	if service != nil {
		local, out.remote, err = throughService(c, right, pod, service)
	} else {
		out.remote, err = podPort(c, right, pod)
		local = out.remote
	}
	if !both {
		out.local = local
	}
	return out, err
}

// podPort is a port of a pod, by number or by the name that a container gives it.
func podPort(c *cobra.Command, text string, pod *corev1.Pod) (uint16, error) {
	if text[0] >= '0' && text[0] <= '9' {
		n, err := parsePort(c, text)
		return uint16(n), err
	}
	var names []string
	for _, container := range pod.GetSpec().GetContainers() {
		for _, p := range container.GetPorts() {
			if p.GetName() == text {
				return tcpOnly(text, p.GetProtocol(), p.GetContainerPort())
			}
			if p.GetName() != "" {
				names = append(names, p.GetName())
			}
		}
	}
	err := fmt.Errorf("pod %s names no port %q", pod.GetMetadata().GetName(), text)
	if len(names) > 0 {
		return 0, &advice{err: err, next: "its named ports are: " + strings.Join(names, ", ")}
	}
	return 0, &advice{err: err, next: "give the number of the port"}
}

func tcpOnly(text, protocol string, port int32) (uint16, error) {
	if protocol != "" && protocol != "TCP" {
		return 0, fmt.Errorf("port %s is for %s; only TCP can be forwarded", text, protocol)
	}
	return uint16(port), nil
}

// throughService is a port of a service, by number or name, and the one of the pod that it leads to.
func throughService(c *cobra.Command, text string, pod *corev1.Pod, service *corev1.Service) (port, target uint16, err error) {
	number, isNumber := strconv.ParseUint(text, 10, 16)
	var known []string
	var found *corev1.ServicePort
	for _, p := range service.GetSpec().GetPorts() {
		known = append(known, strings.TrimSuffix(fmt.Sprintf("%d %s", p.GetPort(), p.GetName()), " "))
		if found == nil && (p.GetName() == text || isNumber == nil && p.GetPort() == int32(number) && (p.GetProtocol() == "" || p.GetProtocol() == "TCP")) {
			found = p
		}
	}
	if found == nil {
		return 0, 0, &advice{err: fmt.Errorf("service %s has no TCP port %q", service.GetMetadata().GetName(), text), next: "its ports are: " + strings.Join(known, ", ")}
	}
	if port, err = tcpOnly(text, found.GetProtocol(), found.GetPort()); err != nil {
		return 0, 0, err
	}
	target, err = targetPort(c, found.GetTargetPort(), pod, port)
	// A service without an address of its own leads to the pods as they are.
	if service.GetSpec().GetClusterIp() == "None" && found.GetTargetPort() == nil {
		target = port
	}
	return port, target, err
}

func targetPort(c *cobra.Command, t *metav1.IntOrString, pod *corev1.Pod, port uint16) (uint16, error) {
	switch {
	case t.GetStrVal() != "":
		return podPort(c, t.GetStrVal(), pod)
	case t.GetIntVal() > 0:
		return uint16(t.GetIntVal()), nil
	}
	return port, nil
}
