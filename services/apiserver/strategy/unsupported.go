package strategy

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Gap is a field that is stored and served but that nothing in Kaji acts on yet.
type Gap struct {
	// Message and Field name it, as in the proto file. It counts wherever the message appears. Without a Field, the
	// message is a kind, and nothing acts on it at all.
	Message protoreflect.FullName
	Field   protoreflect.Name
	// Why says what does not happen.
	Why string
	// Fine are values that ask for nothing beyond what happens anyhow, defaults among them: they give no warning.
	Fine []string
	// Partly, when set, says whether the message is one where nothing acts on the field: elsewhere something does.
	Partly func(protoreflect.Message) bool
}

// Unsupported returns every gap. docs/compatibility.md is made from it, by tools/compatibility. Whoever makes
// one of these fields work deletes its line.
func Unsupported() []Gap {
	const (
		core     = "kaji.core.v1."
		noDevice = "devices are not allocated to pods yet"
		noVolume = "volumes from storage outside the node cannot be mounted yet; the pod would wait for it"
		windows  = "there are no Windows nodes"
	)
	gaps := []Gap{
		{core + "PodSpec", "resource_claims", noDevice, nil, nil},
		{core + "PodSpec", "preemption_policy", "the scheduler does not preempt pods yet", []string{"PreemptLowerPriority", "Never"}, nil},
		{core + "PodSpec", "enable_service_links", "services are not told to containers by environment variables yet", []string{"true", "false"}, nil},
		{core + "PodSpec", "automount_service_account_token", "service account tokens are not issued yet, so none is mounted", []string{"false"}, nil},
		{core + "PodSpec", "scheduling_group", "pods are scheduled one by one, not in groups", nil, nil},
		{core + "PodSpec", "eviction_responders", "evictions are not announced to responders", nil, nil},
		{core + "PodOS", "name", windows, []string{"linux"}, nil},
		{core + "Container", "volume_devices", "raw block volumes are not supported", nil, nil},
		{core + "ResourceRequirements", "limits", "ephemeral-storage is reckoned with when pods are placed, but nothing evicts a pod that uses more", []string{"cpu, memory and other resources"}, limitsStorage},
		{core + "EmptyDirVolumeSource", "size_limit", "nothing evicts a pod whose volume on disk grows beyond it", []string{"medium: Memory"}, onDisk},
		{core + "ResourceRequirements", "claims", noDevice, nil, nil},
		{core + "PodSecurityContext", "windows_options", windows, nil, nil},
		{core + "SecurityContext", "windows_options", windows, nil, nil},
		{core + "PodSecurityContext", "fs_group_change_policy", "ownership is always set on the whole volume", []string{"Always"}, nil},
		{core + "PodSecurityContext", "se_linux_change_policy", "volumes are always relabelled by the runtime", []string{"Recursive"}, nil},
		{core + "VolumeProjection", "service_account_token", "service account tokens are not issued yet", nil, nil},
		{core + "VolumeProjection", "cluster_trust_bundle", "there are no ClusterTrustBundles yet", nil, nil},
		{core + "VolumeProjection", "pod_certificate", "certificates are not issued to pods yet", nil, nil},
		{core + "VolumeSource", "image", "images cannot be mounted as volumes yet; the pod would wait for it", nil, nil},
		{core + "VolumeSource", "persistent_volume_claim", "nothing binds claims to volumes yet; the pod would wait for it", nil, nil},
		{core + "VolumeSource", "ephemeral", "nothing binds claims to volumes yet; the pod would wait for it", nil, nil},
		{core + "VolumeSource", "csi", "CSI drivers are not called yet; the pod would wait for it", nil, nil},
		{core + "VolumeSource", "git_repo", "Kubernetes has given it up, and Kaji never had it; clone in an init container", nil, nil},

		{core + "Service", "spec", "nothing gives services addresses or routes traffic to their pods yet", nil, nil},
		{core + "ServiceAccount", "secrets", "service account tokens are not issued yet", nil, nil},
		{core + "ServiceAccount", "image_pull_secrets", "pods do not inherit them; name them in spec.imagePullSecrets of the pod", nil, nil},
		{core + "ServiceAccount", "automount_service_account_token", "service account tokens are not issued yet, so none is mounted", []string{"false"}, nil},

		{core + "NodeSpec", "config_source", "agents are configured where they run", nil, nil},
		{core + "NodeSpec", "external_id", "it was replaced by providerID", nil, nil},
		{core + "NodeSpec", "pod_preemption_policy", "resources of running containers cannot be changed yet", nil, nil},

		{"kaji.coordination.v1.LeaseSpec", "strategy", "leader election is not coordinated: the first to write the Lease leads", nil, nil},
		{"kaji.coordination.v1.LeaseSpec", "preferred_holder", "leader election is not coordinated: the first to write the Lease leads", nil, nil},
	}
	for _, remote := range []protoreflect.Name{
		"gce_persistent_disk", "aws_elastic_block_store", "nfs", "iscsi", "glusterfs", "rbd", "flex_volume", "cinder", "cephfs",
		"flocker", "fc", "azure_file", "vsphere_volume", "quobyte", "azure_disk", "photon_persistent_disk", "portworx_volume",
		"scale_io", "storageos",
	} {
		gaps = append(gaps, Gap{core + "VolumeSource", remote, noVolume, nil, nil})
	}
	return append(gaps, idleKinds()...)
}

func limitsStorage(m protoreflect.Message) bool {
	r, ok := m.Interface().(*corev1.ResourceRequirements)
	return ok && r.GetLimits()["ephemeral-storage"] != nil
}

func onDisk(m protoreflect.Message) bool {
	v, ok := m.Interface().(*corev1.EmptyDirVolumeSource)
	return ok && v.GetMedium() == ""
}
