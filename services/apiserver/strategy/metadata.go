package strategy

import (
	"fmt"
	"slices"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	v1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"google.golang.org/protobuf/proto"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

const (
	// maxAnnotationBytes bounds the keys and values of all annotations of an object together.
	maxAnnotationBytes = 256 << 10
	immutableMessage   = "field is immutable"

	finalizerOrphan     = "orphan"
	finalizerForeground = "foregroundDeletion"
)

// validateMetadata checks metadata that holds for every kind. The name was generated before.
func validateMetadata(m *metav1.ObjectMeta, namespaced bool, name nameRule, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if m.GenerateName != "" {
		errs = append(errs, each(path.Child("generateName"), m.GenerateName, name(m.GenerateName, true))...)
	}
	if m.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "name or generateName is required"))
	} else {
		errs = append(errs, each(path.Child("name"), m.Name, name(m.Name, false))...)
	}
	switch {
	case namespaced && m.Namespace == "":
		errs = append(errs, field.Required(path.Child("namespace"), ""))
	case namespaced:
		errs = append(errs, each(path.Child("namespace"), m.Namespace, labelName(m.Namespace, false))...)
	case m.Namespace != "":
		errs = append(errs, field.Forbidden(path.Child("namespace"), "not allowed on this type"))
	}
	errs = append(errs, nonNegative(path.Child("generation"), m.Generation)...)
	errs = append(errs, validateLabels(m.Labels, path.Child("labels"))...)
	errs = append(errs, validateAnnotations(m.Annotations, path.Child("annotations"))...)
	errs = append(errs, validateOwners(m.OwnerReferences, path.Child("ownerReferences"))...)
	errs = append(errs, validateFinalizers(m.Finalizers, path.Child("finalizers"))...)
	return errs
}

// validateMetadataUpdate checks what may not change in metadata. The registry has carried over uid and
// timestamps that the user left out.
func validateMetadataUpdate(new, old *metav1.ObjectMeta, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if old.DeletionTimestamp != nil {
		had := make(map[string]bool, len(old.Finalizers))
		for _, f := range old.Finalizers {
			had[f] = true
		}
		for _, f := range new.Finalizers {
			if !had[f] {
				errs = append(errs, field.Forbidden(path.Child("finalizers"),
					fmt.Sprintf("no new finalizers can be added if the object is being deleted, found new finalizer %q", f)))
			}
		}
	}
	immutable := func(name string, same bool, value any) {
		if !same {
			errs = append(errs, field.Invalid(path.Child(name), value, immutableMessage))
		}
	}
	immutable("name", new.Name == old.Name, new.Name)
	immutable("namespace", new.Namespace == old.Namespace, new.Namespace)
	immutable("uid", new.Uid == old.Uid, new.Uid)
	immutable("creationTimestamp", proto.Equal(new.CreationTimestamp, old.CreationTimestamp), new.CreationTimestamp.AsTime())
	immutable("deletionTimestamp", old.DeletionTimestamp == nil || proto.Equal(new.DeletionTimestamp, old.DeletionTimestamp),
		new.DeletionTimestamp.AsTime())
	if new.Generation < old.Generation {
		errs = append(errs, field.Invalid(path.Child("generation"), new.Generation, "must not be decremented"))
	}
	return errs
}

// validateLabels checks keys and values of labels.
func validateLabels(labels map[string]string, path *field.Path) field.ErrorList {
	if len(labels) == 0 {
		return nil
	}
	return v1validation.ValidateLabels(labels, path)
}

// validateAnnotations checks the keys of annotations and their size together.
func validateAnnotations(annotations map[string]string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	total := 0
	for k, v := range annotations {
		total += len(k) + len(v)
		errs = append(errs, each(path, k, validation.IsQualifiedName(strings.ToLower(k)))...)
	}
	if total > maxAnnotationBytes {
		errs = append(errs, field.TooLong(path, "", maxAnnotationBytes))
	}
	return errs
}

// validateOwners checks owner references: complete, at most one controller, and no Event among them.
func validateOwners(owners []*metav1.OwnerReference, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	controller := ""
	for i, o := range owners {
		at := path.Index(i)
		required := func(name, value string) {
			if value == "" {
				errs = append(errs, field.Required(at.Child(name), "must not be empty"))
			}
		}
		required("apiVersion", o.ApiVersion)
		if strings.Count(o.ApiVersion, "/") > 1 || strings.HasSuffix(o.ApiVersion, "/") {
			errs = append(errs, field.Invalid(at.Child("apiVersion"), o.ApiVersion, "must be <group>/<version> or <version>"))
		}
		required("kind", o.Kind)
		required("name", o.Name)
		required("uid", o.Uid)
		if o.Kind == "Event" && o.ApiVersion == "v1" {
			errs = append(errs, field.Invalid(at, o.Kind, "/v1, Kind=Event is disallowed from being an owner"))
		}
		if o.GetController() {
			this := o.Kind + "/" + o.Name
			if controller != "" {
				errs = append(errs, field.Invalid(path, this, fmt.Sprintf(
					"Only one reference can have Controller set to true. Found \"true\" in references for %s and %s", controller, this)))
			}
			controller = this
		}
	}
	return errs
}

// validateFinalizers checks names, and that an object is not both orphaning and deleting its dependents.
func validateFinalizers(finalizers []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, f := range finalizers {
		errs = append(errs, qualifiedName(path, f)...)
	}
	if slices.Contains(finalizers, finalizerOrphan) && slices.Contains(finalizers, finalizerForeground) {
		errs = append(errs, field.Invalid(path, finalizers,
			fmt.Sprintf("finalizer %s and %s cannot be both set", finalizerOrphan, finalizerForeground)))
	}
	return errs
}

// validateImmutable refuses any change of a part of an object.
func validateImmutable[M proto.Message](new, old M, path *field.Path) field.ErrorList {
	if proto.Equal(new, old) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, summary(new), apivalidation.FieldImmutableErrorMsg)}
}

// summary is a message as text for an error, cut when it is long.
func summary(m proto.Message) string {
	text := fmt.Sprint(m)
	if len(text) > 200 {
		return text[:200] + "…"
	}
	return text
}
