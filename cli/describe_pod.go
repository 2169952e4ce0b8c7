package cli

import (
	"fmt"
	"strconv"
	"strings"

	"kaji.dev/kaji/cli/printers"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func (d *describer) pod(p *corev1.Pod) {
	w, spec, status := d.w, p.GetSpec(), p.GetStatus()
	d.head(p)
	w.some(0, "Priority Class Name", spec.GetPriorityClassName())
	w.some(0, "Runtime Class Name", spec.GetRuntimeClassName())
	w.field(0, "Service Account", spec.GetServiceAccountName())
	node := spec.GetNodeName()
	if node != "" && status.GetHostIp() != "" {
		node += "/" + status.GetHostIp()
	}
	w.field(0, "Node", node)
	if status.GetStartTime() != nil {
		w.field(0, "Start Time", d.when(status.GetStartTime()))
	}
	w.field(0, "Status", printers.PodStatus(p))
	w.some(0, "Reason", status.GetReason())
	w.some(0, "Message", status.GetMessage())
	var ips []string
	for _, ip := range status.GetPodIps() {
		ips = append(ips, ip.GetIp())
	}
	if len(ips) == 0 && status.GetPodIp() != "" {
		ips = []string{status.GetPodIp()}
	}
	w.field(0, "IP", strings.Join(ips, ", "))
	if len(spec.GetInitContainers()) > 0 {
		w.heading(0, "Init Containers")
		d.containers(spec.GetInitContainers(), status.GetInitContainerStatuses())
	}
	w.heading(0, "Containers")
	d.containers(spec.GetContainers(), status.GetContainerStatuses())
	if len(spec.GetEphemeralContainers()) > 0 {
		w.heading(0, "Ephemeral Containers")
		d.containers(ephemeralContainers(p), status.GetEphemeralContainerStatuses())
	}
	rows := [][]string{{"Type", "Status", "Reason", "Message"}}
	for _, c := range status.GetConditions() {
		rows = append(rows, []string{c.GetType(), c.GetStatus(), c.GetReason(), c.GetMessage()})
	}
	w.table(0, "Conditions", rows)
	describeVolumes(w, spec.GetVolumes())
	w.some(0, "QoS Class", status.GetQosClass())
	w.pairs(0, "Node-Selectors", spec.GetNodeSelector())
	var tolerations []string
	for _, t := range spec.GetTolerations() {
		tolerations = append(tolerations, tolerationText(t))
	}
	w.list(0, "Tolerations", tolerations)
}

func (d *describer) containers(all []*corev1.Container, statuses []*corev1.ContainerStatus) {
	for _, c := range all {
		d.w.heading(1, c.GetName())
		var status *corev1.ContainerStatus
		for _, s := range statuses {
			if s.GetName() == c.GetName() {
				status = s
			}
		}
		if status != nil {
			d.w.field(2, "Container ID", status.GetContainerId())
		}
		d.w.field(2, "Image", c.GetImage())
		if status != nil {
			d.w.some(2, "Image ID", status.GetImageId())
		}
		describeContainer(d.w, c)
		if status == nil {
			continue
		}
		d.state("State", status.GetState())
		if last := status.GetLastState(); last.GetTerminated() != nil || last.GetRunning() != nil || last.GetWaiting() != nil {
			d.state("Last State", last)
		}
		d.w.field(2, "Ready", strconv.FormatBool(status.GetReady()))
		d.w.field(2, "Restart Count", strconv.Itoa(int(status.GetRestartCount())))
	}
}

func (d *describer) state(name string, s *corev1.ContainerState) {
	switch {
	case s.GetRunning() != nil:
		d.w.field(2, name, "Running")
		d.w.some(3, "Started", d.when(s.GetRunning().GetStartedAt()))
	case s.GetTerminated() != nil:
		t := s.GetTerminated()
		d.w.field(2, name, "Terminated")
		d.w.some(3, "Reason", t.GetReason())
		d.w.some(3, "Message", t.GetMessage())
		d.w.field(3, "Exit Code", strconv.Itoa(int(t.GetExitCode())))
		if t.GetSignal() != 0 {
			d.w.field(3, "Signal", strconv.Itoa(int(t.GetSignal())))
		}
		d.w.some(3, "Started", d.when(t.GetStartedAt()))
		d.w.some(3, "Finished", d.when(t.GetFinishedAt()))
	default:
		d.w.field(2, name, "Waiting")
		d.w.some(3, "Reason", s.GetWaiting().GetReason())
		d.w.some(3, "Message", s.GetWaiting().GetMessage())
	}
}

// describeContainer writes what a container declares, for pods and for templates.
func describeContainer(w *description, c *corev1.Container) {
	var ports []string
	for _, p := range c.GetPorts() {
		protocol := p.GetProtocol()
		if protocol == "" {
			protocol = "TCP"
		}
		text := fmt.Sprintf("%d/%s", p.GetContainerPort(), protocol)
		if p.GetHostPort() > 0 {
			text += fmt.Sprintf(" (host %d)", p.GetHostPort())
		}
		ports = append(ports, text)
	}
	if len(ports) > 0 {
		w.field(2, "Ports", strings.Join(ports, ", "))
	}
	if len(c.GetCommand()) > 0 {
		w.list(2, "Command", c.GetCommand())
	}
	if len(c.GetArgs()) > 0 {
		w.list(2, "Args", c.GetArgs())
	}
	for _, one := range []struct {
		name   string
		values map[string]string
	}{{"Limits", quantities(c.GetResources().GetLimits())}, {"Requests", quantities(c.GetResources().GetRequests())}} {
		if len(one.values) > 0 {
			w.pairs(2, one.name, one.values)
		}
	}
	for _, one := range []struct {
		name  string
		probe *corev1.Probe
	}{{"Startup", c.GetStartupProbe()}, {"Liveness", c.GetLivenessProbe()}, {"Readiness", c.GetReadinessProbe()}} {
		if one.probe != nil {
			w.field(2, one.name, probeText(one.probe))
		}
	}
	var from []string
	for _, e := range c.GetEnvFrom() {
		if r := e.GetConfigMapRef(); r != nil {
			from = append(from, "ConfigMap "+r.GetLocalObjectReference().GetName())
		}
		if r := e.GetSecretRef(); r != nil {
			from = append(from, "Secret "+r.GetLocalObjectReference().GetName())
		}
	}
	if len(from) > 0 {
		w.list(2, "Environment From", from)
	}
	var env []string
	for _, e := range c.GetEnv() {
		env = append(env, envText(e))
	}
	w.list(2, "Environment", env)
	var mounts []string
	for _, m := range c.GetVolumeMounts() {
		mode := "rw"
		if m.GetReadOnly() {
			mode = "ro"
		}
		text := fmt.Sprintf("%s from %s (%s)", m.GetMountPath(), m.GetName(), mode)
		if m.GetSubPath() != "" {
			text += " path " + m.GetSubPath()
		}
		mounts = append(mounts, text)
	}
	w.list(2, "Mounts", mounts)
}
