package corpus

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"

	// What Kubernetes knows of its types, defaults and declared rules included.
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/autoscaling/install"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	_ "k8s.io/kubernetes/pkg/apis/coordination/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	_ "k8s.io/kubernetes/pkg/apis/discovery/install"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	_ "k8s.io/kubernetes/pkg/apis/node/install"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	_ "k8s.io/kubernetes/pkg/apis/scheduling/install"
	_ "k8s.io/kubernetes/pkg/apis/storage/install"

	"k8s.io/kubernetes/pkg/registry/apps/controllerrevision"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/replicaset"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/coordination/lease"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/endpoint"
	"k8s.io/kubernetes/pkg/registry/core/event"
	"k8s.io/kubernetes/pkg/registry/core/limitrange"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/node"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolume"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/podtemplate"
	"k8s.io/kubernetes/pkg/registry/core/replicationcontroller"
	"k8s.io/kubernetes/pkg/registry/core/resourcequota"
	"k8s.io/kubernetes/pkg/registry/core/secret"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/core/serviceaccount"
	"k8s.io/kubernetes/pkg/registry/discovery/endpointslice"
	"k8s.io/kubernetes/pkg/registry/networking/ingress"
	"k8s.io/kubernetes/pkg/registry/networking/ingressclass"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/node/runtimeclass"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrole"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrolebinding"
	"k8s.io/kubernetes/pkg/registry/rbac/role"
	"k8s.io/kubernetes/pkg/registry/rbac/rolebinding"
	"k8s.io/kubernetes/pkg/registry/scheduling/priorityclass"
	"k8s.io/kubernetes/pkg/registry/storage/csidriver"
	"k8s.io/kubernetes/pkg/registry/storage/csinode"
	"k8s.io/kubernetes/pkg/registry/storage/csistoragecapacity"
	"k8s.io/kubernetes/pkg/registry/storage/storageclass"
	"k8s.io/kubernetes/pkg/registry/storage/volumeattachment"
	"k8s.io/kubernetes/pkg/registry/storage/volumeattributesclass"
)

// served is what Kubernetes' API server does with the objects of one kind.
type served struct {
	resource string
	strategy rest.RESTCreateStrategy
}

// kinds are the kinds that manifests of the corpus may have.
var kinds = map[schema.GroupVersionKind]served{
	v1("ConfigMap"):             {"configmaps", configmap.Strategy},
	v1("Endpoints"):             {"endpoints", endpoint.Strategy},
	v1("Event"):                 {"events", event.Strategy},
	v1("LimitRange"):            {"limitranges", limitrange.Strategy},
	v1("Namespace"):             {"namespaces", namespace.Strategy},
	v1("Node"):                  {"nodes", node.Strategy},
	v1("PersistentVolume"):      {"persistentvolumes", persistentvolume.Strategy},
	v1("PersistentVolumeClaim"): {"persistentvolumeclaims", persistentvolumeclaim.Strategy},
	v1("Pod"):                   {"pods", pod.Strategy},
	v1("PodTemplate"):           {"podtemplates", podtemplate.Strategy},
	v1("ReplicationController"): {"replicationcontrollers", replicationcontroller.Strategy},
	v1("ResourceQuota"):         {"resourcequotas", resourcequota.Strategy},
	v1("Secret"):                {"secrets", secret.Strategy},
	v1("Service"):               {"services", service.Strategy},
	v1("ServiceAccount"):        {"serviceaccounts", serviceaccount.Strategy},

	in("apps", "v1", "ControllerRevision"): {"controllerrevisions", controllerrevision.Strategy},
	in("apps", "v1", "DaemonSet"):          {"daemonsets", daemonset.Strategy},
	in("apps", "v1", "Deployment"):         {"deployments", deployment.Strategy},
	in("apps", "v1", "ReplicaSet"):         {"replicasets", replicaset.Strategy},
	in("apps", "v1", "StatefulSet"):        {"statefulsets", statefulset.Strategy},

	in("autoscaling", "v2", "HorizontalPodAutoscaler"): {"horizontalpodautoscalers", horizontalpodautoscaler.Strategy},
	in("batch", "v1", "CronJob"):                       {"cronjobs", cronjob.Strategy},
	in("batch", "v1", "Job"):                           {"jobs", job.Strategy},
	in("coordination.k8s.io", "v1", "Lease"):           {"leases", lease.Strategy},
	in("discovery.k8s.io", "v1", "EndpointSlice"):      {"endpointslices", endpointslice.Strategy},
	in("networking.k8s.io", "v1", "Ingress"):           {"ingresses", ingress.Strategy},
	in("networking.k8s.io", "v1", "IngressClass"):      {"ingressclasses", ingressclass.Strategy},
	in("networking.k8s.io", "v1", "NetworkPolicy"):     {"networkpolicies", networkpolicy.Strategy},
	in("node.k8s.io", "v1", "RuntimeClass"):            {"runtimeclasses", runtimeclass.Strategy},
	in("policy", "v1", "PodDisruptionBudget"):          {"poddisruptionbudgets", poddisruptionbudget.Strategy},
	in("scheduling.k8s.io", "v1", "PriorityClass"):     {"priorityclasses", priorityclass.Strategy},

	in("rbac.authorization.k8s.io", "v1", "ClusterRole"):        {"clusterroles", clusterrole.Strategy},
	in("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"): {"clusterrolebindings", clusterrolebinding.Strategy},
	in("rbac.authorization.k8s.io", "v1", "Role"):               {"roles", role.Strategy},
	in("rbac.authorization.k8s.io", "v1", "RoleBinding"):        {"rolebindings", rolebinding.Strategy},

	in("storage.k8s.io", "v1", "CSIDriver"):             {"csidrivers", csidriver.Strategy},
	in("storage.k8s.io", "v1", "CSINode"):               {"csinodes", csinode.Strategy},
	in("storage.k8s.io", "v1", "CSIStorageCapacity"):    {"csistoragecapacities", csistoragecapacity.Strategy},
	in("storage.k8s.io", "v1", "StorageClass"):          {"storageclasses", storageclass.Strategy},
	in("storage.k8s.io", "v1", "VolumeAttachment"):      {"volumeattachments", volumeattachment.Strategy},
	in("storage.k8s.io", "v1", "VolumeAttributesClass"): {"volumeattributesclasses", volumeattributesclass.Strategy},
}

func v1(kind string) schema.GroupVersionKind { return in("", "v1", kind) }

func in(group, version, kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}
}
