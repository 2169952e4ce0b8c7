package strategy

import (
	"strconv"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func validateTolerations(tolerations []*corev1.Toleration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, t := range tolerations {
		at := path.Index(i)
		if t.Key != "" {
			errs = append(errs, qualifiedName(at.Child("key"), t.Key)...)
		}
		if t.Key == "" && t.Operator != "Exists" {
			errs = append(errs, field.Invalid(at.Child("operator"), t.Operator,
				"operator must be Exists when `key` is empty, which means \"match all values and all keys\""))
		}
		if t.TolerationSeconds != nil && t.Effect != "NoExecute" {
			errs = append(errs, field.Invalid(at.Child("effect"), t.Effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
		}
		switch t.Operator {
		case "Equal", "":
			errs = append(errs, each(at.Child("operator"), t.Value, validation.IsValidLabelValue(t.Value))...)
		case "Exists":
			if t.Value != "" {
				errs = append(errs, field.Invalid(at.Child("operator"), t.Value, "value must be empty when `operator` is 'Exists'"))
			}
		case "Lt", "Gt":
			if _, err := strconv.ParseInt(t.Value, 10, 64); err != nil {
				errs = append(errs, field.Invalid(at.Child("value"), t.Value, "value must be an integer when `operator` is 'Lt' or 'Gt'"))
			}
		default:
			errs = append(errs, field.NotSupported(at.Child("operator"), t.Operator, []string{"Equal", "Exists", "Gt", "Lt"}))
		}
		errs = append(errs, validateTaintEffect(t.Effect, true, at.Child("effect"))...)
	}
	return errs
}

// sameToleration compares all of two tolerations but for how long they last.
func sameToleration(a, b *corev1.Toleration) bool {
	return a.Key == b.Key && a.Operator == b.Operator && a.Value == b.Value && a.Effect == b.Effect
}

// keepsTolerations says whether every toleration of old is still there; how long it lasts may have changed
// for NoExecute.
func keepsTolerations(new, old []*corev1.Toleration) bool {
	for _, o := range old {
		found := false
		for _, n := range new {
			if proto.Equal(n, o) || (sameToleration(n, o) && n.Effect == "NoExecute") {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
