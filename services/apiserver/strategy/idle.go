package strategy

import "google.golang.org/protobuf/reflect/protoreflect"

// idleKinds are the kinds that are stored, checked and served, but that nothing acts on yet. Whoever makes one work
// deletes its line, and adds to Unsupported what is still missing of it.
func idleKinds() []Gap {
	var out []Gap
	for _, k := range []struct {
		message protoreflect.FullName
		why     string
	}{
		{"kaji.apps.v1.ControllerRevision", "nothing goes back to it until there are StatefulSet and DaemonSet controllers"},
		{"kaji.apps.v1.DaemonSet", "it runs no pods until there is a DaemonSet controller"},
		{"kaji.apps.v1.StatefulSet", "it runs no pods until there is a StatefulSet controller"},
		{"kaji.batch.v1.CronJob", "it makes no Jobs until there is a CronJob controller"},
		{"kaji.batch.v1.Job", "it runs no pods until there is a Job controller"},
		{"kaji.core.v1.PersistentVolumeClaim", "it gets no volume until there is a PersistentVolume controller"},
		{"kaji.autoscaling.v2.HorizontalPodAutoscaler", "it scales nothing until there are metrics and an autoscaling controller"},
		{"kaji.core.v1.Endpoints", "no traffic is led by it until there are service proxies"},
		{"kaji.core.v1.LimitRange", "it bounds nothing until there is an admission plugin for it"},
		{"kaji.core.v1.PersistentVolume", "no claim gets it until there is a PersistentVolume controller"},
		{"kaji.core.v1.PodTemplate", "no controller makes pods from it"},
		{"kaji.core.v1.ReplicationController", "it runs no pods until there is a ReplicationController controller; a Deployment does"},
		{"kaji.core.v1.ResourceQuota", "it bounds nothing until there is an admission plugin for it"},
		{"kaji.discovery.v1.EndpointSlice", "no traffic is led by it until there are service proxies"},
		{"kaji.networking.v1.IPAddress", "services get no addresses from it until there is an allocator"},
		{"kaji.networking.v1.Ingress", "no traffic is led by it until there is an ingress controller"},
		{"kaji.networking.v1.IngressClass", "no traffic is led by it until there is an ingress controller"},
		{"kaji.networking.v1.NetworkPolicy", "all traffic is let through until the nodes' agents enforce it"},
		{"kaji.networking.v1.ServiceCIDR", "services get no addresses from it until there is an allocator"},
		{"kaji.rbac.v1.ClusterRole", "it allows nothing until there is an RBAC authorizer; administrators may do everything, others what their part of the system needs"},
		{"kaji.rbac.v1.ClusterRoleBinding", "it allows nothing until there is an RBAC authorizer; administrators may do everything, others what their part of the system needs"},
		{"kaji.rbac.v1.Role", "it allows nothing until there is an RBAC authorizer; administrators may do everything, others what their part of the system needs"},
		{"kaji.rbac.v1.RoleBinding", "it allows nothing until there is an RBAC authorizer; administrators may do everything, others what their part of the system needs"},
		{"kaji.storage.v1.CSIDriver", "CSI drivers are not called until there is a volume manager for them"},
		{"kaji.storage.v1.CSINode", "CSI drivers are not called until there is a volume manager for them"},
		{"kaji.storage.v1.CSIStorageCapacity", "CSI drivers are not called until there is a volume manager for them"},
		{"kaji.storage.v1.StorageClass", "no volumes are made for it until there is a PersistentVolume controller"},
		{"kaji.storage.v1.VolumeAttachment", "nothing is attached until there is a volume manager for CSI drivers"},
		{"kaji.storage.v1.VolumeAttributesClass", "no volume is changed by it until there is a PersistentVolume controller"},
	} {
		out = append(out, Gap{Message: k.message, Why: k.why})
	}
	return out
}
