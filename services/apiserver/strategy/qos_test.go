package strategy

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestQoSClass(t *testing.T) {
	for _, c := range []struct{ name, patch, want string }{
		{"nothing", `{}`, qosBestEffort},
		{"other resources only", container(`{resources: {limits: {ephemeral-storage: 1Gi}}}`), qosBestEffort},
		{"requests", container(`{resources: {requests: {cpu: 1m}}}`), qosBurstable},
		{"limit of one", container(`{resources: {limits: {cpu: 1m}}}`), qosBurstable},
		{"limits of both", container(`{resources: {limits: {cpu: 1m, memory: 1Mi}}}`), qosGuaranteed},
		{"equal in other words", container(`{resources: {limits: {cpu: "1", memory: 1Ki}, requests: {cpu: 1000m, memory: "1024"}}}`), qosGuaranteed},
		{"requests below limits", container(`{resources: {limits: {cpu: 2m, memory: 1Mi}, requests: {cpu: 1m}}}`), qosBurstable},
		{"one container without", spec(`{containers: [{name: a, image: a, resources: {limits: {cpu: 1m, memory: 1Mi}}}, {name: b, image: b}]}`), qosBurstable},
		{"init container without", spec(`{initContainers: [{name: i, image: i}], containers: [{name: a, image: a, resources: {limits: {cpu: 1m, memory: 1Mi}}}]}`), qosBurstable},
		{"zero is nothing", container(`{resources: {requests: {cpu: "0"}}}`), qosBestEffort},
		{"the pod as a whole", spec(`{resources: {limits: {cpu: 1m, memory: 1Mi}}}`), qosGuaranteed},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, _ := build(t, basePod, c.patch)
			if got := o.(*corev1.Pod).GetStatus().GetQosClass(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestEffectiveRequests(t *testing.T) {
	o, _ := build(t, basePod, spec(`{
		initContainers: [
			{name: i1, image: a, resources: {requests: {cpu: 300m, memory: 10Mi}}},
			{name: s1, image: a, restartPolicy: Always, resources: {requests: {cpu: 100m}}},
			{name: i2, image: a, resources: {requests: {cpu: 350m}}}],
		containers: [
			{name: a, image: a, resources: {requests: {cpu: 100m, memory: 5Mi}}},
			{name: b, image: a, resources: {requests: {cpu: 100m}}}]}`))
	got := effectiveRequests(o.(*corev1.Pod).Spec)
	// cpu: i2 beside the sidecar needs 450m, more than the 300m of all that runs later. memory: i1 needs most.
	for name, want := range map[string]string{"cpu": "450m", "memory": "10Mi"} {
		q := got[name]
		if q.String() != want {
			t.Errorf("%s: got %s, want %s", name, q.String(), want)
		}
	}
}
