package queue

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

// expected is what must become of a pod, worked out without heaps, maps of plugins or events kept aside.
type expected struct {
	gated  bool
	trying bool
	// helped: something happened since it was popped or rejected that must make it be tried again; true for pods never tried.
	helped bool
}

// TestNeverLosesAPod drives the queue at random. At every step each pod is in exactly one state, the one the model says; in
// the end, once all back-offs are over, exactly the pods that are neither gated nor rejected without help come out.
func TestNeverLosesAPod(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &clock{time.Unix(1000, 0)}
		q := New(byName{}, Config{Seed: rapid.Uint64().Draw(t, "seed"), Now: func() time.Time { return c.now }})
		model := map[string]*expected{}
		podName := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"})
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				name := podName.Draw(t, "pod")
				if model[name] != nil {
					t.Skip("there already")
				}
				gated := rapid.Bool().Draw(t, "gated")
				opts := []st.PodOption{st.Priority(int32(rapid.IntRange(0, 2).Draw(t, "priority")))}
				if gated {
					opts = append(opts, st.Gate("g"))
				}
				q.Add(st.PodInfo(name, opts...))
				model[name] = &expected{gated: gated, helped: !gated}
			},
			"change": func(t *rapid.T) { // of the pod itself
				name := podName.Draw(t, "pod")
				q.Update(st.PodInfo(name, st.Labels("n", rapid.StringN(4, 8, -1).Draw(t, "label"))))
				if m := model[name]; m != nil {
					m.gated, m.helped = false, true
				}
			},
			"delete": func(t *rapid.T) {
				name := podName.Draw(t, "pod")
				q.Delete(name)
				delete(model, name)
			},
			"observe": func(t *rapid.T) {
				name := podName.Draw(t, "pod")
				q.Observe(helping(name))
				if m := model[name]; m != nil && !m.gated {
					m.helped = true
				}
			},
			"pop": func(t *rapid.T) {
				p, _, next := q.TryPop()
				if p == nil {
					for name, m := range model {
						if m.helped && !m.trying && next.IsZero() {
							t.Fatalf("%s waits to be tried, and the queue says that nothing does", name)
						}
					}
					return
				}
				m := model[p.Name]
				if m == nil || m.trying || m.gated || !m.helped {
					t.Fatalf("popped %s, which is %+v", p.Name, m)
				}
				m.trying, m.helped = true, false
			},
			"binding": func(t *rapid.T) {
				name := podName.Draw(t, "pod")
				q.Binding(name)
				if m := model[name]; m != nil && m.trying {
					m.helped = true // if it comes back, it is tried again
				}
			},
			"requeue": func(t *rapid.T) {
				name := podName.Draw(t, "pod")
				failed := rapid.Bool().Draw(t, "failed")
				var plugins []string
				if !failed {
					plugins = []string{"fit", "deaf"}
				}
				q.Requeue(name, plugins)
				if m := model[name]; m != nil && m.trying {
					m.trying = false
					m.helped = m.helped || failed
				}
			},
			"wait": func(t *rapid.T) {
				c.now = c.now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			},
			"": func(t *rapid.T) {
				for _, name := range []string{"a", "b", "c", "d", "e"} {
					s, m := q.Standing(name), model[name]
					ok := false
					switch {
					case m == nil:
						ok = s.State == Unknown
					case m.gated:
						ok = s.State == Gated
					case m.trying:
						ok = s.State == Trying || s.State == Binding
					case m.helped:
						ok = s.State == Active || s.State == Backoff
					default:
						ok = s.State == Unschedulable
					}
					if !ok {
						t.Fatalf("%s stands at %v, the model has %+v", name, s.State, m)
					}
				}
				total := 0
				for s := Active; s < states; s++ {
					total += q.Count(s)
				}
				if total != len(model) {
					t.Fatalf("%d pods counted, %d are there", total, len(model))
				}
			},
		})
		c.now = c.now.Add(time.Minute)
		for p, _, _ := q.TryPop(); p != nil; p, _, _ = q.TryPop() {
			m := model[p.Name]
			if m == nil || m.trying || !m.helped {
				t.Fatalf("in the end popped %s, which is %+v", p.Name, m)
			}
			m.trying, m.helped = true, false
		}
		for name, m := range model {
			if m.helped && !m.trying {
				t.Fatalf("%s was lost", name)
			}
		}
	})
}
