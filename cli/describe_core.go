package cli

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"kaji.dev/kaji/cli/printers"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

func (d *describer) namespace(n *corev1.Namespace) {
	d.head(n)
	d.w.field(0, "Status", n.GetStatus().GetPhase())
	rows := [][]string{{"Type", "Status", "Reason", "Message"}}
	for _, c := range n.GetStatus().GetConditions() {
		rows = append(rows, []string{c.GetType(), c.GetStatus(), c.GetReason(), c.GetMessage()})
	}
	if len(rows) > 1 {
		d.w.table(0, "Conditions", rows)
	}
}

func (d *describer) service(s *corev1.Service) {
	w, spec := d.w, s.GetSpec()
	d.head(s)
	w.field(0, "Selector", strings.Join(sortedPairs(spec.GetSelector()), ","))
	w.field(0, "Type", spec.GetType())
	w.some(0, "IP Families", strings.Join(spec.GetIpFamilies(), ", "))
	ips := spec.GetClusterIps()
	if len(ips) == 0 && spec.GetClusterIp() != "" {
		ips = []string{spec.GetClusterIp()}
	}
	w.field(0, "IPs", strings.Join(ips, ", "))
	w.some(0, "External IPs", strings.Join(spec.GetExternalIps(), ", "))
	w.some(0, "External Name", spec.GetExternalName())
	for _, p := range spec.GetPorts() {
		name := p.GetName()
		if name == "" {
			name = "<unset>"
		}
		w.field(0, "Port", fmt.Sprintf("%s  %d/%s", name, p.GetPort(), p.GetProtocol()))
		w.some(0, "TargetPort", portText(p.GetTargetPort()))
		if p.GetNodePort() > 0 {
			w.field(0, "NodePort", strconv.Itoa(int(p.GetNodePort())))
		}
	}
	w.some(0, "Session Affinity", spec.GetSessionAffinity())
	if len(spec.GetSelector()) == 0 {
		return
	}
	pods, err := podsBy(d.ctx, d.conn, s.GetMetadata().GetNamespace(), strings.Join(sortedPairs(spec.GetSelector()), ","))
	if err != nil {
		d.unreadable("Pods", err)
		return
	}
	rows := [][]string{{"Name", "Status", "IP", "Node"}}
	for _, p := range pods {
		rows = append(rows, []string{p.GetMetadata().GetName(), printers.PodStatus(p), p.GetStatus().GetPodIp(), p.GetSpec().GetNodeName()})
	}
	w.table(0, "Pods", rows)
}

func (d *describer) configMap(c *corev1.ConfigMap) {
	d.head(c)
	if c.GetImmutable() {
		d.w.field(0, "Immutable", "true")
	}
	d.w.heading(0, "Data")
	for _, key := range sortedKeys(c.GetData()) {
		d.w.heading(0, key)
		d.w.text(0, "----")
		d.w.text(0, strings.TrimRight(c.GetData()[key], "\n"))
	}
	for _, key := range sortedKeys(c.GetBinaryData()) {
		d.w.field(0, key, fmt.Sprintf("%d bytes", len(c.GetBinaryData()[key])))
	}
}

// secret shows sizes, never values.
func (d *describer) secret(s *corev1.Secret) {
	d.head(s)
	d.w.field(0, "Type", s.GetType())
	d.w.heading(0, "Data")
	for _, key := range sortedKeys(s.GetData()) {
		d.w.field(1, key, fmt.Sprintf("%d bytes", len(s.GetData()[key])))
	}
}

// generic shows any kind: its metadata, then the rest as it would be in YAML.
func (d *describer) generic(o kind.Object) {
	d.head(o)
	rest := clone(o)
	m := rest.ProtoReflect()
	m.Clear(m.Descriptor().Fields().ByName("metadata"))
	text, err := manifest.JSONToYAML(manifest.MarshalMessage(rest))
	if err != nil {
		d.unreadable("Content", err)
		return
	}
	for _, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		if line == "{}" {
			continue
		}
		// Keys of the first level as the fields above: Spec, not spec.
		if r, size := utf8.DecodeRuneInString(line); size > 0 && r >= 'a' && r <= 'z' {
			line = strings.ToUpper(line[:size]) + line[size:]
		}
		d.w.text(0, line)
	}
}

func (d *describer) events(o kind.Object) {
	all, err := eventsOf(d.ctx, d.conn, o)
	if err != nil {
		d.unreadable("Events", err)
		return
	}
	rows := [][]string{{"Type", "Reason", "Age", "From", "Message"}}
	for _, e := range all {
		rows = append(rows, []string{e.GetType(), e.GetReason(), printers.EventAge(e, d.session.Now()), printers.EventSource(e), e.GetMessage()})
	}
	d.w.table(0, "Events", rows)
}
