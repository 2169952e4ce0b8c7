package strategy

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func limitRangeRules() rules[*corev1.LimitRange] {
	return rules[*corev1.LimitRange]{
		defaults: func(l *corev1.LimitRange) {
			for _, i := range l.GetSpec().GetLimits() {
				if i.Type == "Container" {
					fillQuantities(&i.Default, i.Max)
					fillQuantities(&i.DefaultRequest, i.Default)
					fillQuantities(&i.DefaultRequest, i.Min)
				}
			}
		},
		validate: validateLimitRange,
	}
}

// fillQuantities sets what is not there yet.
func fillQuantities(to *map[string]*metav1.Quantity, from map[string]*metav1.Quantity) {
	for name, q := range from {
		if _, ok := (*to)[name]; ok {
			continue
		}
		if *to == nil {
			*to = map[string]*metav1.Quantity{}
		}
		(*to)[name] = proto.CloneOf(q)
	}
}

func validateLimitRange(l *corev1.LimitRange) field.ErrorList {
	var errs field.ErrorList
	seen := map[string]bool{}
	for i, item := range l.GetSpec().GetLimits() {
		at := field.NewPath("spec", "limits").Index(i)
		if item.Type == "" {
			errs = append(errs, field.Required(at.Child("type"), "Pod, Container or PersistentVolumeClaim"))
		} else {
			errs = append(errs, qualifiedName(at.Child("type"), item.Type)...)
		}
		if seen[item.Type] {
			errs = append(errs, field.Duplicate(at.Child("type"), item.Type))
		}
		seen[item.Type] = true
		read := func(name string, list map[string]*metav1.Quantity) map[string]resource.Quantity {
			out, more := validateResourceList(list, at.Child(name), nil)
			errs = append(errs, more...)
			return out
		}
		most, least := read("max", item.Max), read("min", item.Min)
		usual, asked := read("default", item.Default), read("defaultRequest", item.DefaultRequest)
		ratio := read("maxLimitRequestRatio", item.MaxLimitRequestRatio)
		if item.Type == "Pod" && len(usual)+len(asked) > 0 {
			errs = append(errs, field.Forbidden(at.Child("default"), "may not be specified when `type` is 'Pod'"))
		}
		order := func(lowName string, low map[string]resource.Quantity, highName string, high map[string]resource.Quantity) {
			for name, q := range low {
				if h, ok := high[name]; ok && q.Cmp(h) > 0 {
					errs = append(errs, field.Invalid(at.Child(lowName).Key(name), q.String(), fmt.Sprintf("must not be greater than %s, %s", highName, h.String())))
				}
			}
		}
		order("min", least, "max", most)
		order("min", least, "defaultRequest", asked)
		order("min", least, "default", usual)
		order("defaultRequest", asked, "default", usual)
		order("defaultRequest", asked, "max", most)
		order("default", usual, "max", most)
		for name, q := range ratio {
			if q.Cmp(resource.MustParse("1")) < 0 {
				errs = append(errs, field.Invalid(at.Child("maxLimitRequestRatio").Key(name), q.String(), "must be at least 1"))
			}
		}
		if item.Type == "PersistentVolumeClaim" && item.Min["storage"] == nil && item.Max["storage"] == nil {
			errs = append(errs, field.Required(at.Child("limits"), "either minimum or maximum storage value is required, but neither was provided"))
		}
	}
	return errs
}
