package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/observed"
)

// TestAnyLifeIsSound lets any pod live through any order of exits, failures,
// crashes of sandboxes and agents, and then be deleted: what is planned is always
// allowed (see sim), and in the end nothing is left.
func TestAnyLifeIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var init, main []*corev1.Container
		for i := range rapid.IntRange(0, 3).Draw(t, "inits") {
			c := container(fmt.Sprint("i", i))
			if rapid.Bool().Draw(t, "sidecar") {
				c = sidecarOf(c.Name)
			}
			init = append(init, c)
		}
		for i := range rapid.IntRange(1, 3).Draw(t, "mains") {
			main = append(main, container(fmt.Sprint("m", i)))
		}
		p := podOf(rapid.SampledFrom([]string{policyAlways, policyOnFailure, policyNever}).Draw(t, "policy"), init, main)
		for i := range rapid.IntRange(0, 2).Draw(t, "ephemerals") {
			p.Spec.EphemeralContainers = append(p.Spec.EphemeralContainers, ephemeralOf(fmt.Sprint("e", i), rapid.SampledFrom([]string{"", "m0"}).Draw(t, "target")))
		}
		m := newSim(p)
		m.fails = func(Action) *Failure {
			if rapid.IntRange(0, 9).Draw(t, "fails") == 0 {
				return &Failure{Reason: "ErrImagePull", Slow: rapid.Bool().Draw(t, "slow")}
			}
			return nil
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0:
				c := rapid.SampledFrom(append(append([]*corev1.Container{}, init...), main...)).Draw(t, "who")
				if e := p.Spec.GetEphemeralContainers(); len(e) > 0 && rapid.Bool().Draw(t, "ephemeral") {
					c = Ephemeral(e[0])
				}
				m.exit(c.GetName(), int32(rapid.IntRange(0, 2).Draw(t, "code")))
			case 1:
				m.now = m.now.Add(time.Duration(rapid.IntRange(1, 700).Draw(t, "seconds")) * time.Second)
			case 2:
				m.die()
			case 3: // the agent restarts: what it only remembered is lost
				m.s.Busy, m.s.Failures = map[string]Action{}, map[string]Failure{}
				m.s.Mounted, m.s.StopSince = false, time.Time{}
				m.s.Applied, m.s.Resizing = map[string]*corev1.ResourceRequirements{}, map[string]bool{}
				m.s.Pod = &corev1.Pod{Metadata: m.s.Pod.Metadata, Spec: m.s.Pod.Spec, Status: m.s.Published}
				m.s.Allocated = Adopt(m.s.Pod)
				for i := range m.s.Seen.Containers {
					m.s.Seen.Containers[i].Inspected = false
				}
			case 4:
				i := rapid.IntRange(0, len(main)-1).Draw(t, "changed")
				next := append([]*corev1.Container{}, m.s.Pod.Spec.Containers...)
				next[i] = &corev1.Container{Name: next[i].Name, Image: next[i].Image + "x", Resources: next[i].Resources, ResizePolicy: next[i].ResizePolicy}
				m.s.Pod = podOf(p.Spec.RestartPolicy, init, next)
				m.s.Pod.Spec.EphemeralContainers = p.Spec.EphemeralContainers
			case 5:
				for i := range m.s.Seen.Containers {
					if c := &m.s.Seen.Containers[i]; c.State == observed.Running && rapid.Bool().Draw(t, "lost track") {
						c.State = observed.Unknown
					}
				}
			case 6:
				i := rapid.IntRange(0, len(main)-1).Draw(t, "resized")
				next := append([]*corev1.Container{}, m.s.Pod.Spec.Containers...)
				next[i] = sized(&corev1.Container{Name: next[i].Name, Image: next[i].Image}, fmt.Sprint(rapid.IntRange(1, 3).Draw(t, "cpu")), "64Mi")
				if rapid.Bool().Draw(t, "restart") {
					next[i].ResizePolicy = restartFor("cpu")
				}
				m.s.Pod = podOf(p.Spec.RestartPolicy, m.s.Pod.Spec.InitContainers, next)
				m.s.Pod.Spec.EphemeralContainers = p.Spec.EphemeralContainers
				if m.s.Refused = nil; rapid.Bool().Draw(t, "no room") {
					m.s.Refused = &Refusal{Reason: Deferred, Message: "no room"}
				} else {
					m.s.Allocated = Wanted(m.s.Pod)
				}
			default:
				m.settle()
			}
			m.pass()
			if busy := m.busy(); len(busy) > 0 {
				m.end(rapid.SampledFrom(busy).Draw(t, "ends"))
			}
			if m.fault != "" {
				t.Fatalf("%s\n%s", m.fault, strings.Join(m.trace, "\n"))
			}
		}
		m.delete(int64(rapid.IntRange(0, 30).Draw(t, "grace")))
		m.fails = nil
		for _, a := range m.busy() {
			m.end(a)
		}
		m.settle()
		m.after(time.Hour)
		if m.fault != "" || !m.plan.Done || len(m.s.Seen.Containers)+len(m.s.Seen.Sandboxes) > 0 || !m.s.Removed {
			t.Fatalf("%s; done: %v, left: %v\n%s", m.fault, m.plan.Done, m.s.Seen, strings.Join(m.trace, "\n"))
		}
	})
}
