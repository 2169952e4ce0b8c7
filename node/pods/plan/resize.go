package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/observed"
)

// Conditions and reasons of a resize, as in Kubernetes.
const (
	condResizePending    = "PodResizePending"
	condResizeInProgress = "PodResizeInProgress"

	// Deferred: the node has no room for it now, but could have.
	Deferred = "Deferred"
	// Infeasible: this node can never have room for it.
	Infeasible = "Infeasible"
)

// resizable are the resources that a container can be given more or less of.
var resizable = []string{"cpu", "memory"}

// Refusal is why the resources that a pod's spec asks for are not set aside for it.
type Refusal struct{ Reason, Message string }

// Allocation is what is set aside for the containers of a pod, by name.
type Allocation map[string]*corev1.ResourceRequirements

// Wanted is the allocation that the pod's spec asks for.
func Wanted(pod *corev1.Pod) Allocation {
	out := Allocation{}
	each(pod, func(c *corev1.Container) { out[c.GetName()] = c.GetResources() })
	return out
}

// Adopt is the allocation that an earlier agent has written into the pod's status; what it does not tell of, and what cannot
// be resized, is as in the spec. There is no limit below its request in it, as the status of a resize under way may have.
func Adopt(pod *corev1.Pod) Allocation {
	out := Wanted(pod)
	for _, st := range slices.Concat(pod.GetStatus().GetInitContainerStatuses(), pod.GetStatus().GetContainerStatuses()) {
		spec, ok := out[st.GetName()]
		if !ok {
			continue
		}
		had := &corev1.ResourceRequirements{Requests: maps.Clone(st.GetAllocatedResources()), Limits: maps.Clone(st.GetResources().GetLimits())}
		for _, name := range resizable {
			if limit, has := had.Limits[name]; has && thousandths(limit) < thousandths(had.Requests[name]) {
				had.Limits[name] = had.Requests[name]
			}
		}
		out[st.GetName()] = with(spec, had)
	}
	return out
}

// Same tells whether two allocations have the same amounts of what can be resized.
func (a Allocation) Same(b Allocation) bool { return maps.EqualFunc(a, b, same) }

// Pod is the pod as it is with that allocation.
func (a Allocation) Pod(pod *corev1.Pod) *corev1.Pod {
	if a.Same(Wanted(pod)) {
		return pod
	}
	out := &corev1.Pod{Metadata: pod.GetMetadata(), Spec: proto.CloneOf(pod.GetSpec()), Status: pod.GetStatus()}
	each(out, func(c *corev1.Container) { c.Resources = with(c.GetResources(), a[c.GetName()]) })
	return out
}

// Requests is what the node has to set aside for the pod with that allocation.
func (a Allocation) Requests(pod *corev1.Pod) (containerconfig.Amounts, error) {
	return containerconfig.PodRequests(a.Pod(pod))
}

// with is spec with the amounts of what can be resized taken from another.
func with(spec, from *corev1.ResourceRequirements) *corev1.ResourceRequirements {
	if same(spec, from) {
		return spec
	}
	return &corev1.ResourceRequirements{
		Requests: replaced(spec.GetRequests(), from.GetRequests()), Limits: replaced(spec.GetLimits(), from.GetLimits()), Claims: spec.GetClaims(),
	}
}

func replaced(list, from map[string]*metav1.Quantity) map[string]*metav1.Quantity {
	out := maps.Clone(list)
	if out == nil {
		out = map[string]*metav1.Quantity{}
	}
	for _, name := range resizable {
		delete(out, name)
		if q, ok := from[name]; ok {
			out[name] = q
		}
	}
	return out
}

// changed are the resources of which two containers have different amounts.
func changed(a, b *corev1.ResourceRequirements) []string {
	var out []string
	for _, name := range resizable {
		if amount(a.GetRequests(), name) != amount(b.GetRequests(), name) || amount(a.GetLimits(), name) != amount(b.GetLimits(), name) {
			out = append(out, name)
		}
	}
	return out
}

