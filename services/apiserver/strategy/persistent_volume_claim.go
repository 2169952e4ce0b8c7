package strategy

import (
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

const filesystem = "Filesystem"

func persistentVolumeClaimRules() rules[*corev1.PersistentVolumeClaim] {
	return rules[*corev1.PersistentVolumeClaim]{
		defaults: func(c *corev1.PersistentVolumeClaim) {
			defaultClaim(c)
			normalizeDataSource(c.Spec)
		},
		validate: func(c *corev1.PersistentVolumeClaim) field.ErrorList {
			return validateClaimSpec(c.GetSpec(), field.NewPath("spec"))
		},
		validateUpdate: validateClaimUpdate,
		validateStatus: func(new, _ *corev1.PersistentVolumeClaim) field.ErrorList {
			return validateClaimStatus(new.GetStatus())
		},
		prepareCreate: func(c *corev1.PersistentVolumeClaim) {
			c.Status = &corev1.PersistentVolumeClaimStatus{Phase: "Pending"}
		},
	}
}

func defaultClaim(c *corev1.PersistentVolumeClaim) {
	if c.Spec == nil {
		c.Spec = &corev1.PersistentVolumeClaimSpec{}
	}
	setDefaultPtr(&c.Spec.VolumeMode, filesystem)
	if c.Status == nil {
		c.Status = &corev1.PersistentVolumeClaimStatus{}
	}
	setDefault(&c.Status.Phase, "Pending")
}

// normalizeDataSource writes where a claim's content comes from in both fields, the old one and the new one.
func normalizeDataSource(s *corev1.PersistentVolumeClaimSpec) {
	switch from, ref := s.DataSource, s.DataSourceRef; {
	case from != nil && ref == nil:
		s.DataSourceRef = &corev1.TypedObjectReference{ApiGroup: from.ApiGroup, Kind: from.Kind, Name: from.Name}
	case from == nil && ref != nil && ref.GetNamespace() == "":
		s.DataSource = &corev1.TypedLocalObjectReference{ApiGroup: ref.ApiGroup, Kind: ref.Kind, Name: ref.Name}
	}
}

// validateClaimSpec checks what is asked for, by a claim or by a template of one.
func validateClaimSpec(s *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	errs := validateAccessModes(s.GetAccessModes(), path.Child("accessModes"))
	errs = append(errs, validateSelector(s.GetSelector(), path.Child("selector"))...)
	size, more := validateResourceList(s.GetResources().GetRequests(), path.Child("resources", "requests"), nil)
	errs = append(errs, more...)
	at := path.Child("resources", "requests").Key("storage")
	if q, ok := size["storage"]; ok {
		if q.Sign() == 0 {
			errs = append(errs, field.Invalid(at, q.String(), "must be greater than zero"))
		}
	} else if _, named := s.GetResources().GetRequests()["storage"]; !named {
		errs = append(errs, field.Required(at, "how much storage is asked for"))
	}
	errs = append(errs, validateClassName(s.GetStorageClassName(), path.Child("storageClassName"))...)
	errs = append(errs, validateClassName(s.GetVolumeAttributesClassName(), path.Child("volumeAttributesClassName"))...)
	if s.GetVolumeMode() != "" {
		errs = append(errs, oneOf(path.Child("volumeMode"), s.GetVolumeMode(), "Block", filesystem)...)
	}
	return append(errs, validateDataSources(s, path)...)
}

func validateAccessModes(modes []string, path *field.Path) field.ErrorList {
	if len(modes) == 0 {
		return field.ErrorList{field.Required(path, "at least 1 access mode is required")}
	}
	var errs field.ErrorList
	alone, others := false, false
	for i, m := range modes {
		errs = append(errs, oneOf(path.Index(i), m, "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")...)
		alone = alone || m == "ReadWriteOncePod"
		others = others || m != "ReadWriteOncePod"
	}
	if alone && others {
		errs = append(errs, field.Forbidden(path, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

// validateClassName checks the name of a class of storage; an empty one asks for none.
func validateClassName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return nil
	}
	return each(path, name, subdomainName(name, false))
}

func validateDataSources(s *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	check := func(at *field.Path, group, kind, name string) {
		if name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		if kind == "" {
			errs = append(errs, field.Required(at.Child("kind"), ""))
		}
		if group == "" && kind != "PersistentVolumeClaim" {
			errs = append(errs, field.Invalid(at, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
		}
		if group != "" {
			errs = append(errs, each(at.Child("apiGroup"), group, validation.IsDNS1123Subdomain(group))...)
		}
	}
	from, ref := s.GetDataSource(), s.GetDataSourceRef()
	if from != nil {
		check(path.Child("dataSource"), from.GetApiGroup(), from.Kind, from.Name)
	}
	if ref != nil {
		check(path.Child("dataSourceRef"), ref.GetApiGroup(), ref.Kind, ref.Name)
		if ref.GetNamespace() != "" {
			errs = append(errs, each(path.Child("dataSourceRef", "namespace"), ref.GetNamespace(), labelName(ref.GetNamespace(), false))...)
		}
	}
	if from != nil && ref != nil {
		switch {
		case ref.GetNamespace() != "":
			errs = append(errs, field.Invalid(path.Child("dataSource"), from.Name, "may not be specified when dataSourceRef.namespace is specified"))
		case from.GetApiGroup() != ref.GetApiGroup() || from.Kind != ref.Kind || from.Name != ref.Name:
			errs = append(errs, field.Invalid(path.Child("dataSource"), from.Name, "must match dataSourceRef"))
		}
	}
	return errs
}

// validateClaimUpdate lets a claim be bound once, and grow when it is.
func validateClaimUpdate(new, old *corev1.PersistentVolumeClaim) field.ErrorList {
	path, n, o := field.NewPath("spec"), new.GetSpec(), old.GetSpec()
	if n == nil || o == nil {
		return nil
	}
	var errs field.ErrorList
	// Everything that may change is made as it was; what still differs may not.
	same := proto.CloneOf(n)
	if o.VolumeName == "" {
		same.VolumeName = ""
	}
	if o.StorageClassName == nil {
		// Who fills in the default class may do so later.
		same.StorageClassName = nil
	}
	if old.GetStatus().GetPhase() == "Bound" {
		same.VolumeAttributesClassName = o.VolumeAttributesClassName
		if size := o.GetResources().GetRequests()["storage"]; size != nil && same.GetResources().GetRequests() != nil {
			same.Resources.Requests["storage"] = size
		}
	}
	if !proto.Equal(same, o) {
		errs = append(errs, field.Forbidden(path,
			"spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims; delete the claim and create it again"))
	}
	at := path.Child("resources", "requests").Key("storage")
	size := func(text string) (resource.Quantity, bool) {
		q, err := resource.ParseQuantity(text)
		return q, err == nil
	}
	now, ok := size(n.GetResources().GetRequests()["storage"].GetString_())
	was, had := size(o.GetResources().GetRequests()["storage"].GetString_())
	if ok && had && now.Cmp(was) < 0 {
		// What was asked for and never given can be taken back.
		if given, ok := size(old.GetStatus().GetCapacity()["storage"].GetString_()); !ok || now.Cmp(given) <= 0 {
			errs = append(errs, field.Forbidden(at, "field can not be less than status.capacity: volumes do not shrink"))
		}
	}
	if old.GetStatus().GetCurrentVolumeAttributesClassName() != "" && o.GetVolumeAttributesClassName() != "" && n.GetVolumeAttributesClassName() == "" {
		errs = append(errs, field.Forbidden(path.Child("volumeAttributesClassName"), "cannot be removed once a class was applied"))
	}
	return errs
}

func validateClaimStatus(s *corev1.PersistentVolumeClaimStatus) field.ErrorList {
	path := field.NewPath("status")
	var errs field.ErrorList
	if s.GetPhase() != "" {
		errs = append(errs, oneOf(path.Child("phase"), s.GetPhase(), "Pending", "Bound", "Lost")...)
	}
	_, more := validateResourceList(s.GetCapacity(), path.Child("capacity"), nil)
	errs = append(errs, more...)
	_, more = validateResourceList(s.GetAllocatedResources(), path.Child("allocatedResources"), nil)
	errs = append(errs, more...)
	for name, word := range s.GetAllocatedResourceStatuses() {
		errs = append(errs, oneOf(path.Child("allocatedResourceStatuses").Key(name), word,
			"ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizePending", "NodeResizeInProgress", "NodeResizeInfeasible")...)
	}
	return errs
}
