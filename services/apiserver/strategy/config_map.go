package strategy

import (
	"bytes"
	"maps"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// maxDataBytes bounds what a ConfigMap or a Secret holds in all its keys together.
const maxDataBytes = 1 << 20

func configMapRules() rules[*corev1.ConfigMap] {
	return rules[*corev1.ConfigMap]{validate: validateConfigMap, validateUpdate: validateConfigMapUpdate}
}

func validateConfigMap(c *corev1.ConfigMap) field.ErrorList {
	var errs field.ErrorList
	total := 0
	for k, v := range c.Data {
		errs = append(errs, dataKey(field.NewPath("data").Key(k), k)...)
		if _, ok := c.BinaryData[k]; ok {
			errs = append(errs, field.Invalid(field.NewPath("data").Key(k), k, "duplicate of key present in binaryData"))
		}
		total += len(v)
	}
	for k, v := range c.BinaryData {
		errs = append(errs, dataKey(field.NewPath("binaryData").Key(k), k)...)
		total += len(v)
	}
	if total > maxDataBytes {
		errs = append(errs, field.TooLong(field.NewPath("data"), "", maxDataBytes))
	}
	return errs
}

func dataKey(path *field.Path, key string) field.ErrorList {
	return each(path, key, validation.IsConfigMapKey(key))
}

func validateConfigMapUpdate(new, old *corev1.ConfigMap) field.ErrorList {
	if !old.GetImmutable() {
		return nil
	}
	const why = "field is immutable when `immutable` is set"
	var errs field.ErrorList
	if !new.GetImmutable() {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), why))
	}
	if !maps.Equal(new.Data, old.Data) {
		errs = append(errs, field.Forbidden(field.NewPath("data"), why))
	}
	if !maps.EqualFunc(new.BinaryData, old.BinaryData, bytes.Equal) {
		errs = append(errs, field.Forbidden(field.NewPath("binaryData"), why))
	}
	return errs
}
