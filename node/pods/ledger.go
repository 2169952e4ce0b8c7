package pods

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/pods/plan"
)

// ledger has what is set aside for each pod of the node, by uid. Actors ask it before they give a pod more, so that two
// resizes at one time cannot take the same room. A pod that the scheduler has bound is entered without being asked.
type ledger struct {
	capacity containerconfig.Amounts

	mu       sync.Mutex
	complete bool // every pod that the API has bound to the node is in it
	held     map[string]containerconfig.Amounts
}

func newLedger(allocatable map[string]resource.Quantity) *ledger {
	l := &ledger{capacity: containerconfig.Amounts{}, held: map[string]containerconfig.Amounts{}}
	for name, q := range allocatable {
		switch name {
		case "cpu":
			l.capacity[name] = q.MilliValue()
		case "memory":
			l.capacity[name] = q.Value()
		}
	}
	return l
}

// hold enters what is set aside for a pod.
func (l *ledger) hold(uid string, a containerconfig.Amounts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[uid] = a
}

// release gives back what a pod had.
func (l *ledger) release(uid string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, uid)
}

// ready tells whether all of the pods are entered; from then on there are answers.
func (l *ledger) ready(pods []*corev1.Pod) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.complete = l.complete || !slices.ContainsFunc(pods, func(p *corev1.Pod) bool {
		_, entered := l.held[p.GetMetadata().GetUid()]
		return !entered
	})
	return l.complete
}

// ask enters a pod with other amounts if there is room for what it gets more of. Until all is in force the greater amounts of before
// and after count. Nothing is known (ok and refusal both unset) until the ledger is complete.
func (l *ledger) ask(uid string, from, to containerconfig.Amounts) (refusal *plan.Refusal, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.complete {
		return nil, false
	}
	for _, name := range slices.Sorted(maps.Keys(to)) {
		capacity, counted := l.capacity[name]
		if to[name] <= from[name] || !counted {
			continue
		}
		if to[name] > capacity {
			return &plan.Refusal{Reason: plan.Infeasible, Message: fmt.Sprintf("Node didn't have enough capacity: %s, requested: %s, capacity: %s",
				name, show(name, to[name]), show(name, capacity))}, false
		}
		used := int64(0)
		for other, a := range l.held {
			if other != uid {
				used += a[name]
			}
		}
		if used+to[name] > capacity {
			return &plan.Refusal{Reason: plan.Deferred, Message: fmt.Sprintf("Node didn't have enough resource: %s, requested: %s, used by other pods: %s, capacity: %s",
				name, show(name, to[name]), show(name, used), show(name, capacity))}, false
		}
	}
	l.held[uid] = most(from, to)
	return nil, true
}

func most(a, b containerconfig.Amounts) containerconfig.Amounts {
	out := maps.Clone(a)
	for name, v := range b {
		out[name] = max(out[name], v)
	}
	return out
}

func show(name string, v int64) string {
	if name == "cpu" {
		return resource.NewMilliQuantity(v, resource.DecimalSI).String()
	}
	return resource.NewQuantity(v, resource.BinarySI).String()
}
