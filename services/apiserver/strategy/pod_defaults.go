package strategy

import (
	"strings"

	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const (
	tolerationNotReady    = "node.kubernetes.io/not-ready"
	tolerationUnreachable = "node.kubernetes.io/unreachable"
	// evictAfterSeconds is how long a pod stays on a node that stopped answering, unless it says otherwise.
	evictAfterSeconds = 300

	priorityClusterCritical = 2_000_000_000
	priorityNodeCritical    = 2_000_001_000
)

// defaultPod fills in a pod that is to be run, on top of what every pod template gets.
func defaultPod(p *corev1.Pod) {
	if p.Spec == nil {
		p.Spec = &corev1.PodSpec{}
	}
	s := p.Spec
	defaultPodSpec(s)
	if s.GetTerminationGracePeriodSeconds() < 0 { // also of pods made from a template, where it may stand
		s.TerminationGracePeriodSeconds = proto.Int64(1)
	}
	forEachContainer(s, func(c *corev1.Container) { requestsFromLimits(c.Resources) })
	defaultPodLevelRequests(s)
	if s.EnableServiceLinks == nil {
		s.EnableServiceLinks = proto.Bool(true)
	}
	if s.ServiceAccountName == "" {
		s.ServiceAccountName = "default"
		s.ServiceAccount = "default"
	}
	if s.HostNetwork {
		forEachContainer(s, hostPortsFromContainerPorts)
	}
	tolerateForAWhile(s, tolerationNotReady)
	tolerateForAWhile(s, tolerationUnreachable)
}

// defaultPodSpec fills in what a pod and a pod template get alike.
func defaultPodSpec(s *corev1.PodSpec) {
	setDefault(&s.DnsPolicy, "ClusterFirst")
	setDefault(&s.RestartPolicy, "Always")
	setDefault(&s.SchedulerName, "default-scheduler")
	if s.SecurityContext == nil {
		s.SecurityContext = &corev1.PodSecurityContext{}
	}
	if s.TerminationGracePeriodSeconds == nil {
		s.TerminationGracePeriodSeconds = proto.Int64(30)
	}
	// serviceAccount is the old name of serviceAccountName; both are kept the same.
	if s.ServiceAccountName == "" {
		s.ServiceAccountName = s.ServiceAccount
	}
	s.ServiceAccount = s.ServiceAccountName
	for _, v := range s.Volumes {
		defaultVolume(v)
	}
	forEachContainer(s, defaultContainer)
	for _, e := range s.EphemeralContainers {
		defaultEphemeral(e.EphemeralContainerCommon)
	}
}

// defaultTemplate fills in the pod template of a workload.
func defaultTemplate(t *corev1.PodTemplateSpec) {
	if t == nil {
		return
	}
	if t.Spec == nil {
		t.Spec = &corev1.PodSpec{}
	}
	defaultPodSpec(t.Spec)
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func setDefaultInt(field *int32, value int32) {
	if *field == 0 {
		*field = value
	}
}

// forEachContainer visits init containers and containers.
func forEachContainer(s *corev1.PodSpec, visit func(*corev1.Container)) {
	for _, c := range s.GetInitContainers() {
		visit(c)
	}
	for _, c := range s.GetContainers() {
		visit(c)
	}
}

func hostPortsFromContainerPorts(c *corev1.Container) {
	for _, p := range c.Ports {
		if p.HostPort == 0 {
			p.HostPort = p.ContainerPort
		}
	}
}

// tolerateForAWhile adds a NoExecute toleration for a taint of a failing node, unless the pod has one that covers it.
func tolerateForAWhile(s *corev1.PodSpec, taint string) {
	for _, t := range s.Tolerations {
		if (t.Key == taint || t.Key == "") && (t.Effect == "NoExecute" || t.Effect == "") {
			return
		}
	}
	s.Tolerations = append(s.Tolerations, &corev1.Toleration{
		Key: taint, Operator: "Exists", Effect: "NoExecute", TolerationSeconds: proto.Int64(evictAfterSeconds),
	})
}

// pullPolicyFor is Always for the tag latest, said or implied, and IfNotPresent for everything else.
func pullPolicyFor(image string) string {
	if strings.Contains(image, "@") {
		return "IfNotPresent"
	}
	name := image[strings.LastIndex(image, "/")+1:]
	if _, tag, ok := strings.Cut(name, ":"); ok && tag != "latest" {
		return "IfNotPresent"
	}
	return "Always"
}
