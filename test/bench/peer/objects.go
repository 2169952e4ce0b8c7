package main

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// pod is one as a Deployment makes it: what both sides store of it has about 2 KiB.
func pod(namespace, name string) *corev1.Pod {
	probe := func(path string) *corev1.Probe {
		return &corev1.Probe{
			ProbeHandler:        corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromString("http"), Scheme: corev1.URISchemeHTTP}},
			InitialDelaySeconds: 5, PeriodSeconds: 10, TimeoutSeconds: 2, SuccessThreshold: 1, FailureThreshold: 3,
		}
	}
	env := func(name, value string) corev1.EnvVar { return corev1.EnvVar{Name: name, Value: value} }
	secret := func(name, key string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "checkout-credentials"}, Key: key,
		}}}
	}
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: path}}}
	}
	amounts := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}
	}
	yes, no, grace, seconds := true, false, int64(30), int64(300)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, GenerateName: "checkout-7d4b9c6f5d-",
			Labels: map[string]string{
				"app.kubernetes.io/name": "checkout", "app.kubernetes.io/component": "server", "app.kubernetes.io/part-of": "shop",
				"app.kubernetes.io/version": "2.41.0", "pod-template-hash": "7d4b9c6f5d", "team": "payments",
			},
			Annotations: map[string]string{
				"prometheus.io/scrape": "true", "prometheus.io/port": "9102", "prometheus.io/path": "/metrics",
				"checksum/config": "5e1b0d6a27f5f3b1c6de8ac1c2b1f4c7a0e3a1d1fb2e7e0f4b6f2f7d6c5b4a39",
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "checkout-7d4b9c6f5d", UID: "0b1f2f0e-7b0e-4c8f-9d51-8a6f0e4d2c11",
				Controller: &yes, BlockOwnerDeletion: &yes,
			}},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "server", Image: "registry.example.com/shop/checkout:2.41.0", ImagePullPolicy: corev1.PullIfNotPresent,
				Args:  []string{"--listen=:8080", "--metrics=:9102", "--config=/etc/checkout/config.yaml", "--log-format=json"},
				Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}, {Name: "metrics", ContainerPort: 9102, Protocol: corev1.ProtocolTCP}},
				Env: []corev1.EnvVar{
					field("POD_NAME", "metadata.name"), field("POD_NAMESPACE", "metadata.namespace"),
					env("OTEL_SERVICE_NAME", "checkout"), env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.telemetry.svc:4317"),
					env("CATALOGUE_URL", "http://catalogue.shop.svc:8080"), env("PRICES_URL", "http://prices.shop.svc:8080"),
					secret("DATABASE_URL", "database-url"), secret("PAYMENT_TOKEN", "payment-token"), env("GOMEMLIMIT", "230MiB"),
				},
				Resources:      corev1.ResourceRequirements{Requests: amounts("100m", "128Mi"), Limits: amounts("1", "256Mi")},
				VolumeMounts:   []corev1.VolumeMount{{Name: "config", MountPath: "/etc/checkout", ReadOnly: true}, {Name: "scratch", MountPath: "/tmp"}},
				LivenessProbe:  probe("/livez"),
				ReadinessProbe: probe("/readyz"),
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, RunAsNonRoot: &yes,
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
				TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: corev1.TerminationMessageReadFile,
			}},
			Volumes: []corev1.Volume{
				{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "checkout-config"}}}},
				{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			},
			RestartPolicy: corev1.RestartPolicyAlways, TerminationGracePeriodSeconds: &grace, DNSPolicy: corev1.DNSClusterFirst,
			AutomountServiceAccountToken: &no, EnableServiceLinks: &no, SchedulerName: "default-scheduler",
			Tolerations: []corev1.Toleration{
				{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
				{Key: "node.kubernetes.io/unreachable", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: &seconds},
			},
		},
	}
}

// touched is the annotation that touch changes.
const touched = "bench.example.com/touched"

// manager is who applies.
const manager = "bench"

// deploymentName and deployment are what is applied: the manifest of a Deployment as a team keeps it in its repository.
const (
	deploymentName = "checkout"
	deployment     = `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"checkout","labels":{
"app.kubernetes.io/name":"checkout","app.kubernetes.io/component":"server","app.kubernetes.io/part-of":"shop","team":"payments"}},
"spec":{"replicas":3,"revisionHistoryLimit":5,"selector":{"matchLabels":{"app.kubernetes.io/name":"checkout"}},
"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":"25%","maxUnavailable":0}},
"template":{"metadata":{"labels":{"app.kubernetes.io/name":"checkout","app.kubernetes.io/component":"server","team":"payments"},
"annotations":{"prometheus.io/scrape":"true","prometheus.io/port":"9102"}},
"spec":{"automountServiceAccountToken":false,"terminationGracePeriodSeconds":30,
"securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},
"containers":[{"name":"server","image":"registry.example.com/shop/checkout:2.41.0",
"args":["--listen=:8080","--metrics=:9102","--config=/etc/checkout/config.yaml"],
"ports":[{"name":"http","containerPort":8080},{"name":"metrics","containerPort":9102}],
"env":[{"name":"OTEL_SERVICE_NAME","value":"checkout"},{"name":"CATALOGUE_URL","value":"http://catalogue.shop.svc:8080"},
{"name":"POD_NAME","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},
{"name":"DATABASE_URL","valueFrom":{"secretKeyRef":{"name":"checkout-credentials","key":"database-url"}}}],
"resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"cpu":"1","memory":"256Mi"}},
"livenessProbe":{"httpGet":{"path":"/livez","port":"http"},"initialDelaySeconds":5},
"readinessProbe":{"httpGet":{"path":"/readyz","port":"http"},"periodSeconds":5},
"securityContext":{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}},
"volumeMounts":[{"name":"config","mountPath":"/etc/checkout","readOnly":true},{"name":"scratch","mountPath":"/tmp"}]}],
"volumes":[{"name":"config","configMap":{"name":"checkout-config"}},{"name":"scratch","emptyDir":{}}]}}}}`
)
