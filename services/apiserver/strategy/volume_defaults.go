package strategy

import (
	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// fileMode is what files of a volume made from objects get: rw-r--r--.
const fileMode = 0o644

// tokenSeconds is how long a projected service account token lives.
const tokenSeconds = 3600

// defaultVolume fills in a volume. One that names no source is an emptyDir.
func defaultVolume(v *corev1.Volume) {
	if v.VolumeSource == nil || proto.Size(v.VolumeSource) == 0 {
		v.VolumeSource = &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	}
	s := v.VolumeSource
	switch {
	case s.Secret != nil:
		defaultMode(&s.Secret.DefaultMode)
	case s.ConfigMap != nil:
		defaultMode(&s.ConfigMap.DefaultMode)
	case s.DownwardApi != nil:
		defaultMode(&s.DownwardApi.DefaultMode)
		defaultDownward(s.DownwardApi.Items)
	case s.Projected != nil:
		defaultProjected(s.Projected)
	case s.HostPath != nil:
		if s.HostPath.Type == nil {
			s.HostPath.Type = proto.String("")
		}
	case s.Image != nil:
		if s.Image.PullPolicy == "" {
			s.Image.PullPolicy = pullPolicyFor(s.Image.Reference)
		}
	case s.Ephemeral != nil:
		if spec := s.Ephemeral.GetVolumeClaimTemplate().GetSpec(); spec != nil && spec.VolumeMode == nil {
			spec.VolumeMode = proto.String("Filesystem")
		}
	default:
		defaultRemoteVolume(s)
	}
}

// defaultRemoteVolume fills in volumes that come from storage outside the cluster.
func defaultRemoteVolume(s *corev1.VolumeSource) {
	switch {
	case s.Iscsi != nil:
		setDefault(&s.Iscsi.IscsiInterface, "default")
	case s.Rbd != nil:
		setDefault(&s.Rbd.Pool, "rbd")
		setDefault(&s.Rbd.User, "admin")
		setDefault(&s.Rbd.Keyring, "/etc/ceph/keyring")
	case s.ScaleIo != nil:
		setDefault(&s.ScaleIo.StorageMode, "ThinProvisioned")
		setDefault(&s.ScaleIo.FsType, "xfs")
	case s.AzureDisk != nil:
		setDefaultPtr(&s.AzureDisk.CachingMode, "ReadWrite")
		setDefaultPtr(&s.AzureDisk.Kind, "Shared")
		setDefaultPtr(&s.AzureDisk.FsType, "ext4")
		setDefaultPtr(&s.AzureDisk.ReadOnly, false)
	}
}

func defaultProjected(p *corev1.ProjectedVolumeSource) {
	defaultMode(&p.DefaultMode)
	for _, src := range p.Sources {
		if src.DownwardApi != nil {
			defaultDownward(src.DownwardApi.Items)
		}
		if src.ServiceAccountToken != nil {
			setDefaultPtr(&src.ServiceAccountToken.ExpirationSeconds, int64(tokenSeconds))
		}
		if src.PodCertificate != nil {
			setDefaultPtr(&src.PodCertificate.MaxExpirationSeconds, int32(86400))
		}
	}
}

func defaultDownward(items []*corev1.DownwardAPIVolumeFile) {
	for _, i := range items {
		if i.FieldRef != nil {
			setDefault(&i.FieldRef.ApiVersion, "v1")
		}
	}
}

func defaultMode(mode **int32) { setDefaultPtr(mode, int32(fileMode)) }

func setDefaultPtr[T any](field **T, value T) {
	if *field == nil {
		*field = &value
	}
}
