package strategy

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation/field"

	storagev1 "kaji.dev/kaji/gen/kaji/storage/v1"
)

const (
	maxStorageParameters     = 512
	maxStorageParameterBytes = 256 << 10
	maxDriverName            = 63
)

func storageClassRules() rules[*storagev1.StorageClass] {
	return rules[*storagev1.StorageClass]{
		defaults: func(c *storagev1.StorageClass) {
			setDefaultPtr(&c.ReclaimPolicy, "Delete")
			setDefaultPtr(&c.VolumeBindingMode, "Immediate")
		},
		validate: func(c *storagev1.StorageClass) field.ErrorList {
			errs := qualifiedName(field.NewPath("provisioner"), c.Provisioner)
			errs = append(errs, validateParameters(c.Parameters, field.NewPath("parameters"))...)
			errs = append(errs, oneOf(field.NewPath("reclaimPolicy"), c.GetReclaimPolicy(), "Delete", "Retain")...)
			errs = append(errs, oneOf(field.NewPath("volumeBindingMode"), c.GetVolumeBindingMode(), "Immediate", "WaitForFirstConsumer")...)
			for i, t := range c.AllowedTopologies {
				for j, r := range t.MatchLabelExpressions {
					at := field.NewPath("allowedTopologies").Index(i).Child("matchLabelExpressions").Index(j)
					errs = append(errs, qualifiedName(at.Child("key"), r.Key)...)
					if len(r.Values) == 0 {
						errs = append(errs, field.Required(at.Child("values"), ""))
					}
				}
			}
			return errs
		},
		validateUpdate: func(new, old *storagev1.StorageClass) field.ErrorList {
			var errs field.ErrorList
			frozen := func(name string, equal bool) {
				if !equal {
					errs = append(errs, field.Forbidden(field.NewPath(name), "updates to "+name+" are forbidden; make another class"))
				}
			}
			frozen("parameters", maps.Equal(new.Parameters, old.Parameters))
			frozen("provisioner", new.Provisioner == old.Provisioner)
			frozen("reclaimPolicy", samePtr(new.ReclaimPolicy, old.ReclaimPolicy))
			frozen("volumeBindingMode", samePtr(new.VolumeBindingMode, old.VolumeBindingMode))
			return errs
		},
	}
}

func validateParameters(parameters map[string]string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if n := len(parameters); n > maxStorageParameters {
		errs = append(errs, field.TooMany(path, n, maxStorageParameters))
	}
	total := 0
	for k, v := range parameters {
		if k == "" {
			errs = append(errs, field.Invalid(path, k, "field can not be empty."))
		}
		total += len(k) + len(v)
	}
	if total > maxStorageParameterBytes {
		errs = append(errs, field.TooLong(path, "", maxStorageParameterBytes))
	}
	return errs
}

// driverName checks the name of a CSI driver.
func driverName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if len(name) > maxDriverName {
		return field.ErrorList{field.TooLong(path, "", maxDriverName)}
	}
	return each(path, name, subdomainName(name, false))
}

func csiDriverRules() rules[*storagev1.CSIDriver] {
	return rules[*storagev1.CSIDriver]{
		defaults: func(d *storagev1.CSIDriver) {
			if d.Spec == nil {
				d.Spec = &storagev1.CSIDriverSpec{}
			}
			s := d.Spec
			setDefaultPtr(&s.AttachRequired, true)
			setDefaultPtr(&s.PodInfoOnMount, false)
			setDefaultPtr(&s.StorageCapacity, false)
			setDefaultPtr(&s.FsGroupPolicy, "ReadWriteOnceWithFSType")
			setDefaultPtr(&s.RequiresRepublish, false)
			setDefaultPtr(&s.SeLinuxMount, false)
			if len(s.VolumeLifecycleModes) == 0 {
				s.VolumeLifecycleModes = []string{"Persistent"}
			}
		},
		validate: func(d *storagev1.CSIDriver) field.ErrorList {
			path, s := field.NewPath("spec"), d.GetSpec()
			errs := driverName(d.GetMetadata().GetName(), field.NewPath("metadata", "name"))
			for i, m := range s.GetVolumeLifecycleModes() {
				errs = append(errs, oneOf(path.Child("volumeLifecycleModes").Index(i), m, "Ephemeral", "Persistent")...)
			}
			if s.GetFsGroupPolicy() != "" {
				errs = append(errs, oneOf(path.Child("fsGroupPolicy"), s.GetFsGroupPolicy(), "File", "None", "ReadWriteOnceWithFSType")...)
			}
			seen := map[string]bool{}
			for i, t := range s.GetTokenRequests() {
				at := path.Child("tokenRequests").Index(i)
				if seen[t.Audience] {
					errs = append(errs, field.Duplicate(at.Child("audience"), t.Audience))
				}
				seen[t.Audience] = true
				if t.ExpirationSeconds != nil && (t.GetExpirationSeconds() < 600 || t.GetExpirationSeconds() > 1<<32) {
					errs = append(errs, field.Invalid(at.Child("expirationSeconds"), t.GetExpirationSeconds(), "must be from 600 (10 minutes) to 4294967296"))
				}
			}
			if p := s.GetNodeAllocatableUpdatePeriodSeconds(); s != nil && s.NodeAllocatableUpdatePeriodSeconds != nil && p < 10 {
				errs = append(errs, field.Invalid(path.Child("nodeAllocatableUpdatePeriodSeconds"), p, "must be greater than or equal to 10 seconds"))
			}
			return errs
		},
		validateUpdate: func(new, old *storagev1.CSIDriver) field.ErrorList {
			path, n, o := field.NewPath("spec"), new.GetSpec(), old.GetSpec()
			var errs field.ErrorList
			if n.GetAttachRequired() != o.GetAttachRequired() {
				errs = append(errs, field.Invalid(path.Child("attachRequired"), n.GetAttachRequired(), immutableMessage))
			}
			if !slices.Equal(n.GetVolumeLifecycleModes(), o.GetVolumeLifecycleModes()) {
				errs = append(errs, field.Invalid(path.Child("volumeLifecycleModes"), n.GetVolumeLifecycleModes(), immutableMessage))
			}
			return errs
		},
	}
}

