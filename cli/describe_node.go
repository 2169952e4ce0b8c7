package cli

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"kaji.dev/kaji/cli/printers"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func (d *describer) node(n *corev1.Node) {
	w, status := d.w, n.GetStatus()
	d.head(n)
	w.field(0, "Roles", printers.NodeRoles(n))
	var taints []string
	for _, t := range n.GetSpec().GetTaints() {
		taints = append(taints, taintText(t))
	}
	w.list(0, "Taints", taints)
	w.field(0, "Unschedulable", strconv.FormatBool(n.GetSpec().GetUnschedulable()))
	rows := [][]string{{"Type", "Status", "LastHeartbeat", "Reason", "Message"}}
	for _, c := range status.GetConditions() {
		rows = append(rows, []string{c.GetType(), c.GetStatus(), printers.Age(c.GetLastHeartbeatTime(), d.session.Now()), c.GetReason(), c.GetMessage()})
	}
	w.table(0, "Conditions", rows)
	var addresses []string
	for _, a := range status.GetAddresses() {
		addresses = append(addresses, a.GetType()+" "+a.GetAddress())
	}
	w.list(0, "Addresses", addresses)
	w.pairs(0, "Capacity", quantities(status.GetCapacity()))
	w.pairs(0, "Allocatable", quantities(status.GetAllocatable()))
	info := status.GetNodeInfo()
	w.heading(0, "System Info")
	for _, f := range [][2]string{
		{"Kernel Version", info.GetKernelVersion()}, {"OS Image", info.GetOsImage()}, {"Operating System", info.GetOperatingSystem()},
		{"Architecture", info.GetArchitecture()}, {"Container Runtime", info.GetContainerRuntimeVersion()}, {"Agent Version", info.GetKubeletVersion()},
	} {
		w.field(1, f[0], f[1])
	}
	w.some(0, "PodCIDR", strings.Join(n.GetSpec().GetPodCidrs(), ", "))
	items, _, err := listAll(d.ctx, d.conn, kind.Lookup("pods"), "", &metav1.ListOptions{FieldSelector: "spec.nodeName=" + n.GetMetadata().GetName()})
	if err != nil {
		d.unreadable("Pods", err)
		return
	}
	d.nodePods(n, items)
}

// nodePods lists what runs on a node and what it asks for.
func (d *describer) nodePods(n *corev1.Node, items []kind.Object) {
	names := []string{"cpu", "memory"}
	totals := map[string]*resource.Quantity{}
	rows := [][]string{{"Namespace", "Name", "CPU Requests", "CPU Limits", "Memory Requests", "Memory Limits", "Age"}}
	for _, o := range items {
		p := o.(*corev1.Pod)
		if phase := p.GetStatus().GetPhase(); phase == "Succeeded" || phase == "Failed" {
			continue
		}
		row := []string{p.GetMetadata().GetNamespace(), p.GetMetadata().GetName()}
		for _, name := range names {
			requests := podResource(p, name, func(r *corev1.ResourceRequirements) map[string]*metav1.Quantity { return r.GetRequests() })
			limits := podResource(p, name, func(r *corev1.ResourceRequirements) map[string]*metav1.Quantity { return r.GetLimits() })
			row = append(row, requests.String(), limits.String())
			for key, q := range map[string]resource.Quantity{name + " requests": requests, name + " limits": limits} {
				if totals[key] == nil {
					totals[key] = &resource.Quantity{}
				}
				totals[key].Add(q)
			}
		}
		rows = append(rows, append(row, printers.Age(p.GetMetadata().GetCreationTimestamp(), d.session.Now())))
	}
	d.w.table(0, fmt.Sprintf("Pods (%d)", len(rows)-1), rows)
	sums := [][]string{{"Resource", "Requests", "Limits"}}
	for _, name := range names {
		row := []string{name}
		for _, what := range []string{" requests", " limits"} {
			q := totals[name+what]
			if q == nil {
				q = &resource.Quantity{}
			}
			row = append(row, q.String()+share(q, n.GetStatus().GetAllocatable()[name]))
		}
		sums = append(sums, row)
	}
	d.w.table(0, "Allocated Resources", sums)
}

// share is the part of what the node has, in percent.
func share(q *resource.Quantity, of *metav1.Quantity) string {
	total, err := resource.ParseQuantity(of.GetString_())
	if err != nil || total.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (%.0f%%)", 100*q.AsApproximateFloat64()/total.AsApproximateFloat64())
}

// podResource is what a pod asks for: the sum over its containers and sidecars, or what an init container asks
// for when that is more.
func podResource(p *corev1.Pod, name string, of func(*corev1.ResourceRequirements) map[string]*metav1.Quantity) resource.Quantity {
	value := func(c *corev1.Container) resource.Quantity {
		q, err := resource.ParseQuantity(of(c.GetResources())[name].GetString_())
		if err != nil {
			return resource.Quantity{}
		}
		return q
	}
	var sum, initial, sidecars resource.Quantity
	for _, c := range p.GetSpec().GetContainers() {
		sum.Add(value(c))
	}
	for _, c := range p.GetSpec().GetInitContainers() {
		q := value(c)
		if c.GetRestartPolicy() == "Always" {
			sum.Add(q)
			sidecars.Add(q)
			q = sidecars.DeepCopy()
		} else {
			q.Add(sidecars)
		}
		if q.Cmp(initial) > 0 {
			initial = q
		}
	}
	if initial.Cmp(sum) > 0 {
		sum = initial
	}
	if q, err := resource.ParseQuantity(p.GetSpec().GetOverhead()[name].GetString_()); err == nil {
		sum.Add(q)
	}
	return sum
}
