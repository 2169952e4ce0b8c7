package downward

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Field gives the value of a fieldRef's path. Maps asked for as a whole
// (metadata.labels, metadata.annotations) come as lines of key="value", sorted,
// the value quoted as Go quotes strings. A key that a map lacks is "".
func Field(pod *corev1.Pod, info PodInfo, path string) (string, error) {
	if field, key, ok := subscript(path); ok {
		switch field {
		case "metadata.labels":
			return pod.GetMetadata().GetLabels()[key], nil
		case "metadata.annotations":
			return pod.GetMetadata().GetAnnotations()[key], nil
		}
		return "", fmt.Errorf("fieldPath %q: %s takes no subscript", path, field)
	}
	switch path {
	case "metadata.name":
		return pod.GetMetadata().GetName(), nil
	case "metadata.namespace":
		return pod.GetMetadata().GetNamespace(), nil
	case "metadata.uid":
		return pod.GetMetadata().GetUid(), nil
	case "metadata.labels":
		return lines(pod.GetMetadata().GetLabels()), nil
	case "metadata.annotations":
		return lines(pod.GetMetadata().GetAnnotations()), nil
	case "spec.nodeName":
		if n := pod.GetSpec().GetNodeName(); n != "" {
			return n, nil
		}
		return info.NodeName, nil
	case "spec.serviceAccountName":
		return pod.GetSpec().GetServiceAccountName(), nil
	case "status.hostIP":
		return first(hostIPs(pod, info)), nil
	case "status.hostIPs":
		return strings.Join(hostIPs(pod, info), ","), nil
	case "status.podIP":
		return first(podIPs(pod, info)), nil
	case "status.podIPs":
		return strings.Join(podIPs(pod, info), ","), nil
	}
	return "", fmt.Errorf("fieldPath %q is not one that a pod may read", path)
}

// NeedsNetwork says whether a path's value is known only once the sandbox has
// its addresses.
func NeedsNetwork(path string) bool {
	return path == "status.podIP" || path == "status.podIPs"
}

// subscript splits metadata.labels['key'] (or ["key"]) into its two parts.
func subscript(path string) (field, key string, ok bool) {
	field, rest, found := strings.Cut(path, "[")
	if !found || len(rest) < 3 || rest[len(rest)-1] != ']' {
		return "", "", false
	}
	rest = rest[:len(rest)-1]
	if q := rest[0]; (q != '\'' && q != '"') || rest[len(rest)-1] != q || len(rest) < 2 {
		return "", "", false
	}
	return field, rest[1 : len(rest)-1], true
}

func lines(m map[string]string) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(k)
		b.WriteByte('=')
		b.WriteString(strconv.Quote(m[k]))
	}
	return b.String()
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

func hostIPs(pod *corev1.Pod, info PodInfo) []string {
	if len(info.HostIPs) > 0 {
		return info.HostIPs
	}
	var ips []string
	for _, ip := range pod.GetStatus().GetHostIps() {
		ips = append(ips, ip.GetIp())
	}
	if len(ips) == 0 && pod.GetStatus().GetHostIp() != "" {
		ips = []string{pod.GetStatus().GetHostIp()}
	}
	return ips
}

// podIPs are the node's own addresses for a pod on the host's network.
func podIPs(pod *corev1.Pod, info PodInfo) []string {
	if len(info.PodIPs) > 0 {
		return info.PodIPs
	}
	if pod.GetSpec().GetHostNetwork() {
		return hostIPs(pod, info)
	}
	var ips []string
	for _, ip := range pod.GetStatus().GetPodIps() {
		ips = append(ips, ip.GetIp())
	}
	if len(ips) == 0 && pod.GetStatus().GetPodIp() != "" {
		ips = []string{pod.GetStatus().GetPodIp()}
	}
	return ips
}