func csiNodeRules() rules[*storagev1.CSINode] {
	return rules[*storagev1.CSINode]{
		validate: func(c *storagev1.CSINode) field.ErrorList {
			var errs field.ErrorList
			seen := map[string]bool{}
			for i, d := range c.GetSpec().GetDrivers() {
				at := field.NewPath("spec", "drivers").Index(i)
				errs = append(errs, driverName(d.Name, at.Child("name"))...)
				if seen[d.Name] {
					errs = append(errs, field.Duplicate(at.Child("name"), d.Name))
				}
				seen[d.Name] = true
				if d.NodeId == "" {
					errs = append(errs, field.Required(at.Child("nodeID"), d.NodeId))
				}
				errs = append(errs, nonNegative(at.Child("allocatable", "count"), int64(d.GetAllocatable().GetCount()))...)
				for j, k := range d.TopologyKeys {
					errs = append(errs, qualifiedName(at.Child("topologyKeys").Index(j), k)...)
				}
			}
			return errs
		},
	}
}

func volumeAttachmentRules() rules[*storagev1.VolumeAttachment] {
	return rules[*storagev1.VolumeAttachment]{
		validate: func(a *storagev1.VolumeAttachment) field.ErrorList {
			path, s := field.NewPath("spec"), a.GetSpec()
			errs := driverName(s.GetAttacher(), path.Child("attacher"))
			errs = append(errs, each(path.Child("nodeName"), s.GetNodeName(), subdomainName(s.GetNodeName(), false))...)
			if (s.GetSource().GetInlineVolumeSpec() == nil) == (s.GetSource().GetPersistentVolumeName() == "") {
				errs = append(errs, field.Required(path.Child("source"), "must specify exactly one of inlineVolumeSpec and persistentVolumeName"))
			}
			return errs
		},
		validateUpdate: func(new, old *storagev1.VolumeAttachment) field.ErrorList {
			return validateImmutable(new.GetSpec(), old.GetSpec(), field.NewPath("spec"))
		},
		prepareCreate: func(a *storagev1.VolumeAttachment) { a.Status = &storagev1.VolumeAttachmentStatus{} },
	}
}

func csiStorageCapacityRules() rules[*storagev1.CSIStorageCapacity] {
	return rules[*storagev1.CSIStorageCapacity]{
		validate: func(c *storagev1.CSIStorageCapacity) field.ErrorList {
			errs := each(field.NewPath("storageClassName"), c.StorageClassName, subdomainName(c.StorageClassName, false))
			return append(errs, validateSelector(c.NodeTopology, field.NewPath("nodeTopology"))...)
		},
		validateUpdate: func(new, old *storagev1.CSIStorageCapacity) field.ErrorList {
			var errs field.ErrorList
			if new.StorageClassName != old.StorageClassName {
				errs = append(errs, field.Invalid(field.NewPath("storageClassName"), new.StorageClassName, immutableMessage))
			}
			if !proto.Equal(new.NodeTopology, old.NodeTopology) {
				errs = append(errs, field.Invalid(field.NewPath("nodeTopology"), field.OmitValueType{}, immutableMessage))
			}
			return errs
		},
	}
}

func volumeAttributesClassRules() rules[*storagev1.VolumeAttributesClass] {
	return rules[*storagev1.VolumeAttributesClass]{
		validate: func(c *storagev1.VolumeAttributesClass) field.ErrorList {
			errs := driverName(c.DriverName, field.NewPath("driverName"))
			if len(c.Parameters) == 0 {
				errs = append(errs, field.Required(field.NewPath("parameters"), "must contain at least one key/value pair"))
			}
			return append(errs, validateParameters(c.Parameters, field.NewPath("parameters"))...)
		},
		validateUpdate: func(new, old *storagev1.VolumeAttributesClass) field.ErrorList {
			var errs field.ErrorList
			if new.DriverName != old.DriverName {
				errs = append(errs, field.Forbidden(field.NewPath("driverName"), "updates to driverName are forbidden."))
			}
			if !maps.Equal(new.Parameters, old.Parameters) {
				errs = append(errs, field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden."))
			}
			return errs
		},
	}
}