// amount is in the canonical form that the API gives it.
func amount(list map[string]*metav1.Quantity, name string) string { return list[name].GetString_() }

func same(a, b *corev1.ResourceRequirements) bool { return len(changed(a, b)) == 0 }

func thousandths(q *metav1.Quantity) int64 { return containerconfig.Thousandths(q) }

// Allocated is a container of the pod with what is set aside for it.
func Allocated(s *State, c *corev1.Container) *corev1.Container {
	is, ok := s.Allocated[c.GetName()]
	if !ok || same(is, c.GetResources()) {
		return c
	}
	out := proto.CloneOf(c)
	out.Resources = with(c.GetResources(), is)
	return out
}

// InForce is what a container runs with: what this agent has given it, else what the status of an earlier agent says, else
// what it was made with. Known is false when nothing tells.
func InForce(s *State, last *observed.Container) (is *corev1.ResourceRequirements, known bool) {
	if r, ok := s.Applied[last.ID]; ok {
		return r, true
	}
	if st := published(s, last.Name); st.GetContainerId() == s.Node.containerID(last.ID) && st.GetState().GetRunning() != nil {
		return st.GetResources(), true
	}
	return made(last)
}

// made is what a container was made with.
func made(c *observed.Container) (*corev1.ResourceRequirements, bool) {
	text, ok := c.Annotations[observed.AnnotationResources]
	if !ok {
		return nil, false
	}
	var m madeWith
	if json.Unmarshal([]byte(text), &m) != nil {
		return nil, false
	}
	return &corev1.ResourceRequirements{Requests: quantities(m.Requests), Limits: quantities(m.Limits)}, true
}

// madeWith is the form of observed.AnnotationResources.
type madeWith struct {
	Requests map[string]string `json:"requests,omitempty"`
	Limits   map[string]string `json:"limits,omitempty"`
}

// MadeWith is the value of observed.AnnotationResources for a new container.
func MadeWith(c *corev1.Container) string {
	text, err := json.Marshal(madeWith{strs(c.GetResources().GetRequests()), strs(c.GetResources().GetLimits())})
	if err != nil { // two maps of strings always have a form
		return ""
	}
	return string(text)
}

func strs(list map[string]*metav1.Quantity) map[string]string {
	out := map[string]string{}
	for _, name := range resizable {
		if q, ok := list[name]; ok {
			out[name] = q.GetString_()
		}
	}
	return out
}

func quantities(list map[string]string) map[string]*metav1.Quantity {
	out := map[string]*metav1.Quantity{}
	for name, text := range list {
		out[name] = &metav1.Quantity{String_: text}
	}
	return out
}

// resizes tells whether a container's resources may change while the pod is there.
func resizes(pod *corev1.Pod, c *corev1.Container) bool { return !isInit(pod, c) || sidecar(c) }

// resize brings what running containers run with to what is set aside for them.
func resize(s *State, box *observed.Sandbox, p *Plan) {
	each(s.Pod, func(c *corev1.Container) {
		last := latest(s, c.GetName(), box.ID)
		if last == nil || last.State != observed.Running || !resizes(s.Pod, c) || s.starting(c.GetName()) || busy(s, keyStop+last.ID) {
			return
		}
		want := Allocated(s, c)
		if have, known := InForce(s, last); known && same(have, want.GetResources()) {
			return
		}
		if remade(s, c, last) {
			if !busy(s, keyResize+last.ID) {
				g := grace(s.Pod)
				a := stopping(s, last, p.now.Add(g), g, "Container "+c.GetName()+" resize requires restart, will be restarted")
				a.Resize = true
				p.add(s, a)
			}
			return
		}
		p.add(s, ResizeContainer{ID: last.ID, Container: want})
	})
}

// remade tells whether a container must be made anew to have what is set aside for it: of a resource for which it asks to be
// restarted, it was made with another amount.
func remade(s *State, c *corev1.Container, last *observed.Container) bool {
	was, known := made(last)
	if !known {
		was, known = InForce(s, last)
	}
	if !known {
		return false
	}
	for _, name := range changed(was, Allocated(s, c).GetResources()) {
		for _, policy := range c.GetResizePolicy() {
			if policy.GetResourceName() == name && policy.GetRestartPolicy() == "RestartContainer" {
				return true
			}
		}
	}
	return false
}

