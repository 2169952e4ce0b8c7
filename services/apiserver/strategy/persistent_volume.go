package strategy

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func persistentVolumeRules() rules[*corev1.PersistentVolume] {
	return rules[*corev1.PersistentVolume]{
		defaults: func(v *corev1.PersistentVolume) {
			if v.Spec == nil {
				v.Spec = &corev1.PersistentVolumeSpec{}
			}
			setDefault(&v.Spec.PersistentVolumeReclaimPolicy, "Retain")
			setDefaultPtr(&v.Spec.VolumeMode, filesystem)
			defaultPersistentSource(v.Spec.PersistentVolumeSource)
		},
		validate:       validatePersistentVolume,
		validateUpdate: validatePersistentVolumeUpdate,
		validateStatus: func(new, _ *corev1.PersistentVolume) field.ErrorList {
			return oneOf(field.NewPath("status", "phase"), new.GetStatus().GetPhase(), "Pending", "Available", "Bound", "Released", "Failed")
		},
		prepareCreate: func(v *corev1.PersistentVolume) {
			v.Status = &corev1.PersistentVolumeStatus{Phase: "Pending", LastPhaseTransitionTime: v.GetMetadata().GetCreationTimestamp()}
		},
	}
}

func defaultPersistentSource(s *corev1.PersistentVolumeSource) {
	if h := s.GetHostPath(); h != nil {
		setDefaultPtr(&h.Type, "")
	}
	if i := s.GetIscsi(); i != nil {
		setDefault(&i.IscsiInterface, "default")
	}
	if r := s.GetRbd(); r != nil {
		setDefault(&r.Pool, "rbd")
		setDefault(&r.User, "admin")
		setDefault(&r.Keyring, "/etc/ceph/keyring")
	}
	if o := s.GetScaleIo(); o != nil {
		setDefault(&o.StorageMode, "ThinProvisioned")
		setDefault(&o.FsType, "xfs")
	}
}

func validatePersistentVolume(v *corev1.PersistentVolume) field.ErrorList {
	path, s := field.NewPath("spec"), v.GetSpec()
	errs := validateAccessModes(s.GetAccessModes(), path.Child("accessModes"))
	if len(s.GetCapacity()) == 0 {
		errs = append(errs, field.Required(path.Child("capacity"), ""))
	} else if _, ok := s.GetCapacity()["storage"]; !ok || len(s.GetCapacity()) > 1 {
		errs = append(errs, field.NotSupported(path.Child("capacity"), summary(s), []string{"storage"}))
	}
	size, more := validateResourceList(s.GetCapacity(), path.Child("capacity"), nil)
	errs = append(errs, more...)
	if q, ok := size["storage"]; ok && q.Sign() == 0 {
		errs = append(errs, field.Invalid(path.Child("capacity").Key("storage"), q.String(), "must be greater than zero"))
	}
	errs = append(errs, oneOf(path.Child("persistentVolumeReclaimPolicy"), s.GetPersistentVolumeReclaimPolicy(), "Delete", "Recycle", "Retain")...)
	errs = append(errs, validateClassName(s.GetStorageClassName(), path.Child("storageClassName"))...)
	if s.GetVolumeMode() != "" {
		errs = append(errs, oneOf(path.Child("volumeMode"), s.GetVolumeMode(), "Block", filesystem)...)
	}
	if a := s.GetNodeAffinity(); a != nil {
		if a.Required == nil {
			errs = append(errs, field.Required(path.Child("nodeAffinity", "required"), "must specify required node constraints"))
		} else {
			errs = append(errs, validateNodeSelector(a.Required, path.Child("nodeAffinity", "required"))...)
		}
	}
	return append(errs, validatePersistentSource(s, path)...)
}

// validatePersistentSource expects exactly one place where the storage is.
func validatePersistentSource(s *corev1.PersistentVolumeSpec, path *field.Path) field.ErrorList {
	var names []string
	s.GetPersistentVolumeSource().ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		names = append(names, fd.JSONName())
		return true
	})
	var errs field.ErrorList
	switch {
	case len(names) == 0:
		return field.ErrorList{field.Required(path, "must specify a volume type")}
	case len(names) > 1:
		return field.ErrorList{field.Forbidden(path, "may not specify more than 1 volume type")}
	}
	at, source := path.Child(names[0]), s.GetPersistentVolumeSource()
	required := func(name, value string) {
		if value == "" {
			errs = append(errs, field.Required(at.Child(name), ""))
		}
	}
	switch {
	case source.HostPath != nil:
		required("path", source.HostPath.Path)
		errs = append(errs, noBackSteps(at.Child("path"), source.HostPath.Path)...)
	case source.Local != nil:
		required("path", source.Local.Path)
		errs = append(errs, noBackSteps(at.Child("path"), source.Local.Path)...)
		if s.GetNodeAffinity().GetRequired() == nil {
			errs = append(errs, field.Required(path.Child("nodeAffinity"), "Local volume requires node affinity"))
		}
	case source.Nfs != nil:
		required("server", source.Nfs.Server)
		required("path", source.Nfs.Path)
	case source.Csi != nil:
		required("driver", source.Csi.Driver)
		required("volumeHandle", source.Csi.VolumeHandle)
	}
	return errs
}

func validatePersistentVolumeUpdate(new, old *corev1.PersistentVolume) field.ErrorList {
	path, n, o := field.NewPath("spec"), new.GetSpec(), old.GetSpec()
	var errs field.ErrorList
	if !proto.Equal(n.GetPersistentVolumeSource(), o.GetPersistentVolumeSource()) {
		errs = append(errs, field.Forbidden(path.Child("persistentVolumeSource"), "spec.persistentvolumesource is immutable after creation"))
	}
	if n.GetVolumeMode() != o.GetVolumeMode() {
		errs = append(errs, field.Invalid(path.Child("volumeMode"), n.GetVolumeMode(), immutableMessage))
	}
	if o.GetNodeAffinity() != nil && !proto.Equal(n.GetNodeAffinity(), o.GetNodeAffinity()) {
		errs = append(errs, field.Invalid(path.Child("nodeAffinity"), field.OmitValueType{}, immutableMessage))
	}
	return errs
}
