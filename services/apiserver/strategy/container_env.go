package strategy

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/quantity"
)

// Fields of a pod that its containers can be told, by variable and by file.
var (
	envFieldPaths = []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
	}
	fileFieldPaths    = []string{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"}
	containerResource = []string{
		"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory",
	}
)

func validateEnv(env []*corev1.EnvVar, volumes map[string]*corev1.Volume, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, e := range env {
		at := path.Index(i)
		if e.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else {
			errs = append(errs, each(at.Child("name"), e.Name, validation.IsRelaxedEnvVarName(e.Name))...)
		}
		if e.ValueFrom != nil {
			errs = append(errs, validateEnvSource(e, volumes, at.Child("valueFrom"))...)
		}
	}
	return errs
}

func validateEnvSource(e *corev1.EnvVar, volumes map[string]*corev1.Volume, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	src, n := e.ValueFrom, 0
	if f := src.FieldRef; f != nil {
		n++
		errs = append(errs, validateFieldRef(f, envFieldPaths, path.Child("fieldRef"))...)
	}
	if r := src.ResourceFieldRef; r != nil {
		n++
		errs = append(errs, validateResourceFieldRef(r, false, path.Child("resourceFieldRef"))...)
	}
	if c := src.ConfigMapKeyRef; c != nil {
		n++
		errs = append(errs, validateKeyRef(c.GetLocalObjectReference().GetName(), c.Key, path.Child("configMapKeyRef"))...)
	}
	if s := src.SecretKeyRef; s != nil {
		n++
		errs = append(errs, validateKeyRef(s.GetLocalObjectReference().GetName(), s.Key, path.Child("secretKeyRef"))...)
	}
	if f := src.FileKeyRef; f != nil {
		n++
		errs = append(errs, validateFileKeyRef(f, volumes, path.Child("fileKeyRef"))...)
	}
	switch {
	case n == 0:
		errs = append(errs, field.Invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"))
	case e.Value != "":
		errs = append(errs, field.Invalid(path, "", "may not be specified when `value` is not empty"))
	case n > 1:
		errs = append(errs, field.Invalid(path, "", "may not have more than one field specified at a time"))
	}
	return errs
}

func validateKeyRef(name, key string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if name != "" {
		errs = append(errs, each(path.Child("name"), name, subdomainName(name, false))...)
	}
	if key == "" {
		return append(errs, field.Required(path.Child("key"), ""))
	}
	return append(errs, dataKey(path.Child("key"), key)...)
}

func validateFileKeyRef(f *corev1.FileKeySelector, volumes map[string]*corev1.Volume, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if f.Key == "" {
		errs = append(errs, field.Required(path.Child("key"), ""))
	} else {
		errs = append(errs, each(path.Child("key"), f.Key, validation.IsRelaxedEnvVarName(f.Key))...)
	}
	if f.Path == "" {
		errs = append(errs, field.Required(path.Child("path"), ""))
	} else {
		errs = append(errs, relativePath(path.Child("path"), f.Path)...)
	}
	v, ok := volumes[f.VolumeName]
	switch {
	case f.VolumeName == "":
		errs = append(errs, field.Required(path.Child("volumeName"), ""))
	case !ok:
		errs = append(errs, field.NotFound(path.Child("volumeName"), f.VolumeName))
	case v.GetVolumeSource().GetEmptyDir() == nil:
		errs = append(errs, field.Invalid(path.Child("volumeName"), f.VolumeName, "referenced volume must be an emptyDir volume"))
	}
	return errs
}

// validateFieldRef checks a reference to a field of the pod against the ones that may be told; of labels and
// annotations, one key may be named.
func validateFieldRef(f *corev1.ObjectFieldSelector, allowed []string, path *field.Path) field.ErrorList {
	if f.ApiVersion == "" {
		return field.ErrorList{field.Required(path.Child("apiVersion"), "")}
	}
	if f.ApiVersion != "v1" {
		return field.ErrorList{field.NotSupported(path.Child("apiVersion"), f.ApiVersion, []string{"v1"})}
	}
	if f.FieldPath == "" {
		return field.ErrorList{field.Required(path.Child("fieldPath"), "")}
	}
	base, key, subscript := splitSubscript(f.FieldPath)
	at := path.Child("fieldPath")
	if !subscript {
		if slices.Contains(allowed, f.FieldPath) {
			return nil
		}
		return field.ErrorList{field.NotSupported(at, f.FieldPath, append(slices.Clone(allowed), "metadata.labels['<KEY>']", "metadata.annotations['<KEY>']"))}
	}
	switch base {
	case "metadata.annotations":
		return each(at, f.FieldPath, validation.IsQualifiedName(strings.ToLower(key)))
	case "metadata.labels":
		return each(at, f.FieldPath, validation.IsQualifiedName(key))
	default:
		return field.ErrorList{field.Invalid(at, f.FieldPath, "does not support subscript")}
	}
}

// splitSubscript takes metadata.labels['app'] apart.
func splitSubscript(s string) (base, key string, ok bool) {
	base, rest, found := strings.Cut(s, "['")
	if !found || !strings.HasSuffix(rest, "']") {
		return s, "", false
	}
	return base, strings.TrimSuffix(rest, "']"), true
}

func validateResourceFieldRef(r *corev1.ResourceFieldSelector, inVolume bool, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if inVolume && r.ContainerName == "" {
		errs = append(errs, field.Required(path.Child("containerName"), ""))
	}
	switch {
	case r.Resource == "":
		return append(errs, field.Required(path.Child("resource"), ""))
	case strings.HasPrefix(r.Resource, "limits.hugepages-"), strings.HasPrefix(r.Resource, "requests.hugepages-"):
	case !slices.Contains(containerResource, r.Resource):
		errs = append(errs, field.NotSupported(path.Child("resource"), r.Resource, containerResource))
	}
	return append(errs, validateDivisor(r.Resource, r.Divisor, path.Child("divisor"))...)
}

// validateDivisor checks the unit in which an amount is told: of cpu 1m or 1, of bytes 1 and the powers below Ei.
func validateDivisor(name string, divisor *metav1.Quantity, path *field.Path) field.ErrorList {
	if divisor.GetString_() == "" {
		return nil
	}
	q, err := quantity.ParseText(divisor.String_)
	if err != nil {
		return field.ErrorList{field.Invalid(path, divisor.String_, err.Error())}
	}
	if q.IsZero() {
		return nil
	}
	units := []string{"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"}
	if strings.HasSuffix(name, ".cpu") {
		units = []string{"1m", "1"}
	}
	return oneOf(path, q.String(), units...)
}

func validateEnvFrom(sources []*corev1.EnvFromSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, s := range sources {
		at := path.Index(i)
		if s.Prefix != "" {
			errs = append(errs, each(at.Child("prefix"), s.Prefix, validation.IsRelaxedEnvVarName(s.Prefix))...)
		}
		named := func(what, name string) {
			if name == "" {
				errs = append(errs, field.Required(at.Child(what, "name"), ""))
			} else {
				errs = append(errs, each(at.Child(what, "name"), name, subdomainName(name, false))...)
			}
		}
		switch {
		case s.ConfigMapRef != nil && s.SecretRef != nil:
			errs = append(errs, field.Invalid(at, "", "may not have more than one field specified at a time"))
		case s.ConfigMapRef != nil:
			named("configMapRef", s.ConfigMapRef.GetLocalObjectReference().GetName())
		case s.SecretRef != nil:
			named("secretRef", s.SecretRef.GetLocalObjectReference().GetName())
		default:
			errs = append(errs, field.Invalid(at, "", "must specify one of: `configMapRef` or `secretRef`"))
		}
	}
	return errs
}