// resizeConditions tells of a resize that waits or is under way.
func resizeConditions(s *State, set func(kind string, ok bool, reason, message string)) {
	if r := s.Refused; r != nil {
		set(condResizePending, true, r.Reason, r.Message)
	}
	box := current(s)
	if box == nil {
		return
	}
	under, failed := false, ""
	each(s.Pod, func(c *corev1.Container) {
		last := latest(s, c.GetName(), box.ID)
		if last == nil || !resizes(s.Pod, c) {
			return
		}
		switch have, known := InForce(s, last); {
		case last.State == observed.Running && (!known || !same(have, Allocated(s, c).GetResources())):
			under = true
		case s.Resizing[last.ID] && last.State == observed.Exited: // and not started again yet
			under = true
		}
		if f := s.Failures[keyResize+last.ID]; f.Count > 0 {
			failed = fmt.Sprintf("container %s: %s", c.GetName(), f.Message)
		}
	})
	switch {
	case under && failed != "":
		set(condResizeInProgress, true, "Error", failed)
	case under:
		set(condResizeInProgress, true, "", "")
	}
}

// Refused is what the status last said of a resize that waits; nil when none does.
func Refused(st *corev1.PodStatus) *Refusal {
	c := condition(st, condResizePending)
	if c.GetStatus() != "True" {
		return nil
	}
	return &Refusal{Reason: c.GetReason(), Message: c.GetMessage()}
}

// ResizeNews are the reason and the message of the event that a change of the conditions makes; "" for none.
func ResizeNews(old, now *corev1.PodStatus) (reason, message string, warning bool) {
	was, is := condition(old, condResizePending), condition(now, condResizePending)
	if is.GetReason() != "" && (is.GetReason() != was.GetReason() || is.GetMessage() != was.GetMessage()) {
		return "Resize" + is.GetReason(), "Pod resize " + is.GetReason() + ": " + is.GetMessage(), true
	}
	was, is = condition(old, condResizeInProgress), condition(now, condResizeInProgress)
	switch {
	case is != nil && is.GetReason() == "Error" && was.GetMessage() != is.GetMessage():
		return "ResizeError", "Pod resize error: " + is.GetMessage(), true
	case is != nil && was == nil:
		return "ResizeStarted", "Pod resize started: " + inWords(now, false), false
	case is == nil && was != nil && now.GetPhase() == PhaseRunning:
		return "ResizeCompleted", "Pod resize completed: " + inWords(now, true), false
	}
	return "", "", false
}

// inWords tells what the containers have of what can be resized.
func inWords(st *corev1.PodStatus, limits bool) string {
	var out []string
	for _, c := range slices.Concat(st.GetInitContainerStatuses(), st.GetContainerStatuses()) {
		var parts []string
		for _, name := range resizable {
			if v := amount(c.GetAllocatedResources(), name); v != "" {
				parts = append(parts, "requests "+name+"="+v)
			}
			if v := amount(c.GetResources().GetLimits(), name); limits && v != "" {
				parts = append(parts, "limits "+name+"="+v)
			}
		}
		if len(parts) > 0 {
			out = append(out, c.GetName()+" "+strings.Join(parts, " "))
		}
	}
	return strings.Join(out, "; ")
}

// RetryResize is how often a resize that the node has no room for is tried again.
const RetryResize = 3 * time.Second

// Settled tells whether every running container runs with what is set aside for it.
func Settled(s *State) bool {
	done := true
	each(s.Pod, func(c *corev1.Container) {
		for _, last := range attempts(s, c.GetName()) {
			if !alive(last.State) || !resizes(s.Pod, c) {
				continue
			}
			have, known := InForce(s, last)
			done = done && known && same(have, Allocated(s, c).GetResources())
		}
	})
	return done
}
