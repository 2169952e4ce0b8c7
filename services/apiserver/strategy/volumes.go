package strategy

import (
	"path"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/quantity"
)

// validateVolumes checks a pod's volumes and returns them by name.
func validateVolumes(s *corev1.PodSpec, at *field.Path) (map[string]*corev1.Volume, field.ErrorList) {
	var errs field.ErrorList
	byName := make(map[string]*corev1.Volume, len(s.Volumes))
	for i, v := range s.Volumes {
		here := at.Index(i)
		switch {
		case v.Name == "":
			errs = append(errs, field.Required(here.Child("name"), ""))
		case byName[v.Name] != nil:
			errs = append(errs, field.Duplicate(here.Child("name"), v.Name))
		default:
			errs = append(errs, each(here.Child("name"), v.Name, validation.IsDNS1123Label(v.Name))...)
			byName[v.Name] = v
		}
		errs = append(errs, validateVolumeSource(v, here)...)
	}
	return byName, errs
}

// validateVolumeSource checks that there is one source, and that it is complete.
func validateVolumeSource(v *corev1.Volume, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	s := v.VolumeSource
	if s == nil {
		return field.ErrorList{field.Required(at, "must specify a volume type")}
	}
	n := 0
	for fds, i := s.ProtoReflect().Descriptor().Fields(), 0; i < fds.Len(); i++ {
		if !s.ProtoReflect().Has(fds.Get(i)) {
			continue
		}
		n++
		if n > 1 {
			errs = append(errs, field.Forbidden(at.Child(fds.Get(i).JSONName()), "may not specify more than 1 volume type"))
		}
	}
	if n == 0 {
		errs = append(errs, field.Required(at, "must specify a volume type"))
	}
	if e := s.EmptyDir; e != nil {
		errs = append(errs, validateEmptyDir(e, at.Child("emptyDir"))...)
	}
	if h := s.HostPath; h != nil {
		errs = append(errs, validateHostPath(h, at.Child("hostPath"))...)
	}
	if c := s.ConfigMap; c != nil {
		here := at.Child("configMap")
		errs = append(errs, required(c.GetLocalObjectReference().GetName(), here.Child("name"))...)
		errs = append(errs, validateFileMode(c.DefaultMode, here.Child("defaultMode"))...)
		errs = append(errs, validateItems(c.Items, here.Child("items"))...)
	}
	if c := s.Secret; c != nil {
		here := at.Child("secret")
		errs = append(errs, required(c.SecretName, here.Child("secretName"))...)
		errs = append(errs, validateFileMode(c.DefaultMode, here.Child("defaultMode"))...)
		errs = append(errs, validateItems(c.Items, here.Child("items"))...)
	}
	if d := s.DownwardApi; d != nil {
		here := at.Child("downwardAPI")
		errs = append(errs, validateFileMode(d.DefaultMode, here.Child("defaultMode"))...)
		errs = append(errs, validateDownward(d.Items, here.Child("items"))...)
	}
	if p := s.Projected; p != nil {
		errs = append(errs, validateProjected(p, at.Child("projected"))...)
	}
	if p := s.PersistentVolumeClaim; p != nil {
		errs = append(errs, required(p.ClaimName, at.Child("persistentVolumeClaim", "claimName"))...)
	}
	if i := s.Image; i != nil {
		here := at.Child("image")
		errs = append(errs, required(i.Reference, here.Child("reference"))...)
		errs = append(errs, oneOf(here.Child("pullPolicy"), i.PullPolicy, "Always", "IfNotPresent", "Never")...)
	}
	if e := s.Ephemeral; e != nil {
		errs = append(errs, validateEphemeralVolume(e, at.Child("ephemeral"))...)
	}
	return append(errs, validateRemoteVolume(s, at)...)
}

func required(value string, at *field.Path) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	return nil
}

