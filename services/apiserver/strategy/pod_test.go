package strategy

import (
	"strings"
	"testing"
)

const basePod = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default}
spec:
  containers:
  - {name: web, image: "registry.local/web:1"}
`

// in puts YAML (flow style) into the pod's spec, its first container.
func spec(s string) string      { return "spec: " + s }
func container(s string) string { return "spec: {containers: {'[0]': " + s + "}}" }

func TestPodRules(t *testing.T) {
	const c0, s = "spec.containers[0].", "spec."
	long := strings.Repeat("a", 64)
	runCases(t, basePod, []ruleCase{
		{"a plain pod", `{}`, nil},

		// Metadata.
		{"no name", `metadata: {name: null}`, []string{"metadata.name Required"}},
		{"bad name", `metadata: {name: Web_1}`, []string{"metadata.name Invalid"}},
		{"long name", `metadata: {name: ` + strings.Repeat("a", 254) + `}`, []string{"metadata.name Invalid"}},
		{"dots in the name", `metadata: {name: a.b.c}`, nil},
		{"no namespace", `metadata: {namespace: null}`, []string{"metadata.namespace Required"}},
		{"bad namespace", `metadata: {namespace: a.b}`, []string{"metadata.namespace Invalid"}},
		{"bad label key", `metadata: {labels: {"a b": c}}`, []string{"metadata.labels Invalid"}},
		{"bad label value", `metadata: {labels: {a: "b c"}}`, []string{"metadata.labels Invalid"}},
		{"long label value", `metadata: {labels: {a: ` + long + `}}`, []string{"metadata.labels Invalid"}},
		{"bad annotation key", `metadata: {annotations: {"a/b/c": x}}`, []string{"metadata.annotations Invalid"}},
		{"annotation keys may have capitals", `metadata: {annotations: {"Example.com/A": "any text at all"}}`, nil},
		{"owners need everything", `metadata: {ownerReferences: [{apiVersion: "", kind: "", name: "", uid: ""}]}`,
			[]string{"metadata.ownerReferences[0].apiVersion Required", "metadata.ownerReferences[0].kind Required", "metadata.ownerReferences[0].name Required", "metadata.ownerReferences[0].uid Required"}},
		{"two controllers", `metadata: {ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: a, uid: a, controller: true}, {apiVersion: apps/v1, kind: ReplicaSet, name: b, uid: b, controller: true}]}`,
			[]string{"metadata.ownerReferences Invalid"}},
		{"an event as owner", `metadata: {ownerReferences: [{apiVersion: v1, kind: Event, name: a, uid: a}]}`, []string{"metadata.ownerReferences[0] Invalid"}},
		{"finalizer without a good name", `metadata: {finalizers: ["a b"]}`, []string{"metadata.finalizers Invalid"}},
		{"orphan and foreground", `metadata: {finalizers: [orphan, foregroundDeletion]}`, []string{"metadata.finalizers Invalid"}},

		// Containers.
		{"no containers", spec(`{containers: []}`), []string{s + "containers Required"}},
		{"no container name", container(`{name: ""}`), []string{c0 + "name Required"}},
		{"bad container name", container(`{name: Web.1}`), []string{c0 + "name Invalid"}},
		{"two containers of a name", spec(`{containers: [{name: a, image: b}, {name: a, image: c}]}`), []string{"spec.containers[1].name Duplicate"}},
		{"init container takes the name", spec(`{initContainers: [{name: web, image: b}]}`), []string{"spec.initContainers[0].name Duplicate"}},
		{"no image", container(`{image: null}`), []string{c0 + "image Required"}},
		{"image with spaces", container(`{image: " web "}`), []string{c0 + "image Invalid"}},
		{"bad pull policy", container(`{imagePullPolicy: Sometimes}`), []string{c0 + "imagePullPolicy NotSupported"}},
		{"bad termination message policy", container(`{terminationMessagePolicy: Tail}`), []string{c0 + "terminationMessagePolicy NotSupported"}},
		{"all at once", container(`{image: null, imagePullPolicy: x, name: "-"}`), []string{c0 + "image Required", c0 + "imagePullPolicy NotSupported", c0 + "name Invalid"}},

		// Ports.
		{"a port", container(`{ports: [{name: http, containerPort: 8080}]}`), nil},
		{"no port number", container(`{ports: [{name: http}]}`), []string{c0 + "ports[0].containerPort Required"}},
		{"port too large", container(`{ports: [{containerPort: 65536}]}`), []string{c0 + "ports[0].containerPort Invalid"}},
		{"host port too large", container(`{ports: [{containerPort: 1, hostPort: 70000}]}`), []string{c0 + "ports[0].hostPort Invalid"}},
		{"bad port name", container(`{ports: [{name: "1234", containerPort: 1}]}`), []string{c0 + "ports[0].name Invalid"}},
		{"long port name", container(`{ports: [{name: abcdefghijklmnop, containerPort: 1}]}`), []string{c0 + "ports[0].name Invalid"}},
		{"two ports of a name", container(`{ports: [{name: a, containerPort: 1}, {name: a, containerPort: 2}]}`), []string{c0 + "ports[1].name Duplicate"}},
		{"bad protocol", container(`{ports: [{containerPort: 1, protocol: ICMP}]}`), []string{c0 + "ports[0].protocol NotSupported"}},
		{"bad host IP", container(`{ports: [{containerPort: 1, hostPort: 1, hostIP: here}]}`), []string{c0 + "ports[0].hostIP Invalid"}},
		{"host port twice", spec(`{containers: [{name: a, image: a, ports: [{containerPort: 1, hostPort: 80}]}, {name: b, image: b, ports: [{containerPort: 2, hostPort: 80}]}]}`),
			[]string{"spec.containers[1].ports[0].hostPort Duplicate"}},
		{"host port twice, other protocol", spec(`{containers: [{name: a, image: a, ports: [{containerPort: 1, hostPort: 80}, {containerPort: 1, hostPort: 80, protocol: UDP}]}]}`), nil},
		{"host network with another host port", spec(`{hostNetwork: true, containers: [{name: a, image: a, ports: [{containerPort: 1, hostPort: 2}]}]}`), []string{c0 + "ports[0].hostPort Invalid"}},

		// Environment.
		{"env without a name", container(`{env: [{value: x}]}`), []string{c0 + "env[0].name Required"}},
		{"env name with =", container(`{env: [{name: "a=b"}]}`), []string{c0 + "env[0].name Invalid"}},
		{"env name with dots and dashes", container(`{env: [{name: "a.b-c"}]}`), nil},
		{"env from nothing", container(`{env: [{name: A, valueFrom: {}}]}`), []string{c0 + "env[0].valueFrom Invalid"}},
		{"env from two things", container(`{env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}, secretKeyRef: {name: a, key: b}}}]}`), []string{c0 + "env[0].valueFrom Invalid"}},
		{"env with value and source", container(`{env: [{name: A, value: b, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}`), []string{c0 + "env[0].valueFrom Invalid"}},
		{"env from a field that is not told", container(`{env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.containers}}}]}`), []string{c0 + "env[0].valueFrom.fieldRef.fieldPath NotSupported"}},
		{"env from a label", container(`{env: [{name: A, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}]}`), nil},
		{"env from all labels", container(`{env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.labels}}}]}`), []string{c0 + "env[0].valueFrom.fieldRef.fieldPath NotSupported"}},
		{"env from a field of another version", container(`{env: [{name: A, valueFrom: {fieldRef: {apiVersion: v2, fieldPath: metadata.name}}}]}`), []string{c0 + "env[0].valueFrom.fieldRef.apiVersion NotSupported"}},
		{"env with a subscript where none is", container(`{env: [{name: A, valueFrom: {fieldRef: {fieldPath: "metadata.name['x']"}}}]}`), []string{c0 + "env[0].valueFrom.fieldRef.fieldPath Invalid"}},
		{"env from a resource", container(`{env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}]}`), nil},
		{"env from an unknown resource", container(`{env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.gpu}}}]}`), []string{c0 + "env[0].valueFrom.resourceFieldRef.resource NotSupported"}},
		{"env with an odd divisor", container(`{env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 3Mi}}}]}`), []string{c0 + "env[0].valueFrom.resourceFieldRef.divisor NotSupported"}},
		{"env from a key without a name", container(`{env: [{name: A, valueFrom: {configMapKeyRef: {name: c}}}]}`), []string{c0 + "env[0].valueFrom.configMapKeyRef.key Required"}},
		{"env from a file of no volume", container(`{env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: a, key: b}}}]}`), []string{c0 + "env[0].valueFrom.fileKeyRef.volumeName NotFound"}},
		{"envFrom nothing", container(`{envFrom: [{prefix: A_}]}`), []string{c0 + "envFrom[0] Invalid"}},
		{"envFrom two", container(`{envFrom: [{configMapRef: {name: a}, secretRef: {name: b}}]}`), []string{c0 + "envFrom[0] Invalid"}},
		{"envFrom without a name", container(`{envFrom: [{configMapRef: {}}]}`), []string{c0 + "envFrom[0].configMapRef.name Required"}},

		// Probes and hooks.
		{"probe without a handler", container(`{livenessProbe: {periodSeconds: 1}}`), []string{c0 + "livenessProbe Required"}},
		{"probe with two handlers", container(`{livenessProbe: {exec: {command: [a]}, tcpSocket: {port: 1}}}`), []string{c0 + "livenessProbe.tcpSocket Forbidden"}},
		{"exec without a command", container(`{readinessProbe: {exec: {}}}`), []string{c0 + "readinessProbe.exec.command Required"}},
		{"http with a bad port", container(`{readinessProbe: {httpGet: {port: 0}}}`), []string{c0 + "readinessProbe.httpGet.port Invalid"}},
		{"http with a named port", container(`{readinessProbe: {httpGet: {port: http}}}`), nil},
		{"http with a bad port name", container(`{readinessProbe: {httpGet: {port: "HTTP!"}}}`), []string{c0 + "readinessProbe.httpGet.port Invalid", c0 + "readinessProbe.httpGet.port Invalid"}},
		{"http with a bad scheme", container(`{readinessProbe: {httpGet: {port: 1, scheme: GOPHER}}}`), []string{c0 + "readinessProbe.httpGet.scheme NotSupported"}},
		{"http with a bad header", container(`{readinessProbe: {httpGet: {port: 1, httpHeaders: [{name: "a b", value: c}]}}}`), []string{c0 + "readinessProbe.httpGet.httpHeaders[0].name Invalid"}},
		{"grpc with a bad port", container(`{startupProbe: {grpc: {port: 0}}}`), []string{c0 + "startupProbe.grpc.port Invalid"}},
		{"negative period", container(`{livenessProbe: {tcpSocket: {port: 1}, periodSeconds: -1}}`), []string{c0 + "livenessProbe.periodSeconds Invalid"}},
		{"liveness needs one success", container(`{livenessProbe: {tcpSocket: {port: 1}, successThreshold: 2}}`), []string{c0 + "livenessProbe.successThreshold Invalid"}},
		{"readiness may need two", container(`{readinessProbe: {tcpSocket: {port: 1}, successThreshold: 2}}`), nil},
		{"readiness has no grace period", container(`{readinessProbe: {tcpSocket: {port: 1}, terminationGracePeriodSeconds: 2}}`), []string{c0 + "readinessProbe.terminationGracePeriodSeconds Invalid"}},
		{"liveness grace of zero", container(`{livenessProbe: {tcpSocket: {port: 1}, terminationGracePeriodSeconds: 0}}`), []string{c0 + "livenessProbe.terminationGracePeriodSeconds Invalid"}},
		{"hook without a handler", container(`{lifecycle: {preStop: {}}}`), []string{c0 + "lifecycle.preStop Required"}},
		{"sleep longer than the grace period", container(`{lifecycle: {preStop: {sleep: {seconds: 31}}}}`), []string{c0 + "lifecycle.preStop.sleep.seconds Invalid"}},
		{"stop signal without an os", container(`{lifecycle: {stopSignal: SIGUSR1}}`), []string{c0 + "lifecycle.stopSignal Forbidden"}},
		{"stop signal that is none", `spec: {os: {name: linux}, containers: {'[0]': {lifecycle: {stopSignal: SIGNOT}}}}`, []string{c0 + "lifecycle.stopSignal NotSupported"}},
		{"real-time stop signal", `spec: {os: {name: linux}, containers: {'[0]': {lifecycle: {stopSignal: SIGRTMIN+3}}}}`, nil},

		// Resources.
		{"negative request", container(`{resources: {requests: {cpu: "-1"}}}`), []string{c0 + "resources.requests[cpu] Invalid"}},
		{"request above limit", container(`{resources: {requests: {cpu: "2"}, limits: {cpu: "1"}}}`), []string{c0 + "resources.requests Invalid"}},
		{"unknown resource", container(`{resources: {limits: {disk: "1"}}}`), []string{c0 + "resources.limits[disk] Invalid", c0 + "resources.requests[disk] Invalid"}},
		{"extended resource", container(`{resources: {limits: {example.com/gpu: "1"}}}`), nil},
		{"part of an extended resource", container(`{resources: {limits: {example.com/gpu: 500m}}}`), []string{c0 + "resources.limits[example.com/gpu] Invalid", c0 + "resources.requests[example.com/gpu] Invalid"}},
		{"extended resource without limit", container(`{resources: {requests: {example.com/gpu: "1"}}}`), []string{c0 + "resources.limits[example.com/gpu] Required"}},
		{"huge pages alone", container(`{resources: {limits: {hugepages-2Mi: 2Mi}}}`), []string{c0 + "resources Forbidden"}},
		{"a part of a huge page", container(`{resources: {limits: {hugepages-2Mi: 3Mi, memory: 1Mi}}}`),
			[]string{c0 + "resources.limits[hugepages-2Mi] Invalid", c0 + "resources.requests[hugepages-2Mi] Invalid"}},
		{"huge pages with memory", container(`{resources: {limits: {hugepages-2Mi: 2Mi, memory: 1Mi}}}`), nil},
		{"claim that the pod has not", container(`{resources: {claims: [{name: gpu}]}}`), []string{c0 + "resources.claims[0].name NotFound"}},
		{"resize of what cannot be", container(`{resizePolicy: [{resourceName: disk, restartPolicy: NotRequired}]}`), []string{c0 + "resizePolicy[0].resourceName NotSupported"}},
		{"pod resources below those of containers", spec(`{resources: {requests: {cpu: 100m}}, containers: [{name: a, image: a, resources: {requests: {cpu: 200m}}}]}`), []string{"spec.resources.requests[cpu] Invalid"}},
		{"pod resources of another sort", spec(`{resources: {requests: {ephemeral-storage: 1Gi}}}`), []string{"spec.resources.requests[ephemeral-storage] Invalid"}},

		// Security.
		{"negative user", container(`{securityContext: {runAsUser: -1}}`), []string{c0 + "securityContext.runAsUser Invalid"}},
		{"privileged without escalation", container(`{securityContext: {privileged: true, allowPrivilegeEscalation: false}}`), []string{c0 + "securityContext Invalid"}},
		{"SYS_ADMIN without escalation", container(`{securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}, allowPrivilegeEscalation: false}}`), []string{c0 + "securityContext.allowPrivilegeEscalation Invalid"}},
		{"bad proc mount", container(`{securityContext: {procMount: Bare}}`), []string{c0 + "securityContext.procMount NotSupported"}},
		{"seccomp without a type", container(`{securityContext: {seccompProfile: {type: ""}}}`), []string{c0 + "securityContext.seccompProfile.type Required"}},
		{"localhost seccomp without a file", container(`{securityContext: {seccompProfile: {type: Localhost}}}`), []string{c0 + "securityContext.seccompProfile.localhostProfile Required"}},
		{"seccomp file outside its folder", container(`{securityContext: {seccompProfile: {type: Localhost, localhostProfile: ../a}}}`), []string{c0 + "securityContext.seccompProfile.localhostProfile Invalid"}},
		{"AppArmor profile nobody asked for", container(`{securityContext: {appArmorProfile: {type: RuntimeDefault, localhostProfile: a}}}`), []string{c0 + "securityContext.appArmorProfile.localhostProfile Invalid"}},
		{"bad fsGroupChangePolicy", spec(`{securityContext: {fsGroupChangePolicy: Never}}`), []string{s + "securityContext.fsGroupChangePolicy NotSupported"}},
		{"bad sysctl", spec(`{securityContext: {sysctls: [{name: "a b", value: "1"}]}}`), []string{s + "securityContext.sysctls[0].name Invalid"}},
		{"sysctl twice", spec(`{securityContext: {sysctls: [{name: net.ipv4.a, value: "1"}, {name: net.ipv4.a, value: "2"}]}}`), []string{s + "securityContext.sysctls[1].name Duplicate"}},
		{"net sysctl on the host's network", spec(`{hostNetwork: true, securityContext: {sysctls: [{name: net.ipv4.a, value: "1"}]}}`), []string{s + "securityContext.sysctls[0].name Invalid"}},
		{"windows options on linux", spec(`{os: {name: linux}, securityContext: {windowsOptions: {hostProcess: true}}}`), []string{s + "securityContext.windowsOptions Forbidden"}},
		{"linux options on windows", spec(`{os: {name: windows}, securityContext: {fsGroup: 1}}`), []string{s + "securityContext.fsGroup Forbidden"}},

		// Init and sidecar containers.
		{"probe on an init container", spec(`{initContainers: [{name: a, image: a, livenessProbe: {tcpSocket: {port: 1}}}]}`), []string{"spec.initContainers[0].livenessProbe Forbidden"}},
		{"probe on a sidecar", spec(`{initContainers: [{name: a, image: a, restartPolicy: Always, livenessProbe: {tcpSocket: {port: 1}}}]}`), nil},
		{"bad restart policy of a container", container(`{restartPolicy: Sometimes}`), []string{c0 + "restartPolicy NotSupported"}},
		{"restart rules without a policy", container(`{restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]}`), []string{c0 + "restartPolicy Required"}},
		{"restart rule without codes", container(`{restartPolicy: Never, restartPolicyRules: [{action: Restart, exitCodes: {operator: In}}]}`), []string{c0 + "restartPolicyRules[0].exitCodes.values Required"}},
		{"ephemeral container on create", spec(`{ephemeralContainers: [{name: dbg, image: a}]}`), []string{s + "ephemeralContainers[0] Forbidden"}},

		// Life.
		{"bad restart policy", spec(`{restartPolicy: Maybe}`), []string{s + "restartPolicy NotSupported"}},
		{"negative grace is a second", spec(`{terminationGracePeriodSeconds: -1}`), nil},
		{"deadline of zero", spec(`{activeDeadlineSeconds: 0}`), []string{s + "activeDeadlineSeconds Invalid"}},
		{"bad readiness gate", spec(`{readinessGates: [{conditionType: "a b"}]}`), []string{s + "readinessGates[0].conditionType Invalid"}},
		{"bad os", spec(`{os: {name: plan9}}`), []string{s + "os.name NotSupported"}},

		// Network.
		{"bad dns policy", spec(`{dnsPolicy: Guess}`), []string{s + "dnsPolicy NotSupported"}},
		{"no dns without servers", spec(`{dnsPolicy: None}`), []string{s + "dnsConfig.nameservers Required"}},
		{"four nameservers", spec(`{dnsConfig: {nameservers: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4]}}`), []string{s + "dnsConfig.nameservers Invalid"}},
		{"nameserver that is no address", spec(`{dnsConfig: {nameservers: [dns]}}`), []string{s + "dnsConfig.nameservers[0] Invalid"}},
		{"dns option without a name", spec(`{dnsConfig: {options: [{value: a}]}}`), []string{s + "dnsConfig.options[0].name Required"}},
		{"bad hostname", spec(`{hostname: a.b}`), []string{s + "hostname Invalid"}},
		{"bad host alias", spec(`{hostAliases: [{ip: x, hostnames: ["_"]}]}`), []string{s + "hostAliases[0].hostnames[0] Invalid", s + "hostAliases[0].ip Invalid"}},
		{"host pid and shared pid", spec(`{hostPID: true, shareProcessNamespace: true}`), []string{s + "shareProcessNamespace Invalid"}},
		{"own users on the host's network", spec(`{hostUsers: false, hostNetwork: true}`), []string{s + "hostNetwork Forbidden"}},
		{"hostname override with FQDN", spec(`{hostnameOverride: a, setHostnameAsFQDN: true}`), []string{s + "hostnameOverride Forbidden"}},

		// Placement.
		{"bad node selector", spec(`{nodeSelector: {a: "b c"}}`), []string{s + "nodeSelector Invalid"}},
		{"node affinity without terms", spec(`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: []}}}}`),
			[]string{s + "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms Required"}},
		{"bad node affinity operator", spec(`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Near}]}]}}}}`),
			[]string{s + "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator Invalid"}},
		{"Gt that is no number", spec(`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Gt, values: [b]}]}]}}}}`),
			[]string{s + "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values[0] Invalid"}},
		{"field other than the name", spec(`{affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchFields: [{key: spec.x, operator: In, values: [b]}]}]}}}}`),
			[]string{s + "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchFields[0].key Invalid"}},
		{"weight of zero", spec(`{affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 0, preference: {}}]}}}`),
			[]string{s + "affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight Invalid"}},
		{"pod affinity without topology", spec(`{affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {a: b}}, topologyKey: ""}]}}}`),
			[]string{s + "affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey Required"}},
		{"pod affinity selector", spec(`{affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchExpressions: [{key: a, operator: In}]}, topologyKey: zone}]}}}`),
			[]string{s + "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector.matchExpressions[0].values Required"}},
		{"toleration without key or Exists", spec(`{tolerations: [{value: a}]}`), []string{s + "tolerations[0].operator Invalid"}},
		{"toleration of an unknown effect", spec(`{tolerations: [{key: a, operator: Exists, effect: Maybe}]}`), []string{s + "tolerations[0].effect NotSupported"}},
		{"seconds without NoExecute", spec(`{tolerations: [{key: a, operator: Exists, effect: NoSchedule, tolerationSeconds: 1}]}`), []string{s + "tolerations[0].effect Invalid"}},
		{"Exists with a value", spec(`{tolerations: [{key: a, operator: Exists, value: b}]}`), []string{s + "tolerations[0].operator Invalid"}},
		{"skew of zero", spec(`{topologySpreadConstraints: [{maxSkew: 0, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}`), []string{s + "topologySpreadConstraints[0].maxSkew Invalid"}},
		{"minDomains where nothing is refused", spec(`{topologySpreadConstraints: [{maxSkew: 1, minDomains: 2, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}]}`), []string{s + "topologySpreadConstraints[0].minDomains Invalid"}},
		{"constraint twice", spec(`{topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}, {maxSkew: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}`),
			[]string{s + "topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable} Duplicate"}},
		{"bad preemption policy", spec(`{preemptionPolicy: Always}`), []string{s + "preemptionPolicy NotSupported"}},
		{"gate twice", spec(`{schedulingGates: [{name: a}, {name: a}]}`), []string{s + "schedulingGates[1] Duplicate"}},
		{"gated and placed", spec(`{nodeName: n1, schedulingGates: [{name: a}]}`), []string{s + "nodeName Forbidden"}},
		{"bad node name", spec(`{nodeName: N_1}`), []string{s + "nodeName Invalid"}},
		{"bad runtime class", spec(`{runtimeClassName: "a b"}`), []string{s + "runtimeClassName Invalid"}},
		{"bad service account", spec(`{serviceAccountName: "a b"}`), []string{s + "serviceAccountName Invalid"}},
		{"claim of nothing", spec(`{resourceClaims: [{name: gpu}]}`), []string{s + "resourceClaims[0] Invalid"}},
		{"eviction responder without a domain", spec(`{evictionResponders: [{name: me, priority: 1}]}`), []string{s + "evictionResponders[0].name Invalid"}},
	})
}
