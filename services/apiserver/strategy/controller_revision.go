package strategy

import (
	"bytes"
	"encoding/json"

	"k8s.io/apimachinery/pkg/util/validation/field"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
)

func controllerRevisionRules() rules[*appsv1.ControllerRevision] {
	return rules[*appsv1.ControllerRevision]{
		validate: func(r *appsv1.ControllerRevision) field.ErrorList {
			errs := nonNegative(field.NewPath("revision"), r.Revision)
			var data map[string]any
			if err := json.Unmarshal(r.GetData().GetRaw(), &data); err != nil || data == nil {
				errs = append(errs, field.Required(field.NewPath("data"), "data must be a JSON object"))
			}
			return errs
		},
		validateUpdate: func(new, old *appsv1.ControllerRevision) field.ErrorList {
			if bytes.Equal(new.GetData().GetRaw(), old.GetData().GetRaw()) {
				return nil
			}
			return field.ErrorList{field.Invalid(field.NewPath("data"), field.OmitValueType{}, immutableMessage)}
		},
	}
}