func validateEmptyDir(e *corev1.EmptyDirVolumeSource, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if e.Medium != "" && e.Medium != "Memory" && e.Medium != "HugePages" && !strings.HasPrefix(e.Medium, "HugePages-") {
		errs = append(errs, field.NotSupported(at.Child("medium"), e.Medium, []string{"", "Memory", "HugePages", "HugePages-<size>"}))
	}
	if e.SizeLimit != nil {
		q, err := quantity.ParseText(e.SizeLimit.String_)
		switch {
		case err != nil:
			errs = append(errs, field.Invalid(at.Child("sizeLimit"), e.SizeLimit.String_, err.Error()))
		case q.Sign() < 0:
			errs = append(errs, field.Forbidden(at.Child("sizeLimit"), "SizeLimit field must be a valid resource quantity, zero or more"))
		}
	}
	if e.Mode != nil && (*e.Mode < 0 || *e.Mode > 0o1777) {
		errs = append(errs, field.Invalid(at.Child("mode"), *e.Mode, "must be a number between 0 and 01777 (octal), both inclusive"))
	}
	return errs
}

func validateHostPath(h *corev1.HostPathVolumeSource, at *field.Path) field.ErrorList {
	errs := required(h.Path, at.Child("path"))
	errs = append(errs, noBackSteps(at.Child("path"), h.Path)...)
	if h.Type != nil {
		errs = append(errs, oneOf(at.Child("type"), *h.Type, "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")...)
	}
	return errs
}

func validateFileMode(mode *int32, at *field.Path) field.ErrorList {
	if mode != nil && (*mode < 0 || *mode > 0o777) {
		return field.ErrorList{field.Invalid(at, *mode, "must be a number between 0 and 0777 (octal), both inclusive")}
	}
	return nil
}

func validateItems(items []*corev1.KeyToPath, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, item := range items {
		here := at.Index(i)
		errs = append(errs, required(item.Key, here.Child("key"))...)
		errs = append(errs, validateFilePath(item.Path, here.Child("path"))...)
		errs = append(errs, validateFileMode(item.Mode, here.Child("mode"))...)
	}
	return errs
}

// validateFilePath checks where a file goes within its volume.
func validateFilePath(p string, at *field.Path) field.ErrorList {
	if p == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	errs := relativePath(at, p)
	if strings.HasPrefix(p, "..") && !strings.HasPrefix(p, "../") && p != ".." {
		errs = append(errs, field.Invalid(at, p, "must not start with '..'"))
	}
	return errs
}

