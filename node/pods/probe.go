package pods

import (
	"slices"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods/plan"
	"kaji.dev/kaji/node/probes"
)

// updateProbes has the running containers probed, and no others. A pod that ends
// is asked only whether it is ready.
func (a *actor) updateProbes() {
	s := &a.state
	if !s.StopSince.IsZero() && !a.ending {
		a.ending = true
		a.m.cfg.Probes.Terminating(a.uid)
	}
	running := map[string]string{}
	reachable := len(a.podIPs()) > 0 // not known yet of a sandbox that was just adopted
	for _, c := range s.Seen.Containers {
		if c.State != observed.Running || !c.Inspected || plan.Starting(s, c.Name) {
			continue
		}
		spec := a.spec(c.Name)
		if !hasProbe(spec) || a.ending && a.watched[c.Name] != c.ID {
			continue
		}
		if a.watched[c.Name] != c.ID {
			if !reachable {
				continue
			}
			a.probe(spec, c)
		}
		running[c.Name] = c.ID
	}
	for name := range a.watched {
		if running[name] == "" {
			a.m.cfg.Probes.Stop(a.uid, name)
		}
	}
	a.watched = running
	for id := range s.Probes {
		if !slices.ContainsFunc(s.Seen.Containers, func(c observed.Container) bool { return c.ID == id }) {
			delete(s.Probes, id)
		}
	}
	for id := range s.PreStopRan {
		if !slices.ContainsFunc(s.Seen.Containers, func(c observed.Container) bool { return c.ID == id }) {
			delete(s.PreStopRan, id)
		}
	}
}

// probe begins to probe a container. Of one that an earlier agent has started, it
// is known how it was.
func (a *actor) probe(spec *corev1.Container, c observed.Container) {
	ref, ip := podRef(a.state.Pod), first(a.podIPs())
	if p, ok := a.state.Probes[c.ID]; ok && p.Started != nil && p.Ready != nil {
		a.m.cfg.Probes.Adopt(ref, spec, c.ID, ip, probes.State{Started: *p.Started, Ready: *p.Ready, Alive: true})
		return
	}
	a.m.cfg.Probes.Ensure(ref, spec, c.ID, ip)
}

func (a *actor) probed(r probes.Result) {
	p := a.state.Probes[r.ContainerID]
	switch r.Kind {
	case probes.Startup:
		p.Started = &r.OK
	case probes.Readiness:
		p.Ready = &r.OK
	}
	if !r.OK && r.Kind != probes.Readiness {
		p.Kill, p.Kind, p.Message = true, string(r.Kind), r.Message
	}
	a.state.Probes[r.ContainerID] = p
}

func (a *actor) probeFailed(r probes.Result) {
	if a.state.Pod == nil {
		return
	}
	word := map[probes.Kind]string{probes.Startup: "Startup", probes.Liveness: "Liveness", probes.Readiness: "Readiness"}[r.Kind]
	a.event(a.state.Pod, r.Container, true, "Unhealthy", word+" probe failed: "+r.Message)
}

func hasProbe(c *corev1.Container) bool {
	return c.GetLivenessProbe() != nil || c.GetReadinessProbe() != nil || c.GetStartupProbe() != nil
}

func podRef(pod *corev1.Pod) probes.PodRef {
	m := pod.GetMetadata()
	return probes.PodRef{UID: m.GetUid(), Namespace: m.GetNamespace(), Name: m.GetName()}
}

func first(ips []string) string {
	if len(ips) == 0 {
		return ""
	}
	return ips[0]
}
