package containerconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"path/filepath"
	"strconv"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Labels that sandboxes and containers carry. The first four are the ones that tools
// around CRI (log shippers, crictl, metrics agents) look for.
const (
	LabelPodName       = "io.kubernetes.pod.name"
	LabelPodNamespace  = "io.kubernetes.pod.namespace"
	LabelPodUID        = "io.kubernetes.pod.uid"
	LabelContainerName = "io.kubernetes.container.name"
	// LabelNode names the agent that made it.
	LabelNode = "kaji.dev/node"
)

// Annotations of containers: what the agent must know to end one whose pod it can
// no longer read, and to tell whether its spec changed.
const (
	AnnotationHash                     = "io.kubernetes.container.hash"
	AnnotationRestartCount             = "io.kubernetes.container.restartCount"
	AnnotationTerminationMessagePath   = "io.kubernetes.container.terminationMessagePath"
	AnnotationTerminationMessagePolicy = "io.kubernetes.container.terminationMessagePolicy"
	AnnotationTerminationGracePeriod   = "io.kubernetes.pod.terminationGracePeriod"
)

// LogDirectory is the pod's directory of container logs, below LogRoot.
func (c *Config) LogDirectory(pod *corev1.Pod) string {
	m := pod.GetMetadata()
	return filepath.Join(c.LogRoot, m.GetNamespace()+"_"+m.GetName()+"_"+m.GetUid())
}

// LogPath is where a run of a container logs to, relative to LogDirectory.
func LogPath(container string, attempt uint32) string {
	return filepath.Join(container, strconv.FormatUint(uint64(attempt), 10)+".log")
}

// Hash tells whether a container of a running pod must be made anew. Of a container's
// spec the API lets only the image change in place, so name and image are all
// that counts: new defaults of a later API server must not restart anything.
func Hash(container *corev1.Container) string {
	sum := sha256.Sum256([]byte(container.GetName() + "\x00" + container.GetImage()))
	return hex.EncodeToString(sum[:8])
}

func (c *Config) labels(pod *corev1.Pod) map[string]string {
	m := pod.GetMetadata()
	return map[string]string{
		LabelPodName:      m.GetName(),
		LabelPodNamespace: m.GetNamespace(),
		LabelPodUID:       m.GetUid(),
		LabelNode:         c.NodeName,
	}
}

func (c *Config) sandboxLabels(pod *corev1.Pod) map[string]string {
	labels := maps.Clone(pod.GetMetadata().GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, c.labels(pod))
	return labels
}

func (c *Config) containerLabels(pod *corev1.Pod, container *corev1.Container) map[string]string {
	labels := c.labels(pod)
	labels[LabelContainerName] = container.GetName()
	return labels
}

func containerAnnotations(pod *corev1.Pod, container *corev1.Container, attempt uint32) map[string]string {
	a := map[string]string{
		AnnotationHash:                     Hash(container),
		AnnotationRestartCount:             strconv.FormatUint(uint64(attempt), 10),
		AnnotationTerminationMessagePath:   container.GetTerminationMessagePath(),
		AnnotationTerminationMessagePolicy: container.GetTerminationMessagePolicy(),
	}
	if pod.GetSpec().TerminationGracePeriodSeconds != nil {
		a[AnnotationTerminationGracePeriod] = strconv.FormatInt(pod.GetSpec().GetTerminationGracePeriodSeconds(), 10)
	}
	return a
}