func validateDownward(items []*corev1.DownwardAPIVolumeFile, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, item := range items {
		here := at.Index(i)
		errs = append(errs, validateFilePath(item.Path, here.Child("path"))...)
		switch {
		case item.FieldRef != nil && item.ResourceFieldRef != nil:
			errs = append(errs, field.Invalid(here, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
		case item.FieldRef != nil:
			errs = append(errs, validateFieldRef(item.FieldRef, fileFieldPaths, here.Child("fieldRef"))...)
		case item.ResourceFieldRef != nil:
			errs = append(errs, validateResourceFieldRef(item.ResourceFieldRef, true, here.Child("resourceFieldRef"))...)
		default:
			errs = append(errs, field.Required(here, "one of fieldRef and resourceFieldRef is required"))
		}
		errs = append(errs, validateFileMode(item.Mode, here.Child("mode"))...)
	}
	return errs
}

// validateProjected checks a volume made of several sources: each complete, no two writing the same file.
func validateProjected(p *corev1.ProjectedVolumeSource, at *field.Path) field.ErrorList {
	errs := validateFileMode(p.DefaultMode, at.Child("defaultMode"))
	files := map[string]bool{}
	file := func(name string, here *field.Path) {
		if name == "" {
			return
		}
		name = path.Clean(name)
		if files[name] {
			errs = append(errs, field.Invalid(here, name, "conflicting duplicate paths"))
		}
		files[name] = true
	}
	for i, s := range p.Sources {
		here := at.Child("sources").Index(i)
		n := 0
		s.ProtoReflect().Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool { n++; return true })
		if n > 1 { // none is fine, and adds nothing
			errs = append(errs, field.Forbidden(here, "may not specify more than 1 volume type per source"))
		}
		if c := s.ConfigMap; c != nil {
			errs = append(errs, required(c.GetLocalObjectReference().GetName(), here.Child("configMap", "name"))...)
			errs = append(errs, validateItems(c.Items, here.Child("configMap", "items"))...)
			for j, item := range c.Items {
				file(item.Path, here.Child("configMap", "items").Index(j).Child("path"))
			}
		}
		if c := s.Secret; c != nil {
			errs = append(errs, required(c.GetLocalObjectReference().GetName(), here.Child("secret", "name"))...)
			errs = append(errs, validateItems(c.Items, here.Child("secret", "items"))...)
			for j, item := range c.Items {
				file(item.Path, here.Child("secret", "items").Index(j).Child("path"))
			}
		}
		if d := s.DownwardApi; d != nil {
			errs = append(errs, validateDownward(d.Items, here.Child("downwardAPI", "items"))...)
			for j, item := range d.Items {
				file(item.Path, here.Child("downwardAPI", "items").Index(j).Child("path"))
			}
		}
		if t := s.ServiceAccountToken; t != nil {
			errs = append(errs, validateFilePath(t.Path, here.Child("serviceAccountToken", "path"))...)
			file(t.Path, here.Child("serviceAccountToken", "path"))
			if e := t.ExpirationSeconds; e != nil && (*e < 600 || *e > 1<<32) {
				errs = append(errs, field.Invalid(here.Child("serviceAccountToken", "expirationSeconds"), *e, "must be between 600 (10 minutes) and 1<<32"))
			}
		}
		if c := s.ClusterTrustBundle; c != nil {
			errs = append(errs, validateTrustBundle(c, here.Child("clusterTrustBundle"))...)
			file(c.Path, here.Child("clusterTrustBundle", "path"))
		}
		if c := s.PodCertificate; c != nil {
			errs = append(errs, validatePodCertificate(c, here.Child("podCertificate"))...)
			file(c.CredentialBundlePath, here.Child("podCertificate", "credentialBundlePath"))
			file(c.KeyPath, here.Child("podCertificate", "keyPath"))
			file(c.CertificateChainPath, here.Child("podCertificate", "certificateChainPath"))
		}
	}
	return errs
}

func validateTrustBundle(c *corev1.ClusterTrustBundleProjection, at *field.Path) field.ErrorList {
	errs := validateFilePath(c.Path, at.Child("path"))
	switch {
	case c.GetName() != "" && c.GetSignerName() != "":
		errs = append(errs, field.Invalid(at, c.GetName(), "only one of name and signerName may be used"))
	case c.GetName() == "" && c.GetSignerName() == "":
		errs = append(errs, field.Required(at, "either name or signerName must be specified"))
	case c.GetName() != "" && c.LabelSelector != nil:
		errs = append(errs, field.Invalid(at.Child("labelSelector"), "", "labelSelector must be unset if name is specified"))
	}
	return append(errs, validateSelector(c.LabelSelector, at.Child("labelSelector"))...)
}

func validatePodCertificate(c *corev1.PodCertificateProjection, at *field.Path) field.ErrorList {
	errs := required(c.SignerName, at.Child("signerName"))
	errs = append(errs, oneOf(at.Child("keyType"), c.KeyType, "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519", "RSA3072", "RSA4096")...)
	if m := c.MaxExpirationSeconds; m != nil && (*m < 3600 || *m > 91*24*3600) {
		errs = append(errs, field.Invalid(at.Child("maxExpirationSeconds"), *m, "must be between 3600 (one hour) and 7862400 (91 days)"))
	}
	if c.CredentialBundlePath == "" && c.KeyPath == "" && c.CertificateChainPath == "" {
		errs = append(errs, field.Required(at, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"))
	}
	for name, p := range map[string]string{"credentialBundlePath": c.CredentialBundlePath, "keyPath": c.KeyPath, "certificateChainPath": c.CertificateChainPath} {
		if p != "" {
			errs = append(errs, validateFilePath(p, at.Child(name))...)
		}
	}
	return append(errs, validateAnnotations(c.UserAnnotations, at.Child("userAnnotations"))...)
}

func validateEphemeralVolume(e *corev1.EphemeralVolumeSource, at *field.Path) field.ErrorList {
	if e.VolumeClaimTemplate == nil {
		return field.ErrorList{field.Required(at.Child("volumeClaimTemplate"), "")}
	}
	here := at.Child("volumeClaimTemplate", "spec")
	spec := e.VolumeClaimTemplate.GetSpec()
	errs := validateLabels(e.VolumeClaimTemplate.GetMetadata().GetLabels(), at.Child("volumeClaimTemplate", "metadata", "labels"))
	return append(errs, validateClaimSpec(spec, here)...)
}
