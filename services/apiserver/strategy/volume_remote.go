package strategy

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// validateRemoteVolume checks sources that lie outside the cluster. Nothing mounts them yet (unsupported.go
// says so to the user), but a manifest that Kubernetes refuses is refused here too.
func validateRemoteVolume(s *corev1.VolumeSource, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	need := func(value string, path ...string) {
		errs = append(errs, required(value, at.Child(path[0], path[1:]...))...)
	}
	if v := s.Nfs; v != nil {
		need(v.Server, "nfs", "server")
		need(v.Path, "nfs", "path")
		if v.Path != "" && !strings.HasPrefix(v.Path, "/") {
			errs = append(errs, field.Invalid(at.Child("nfs", "path"), v.Path, "must be an absolute path"))
		}
	}
	if v := s.Csi; v != nil {
		need(v.Driver, "csi", "driver")
		if r := v.NodePublishSecretRef; r != nil {
			need(r.Name, "csi", "nodePublishSecretRef", "name")
		}
	}
	if v := s.Iscsi; v != nil {
		need(v.TargetPortal, "iscsi", "targetPortal")
		need(v.Iqn, "iscsi", "iqn")
		if v.Iqn != "" && !strings.HasPrefix(v.Iqn, "iqn.") && !strings.HasPrefix(v.Iqn, "eui.") && !strings.HasPrefix(v.Iqn, "naa.") {
			errs = append(errs, field.Invalid(at.Child("iscsi", "iqn"), v.Iqn, "must be valid format"))
		}
		if v.Lun < 0 || v.Lun > 255 {
			errs = append(errs, field.Invalid(at.Child("iscsi", "lun"), v.Lun, "must be between 0 and 255, inclusive"))
		}
		if (v.ChapAuthDiscovery || v.ChapAuthSession) && v.SecretRef == nil {
			errs = append(errs, field.Required(at.Child("iscsi", "secretRef"), ""))
		}
	}
	if v := s.Fc; v != nil {
		switch wwns, wwids := len(v.TargetWwns), len(v.Wwids); {
		case wwns == 0 && wwids == 0:
			errs = append(errs, field.Required(at.Child("fc", "targetWWNs"), "must specify either targetWWNs or wwids, but not both"))
		case wwns > 0 && wwids > 0:
			errs = append(errs, field.Invalid(at.Child("fc", "targetWWNs"), v.TargetWwns, "targetWWNs and wwids can not be specified simultaneously"))
		case wwns > 0 && v.Lun == nil:
			errs = append(errs, field.Required(at.Child("fc", "lun"), "lun is required if targetWWNs is specified"))
		}
	}
	if v := s.Glusterfs; v != nil {
		need(v.Endpoints, "glusterfs", "endpoints")
		need(v.Path, "glusterfs", "path")
	}
	if v := s.Rbd; v != nil {
		needSome(v.Monitors, at.Child("rbd", "monitors"), &errs)
		need(v.Image, "rbd", "image")
	}
	if v := s.Cephfs; v != nil {
		needSome(v.Monitors, at.Child("cephfs", "monitors"), &errs)
	}
	if v := s.Cinder; v != nil {
		need(v.VolumeId, "cinder", "volumeID")
	}
	if v := s.GitRepo; v != nil {
		need(v.Repository, "gitRepo", "repository")
		errs = append(errs, relativePath(at.Child("gitRepo", "directory"), v.Directory)...)
	}
	if v := s.GcePersistentDisk; v != nil {
		need(v.PdName, "gcePersistentDisk", "pdName")
		errs = append(errs, validatePartition(v.Partition, at.Child("gcePersistentDisk", "partition"))...)
	}
	if v := s.AwsElasticBlockStore; v != nil {
		need(v.VolumeId, "awsElasticBlockStore", "volumeID")
		errs = append(errs, validatePartition(v.Partition, at.Child("awsElasticBlockStore", "partition"))...)
	}
	if v := s.Flocker; v != nil && (v.DatasetName == "") == (v.DatasetUuid == "") {
		errs = append(errs, field.Required(at.Child("flocker"), "one of datasetName and datasetUUID is required"))
	}
	if v := s.AzureFile; v != nil {
		need(v.SecretName, "azureFile", "secretName")
		need(v.ShareName, "azureFile", "shareName")
	}
	if v := s.AzureDisk; v != nil {
		need(v.DiskName, "azureDisk", "diskName")
		need(v.DiskUri, "azureDisk", "diskURI")
		errs = append(errs, oneOf(at.Child("azureDisk", "cachingMode"), v.GetCachingMode(), "None", "ReadOnly", "ReadWrite")...)
		errs = append(errs, oneOf(at.Child("azureDisk", "kind"), v.GetKind(), "Dedicated", "Managed", "Shared")...)
	}
	if v := s.FlexVolume; v != nil {
		need(v.Driver, "flexVolume", "driver")
	}
	if v := s.VsphereVolume; v != nil {
		need(v.VolumePath, "vsphereVolume", "volumePath")
	}
	if v := s.PhotonPersistentDisk; v != nil {
		need(v.PdId, "photonPersistentDisk", "pdID")
	}
	if v := s.PortworxVolume; v != nil {
		need(v.VolumeId, "portworxVolume", "volumeID")
	}
	if v := s.Quobyte; v != nil {
		need(v.Registry, "quobyte", "registry")
		need(v.Volume, "quobyte", "volume")
	}
	if v := s.ScaleIo; v != nil {
		need(v.Gateway, "scaleIO", "gateway")
		need(v.System, "scaleIO", "system")
		need(v.VolumeName, "scaleIO", "volumeName")
	}
	return errs
}

func needSome(list []string, at *field.Path, errs *field.ErrorList) {
	if len(list) == 0 {
		*errs = append(*errs, field.Required(at, ""))
	}
}

func validatePartition(n int32, at *field.Path) field.ErrorList {
	if n < 0 || n > 255 {
		return field.ErrorList{field.Invalid(at, n, "must be between 0 and 255, inclusive")}
	}
	return nil
}
