package strategy

import (
	"strings"
	"testing"
)

func TestEphemeralContainersAreOnlyAdded(t *testing.T) {
	const debugged = basePod + "  ephemeralContainers: [{name: debug, image: busybox, command: [sh], targetContainerName: web}]\n"
	runParts(t, "ephemeralcontainers", basePod, []ruleCase{
		{"none", `{}`, nil},
		{"one", spec(`{ephemeralContainers: [{name: debug, image: busybox, stdin: true, tty: true, targetContainerName: web}]}`), nil},
		{"other fields are ignored", `{metadata: {labels: {a: b}}, spec: {nodeName: n1, ephemeralContainers: [{name: debug, image: busybox}]}}`, nil},
		{"the name of a container", spec(`{ephemeralContainers: [{name: web, image: busybox}]}`), []string{"spec.ephemeralContainers[0].name Duplicate"}},
		{"without image", spec(`{ephemeralContainers: [{name: debug}]}`), []string{"spec.ephemeralContainers[0].image Required"}},
		{"target that is not there", spec(`{ephemeralContainers: [{name: debug, image: a, targetContainerName: db}]}`), []string{"spec.ephemeralContainers[0].targetContainerName NotFound"}},
		{"what only containers have", spec(`{ephemeralContainers: [{name: debug, image: a, ports: [{containerPort: 80}], resources: {limits: {cpu: 1}},
			livenessProbe: {tcpSocket: {port: 1}}, lifecycle: {preStop: {sleep: {seconds: 1}}}}]}`), []string{
			"spec.ephemeralContainers[0].lifecycle Forbidden", "spec.ephemeralContainers[0].livenessProbe Forbidden",
			"spec.ephemeralContainers[0].ports Forbidden", "spec.ephemeralContainers[0].resources Forbidden"}},
		{"a part of a volume", spec(`{volumes: [{name: v, emptyDir: {}}], ephemeralContainers: [{name: debug, image: a, volumeMounts: [{name: v, mountPath: /v, subPath: x}]}]}`),
			[]string{"spec.ephemeralContainers[0].volumeMounts Forbidden", "spec.ephemeralContainers[0].volumeMounts[0].name NotFound"}},
	})
	runParts(t, "ephemeralcontainers", debugged, []ruleCase{
		{"as it is", `{}`, nil},
		{"one more", spec(`{ephemeralContainers: [{name: two, image: busybox}, {name: debug, image: busybox, command: [sh], targetContainerName: web}]}`), nil},
		{"changed", spec(`{ephemeralContainers: [{name: debug, image: "busybox:2", command: [sh], targetContainerName: web}]}`), []string{"spec.ephemeralContainers Forbidden"}},
		{"removed", spec(`{ephemeralContainers: []}`), []string{"spec.ephemeralContainers Forbidden"}},
		{"exchanged", spec(`{ephemeralContainers: [{name: two, image: busybox}]}`), []string{"spec.ephemeralContainers Forbidden"}},
	})
	runUpdates(t, debugged, []ruleCase{
		{"labels of a pod that has one", `metadata: {labels: {a: b}}`, nil},
		{"through the pod itself", spec(`{ephemeralContainers: []}`), []string{"spec.ephemeralContainers Forbidden"}},
	})
}

func TestResize(t *testing.T) {
	const sized = basePod + "  initContainers: [{name: once, image: a, resources: {requests: {cpu: 10m}}}, {name: side, image: a, restartPolicy: Always, resources: {requests: {cpu: 10m}}}]\n"
	burstable := func(resources string) string {
		return container(`{resources: ` + resources + `}`)
	}
	base := func(resources string) string {
		return strings.Replace(basePod, `web:1"}`, `web:1", resources: `+resources+`}`, 1)
	}
	runParts(t, "resize", base(`{requests: {cpu: 100m, memory: 32Mi}, limits: {cpu: 200m, ephemeral-storage: 1Gi}}`), []ruleCase{
		{"nothing", `{}`, nil},
		{"more and less", burstable(`{requests: {cpu: 150m, memory: 16Mi}, limits: {cpu: 300m}}`), nil},
		{"a limit where there was none", burstable(`{limits: {memory: 64Mi}}`), nil},
		{"other fields are ignored", container(`{image: "other:1", command: [sh], resources: {requests: {cpu: 150m}}}`), nil},
		{"request over the limit", burstable(`{requests: {cpu: 500m}}`), []string{"spec.containers[0].resources.requests Invalid"}},
		{"request removed", burstable(`{requests: {memory: null}}`), []string{"spec.containers[0].resources.requests[memory] Forbidden"}},
		{"limit removed", burstable(`{limits: {cpu: null}}`), []string{"spec.containers[0].resources.limits[cpu] Forbidden"}},
		{"storage", burstable(`{limits: {ephemeral-storage: 2Gi}}`), []string{
			"spec.containers[0].resources.limits[ephemeral-storage] Forbidden", "spec.containers[0].resources.requests[ephemeral-storage] Forbidden"}},
		{"a device", burstable(`{requests: {example.com/gpu: 1}, limits: {example.com/gpu: 1}}`), []string{
			"spec.containers[0].resources.limits[example.com/gpu] Forbidden", "spec.containers[0].resources.requests[example.com/gpu] Forbidden"}},
		{"another class", burstable(`{requests: {cpu: 200m, memory: 64Mi}, limits: {cpu: 200m, memory: 64Mi}}`), []string{"spec Invalid"}},
		{"renamed", container(`{name: other}`), []string{"spec.containers Forbidden"}},
		{"one more", spec(`{containers: [{name: web, image: "registry.local/web:1"}, {name: b, image: c}]}`), []string{"spec.containers Forbidden"}},
	})
	runParts(t, "resize", base(`{requests: {cpu: 1, memory: 32Mi}, limits: {cpu: 1, memory: 32Mi}}`), []ruleCase{
		{"guaranteed stays so", burstable(`{requests: {cpu: 2, memory: 64Mi}, limits: {cpu: 2, memory: 64Mi}}`), nil},
		{"guaranteed to burstable", burstable(`{limits: {cpu: 2}}`), []string{"spec Invalid"}},
	})
	runParts(t, "resize", basePod, []ruleCase{
		{"best effort to burstable", burstable(`{requests: {cpu: 1}}`), []string{"spec Invalid"}},
	})
	runParts(t, "resize", sized, []ruleCase{
		{"an init container that ends", spec(`{initContainers: [{name: once, image: a, resources: {requests: {cpu: 20m}}}, {name: side, image: a, restartPolicy: Always, resources: {requests: {cpu: 10m}}}]}`),
			[]string{"spec.initContainers[0].resources Forbidden"}},
		{"one that keeps running", spec(`{initContainers: [{name: once, image: a, resources: {requests: {cpu: 10m}}}, {name: side, image: a, restartPolicy: Always, resources: {requests: {cpu: 20m}}}]}`), nil},
	})
	runParts(t, "resize", basePod+"  resources: {requests: {cpu: 1}}\n", []ruleCase{
		{"resources of the pod", burstable(`{requests: {cpu: 500m}}`), []string{"spec Forbidden"}},
	})
	runParts(t, "resize", base(`{requests: {cpu: 100m}}`)+"  nodeName: n1\n", []ruleCase{
		{"on a node, nothing", `{}`, nil},
		{"on a node", burstable(`{requests: {cpu: 200m}}`), nil},
	})
	runUpdates(t, base(`{requests: {cpu: 100m}}`), []ruleCase{
		{"through the pod itself", burstable(`{requests: {cpu: 200m}}`), []string{"spec.containers Forbidden"}},
	})
}
