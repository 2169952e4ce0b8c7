package strategy

import (
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation/field"

	rbacv1 "kaji.dev/kaji/gen/kaji/rbac/v1"
)

const rbacGroup = "rbac.authorization.k8s.io"

// roleName lets roles have names with colons, as system:node.
func roleName(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}

func roleRules() rules[*rbacv1.Role] {
	return rules[*rbacv1.Role]{
		name:     roleName,
		validate: func(r *rbacv1.Role) field.ErrorList { return validatePolicyRules(r.Rules, true) },
	}
}

func clusterRoleRules() rules[*rbacv1.ClusterRole] {
	return rules[*rbacv1.ClusterRole]{
		name: roleName,
		validate: func(r *rbacv1.ClusterRole) field.ErrorList {
			errs := validatePolicyRules(r.Rules, false)
			if a := r.AggregationRule; a != nil {
				at := field.NewPath("aggregationRule", "clusterRoleSelectors")
				if len(a.ClusterRoleSelectors) == 0 {
					errs = append(errs, field.Required(at, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
				}
				for i, s := range a.ClusterRoleSelectors {
					errs = append(errs, validateSelector(s, at.Index(i))...)
				}
			}
			return errs
		},
	}
}

func validatePolicyRules(rules []*rbacv1.PolicyRule, namespaced bool) field.ErrorList {
	var errs field.ErrorList
	for i, r := range rules {
		at := field.NewPath("rules").Index(i)
		if len(r.Verbs) == 0 {
			errs = append(errs, field.Required(at.Child("verbs"), "verbs must contain at least one value"))
		}
		if len(r.NonResourceUrls) > 0 {
			if namespaced {
				errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), r.NonResourceUrls, "namespaced rules cannot apply to non-resource URLs"))
			}
			if len(r.ApiGroups)+len(r.Resources)+len(r.ResourceNames) > 0 {
				errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), r.NonResourceUrls, "rules cannot apply to both regular resources and non-resource URLs"))
			}
			continue
		}
		if len(r.ApiGroups) == 0 {
			errs = append(errs, field.Required(at.Child("apiGroups"), "resource rules must supply at least one api group; \"\" is core"))
		}
		if len(r.Resources) == 0 {
			errs = append(errs, field.Required(at.Child("resources"), "resource rules must supply at least one resource"))
		}
	}
	return errs
}

func roleBindingRules() rules[*rbacv1.RoleBinding] {
	return rules[*rbacv1.RoleBinding]{
		name:     roleName,
		defaults: func(b *rbacv1.RoleBinding) { defaultBinding(b.RoleRef, b.Subjects) },
		validate: func(b *rbacv1.RoleBinding) field.ErrorList {
			return validateBinding(b.RoleRef, b.Subjects, "ClusterRole", "Role")
		},
		validateUpdate: func(new, old *rbacv1.RoleBinding) field.ErrorList {
			return validateRoleRefUpdate(new.RoleRef, old.RoleRef)
		},
	}
}

func clusterRoleBindingRules() rules[*rbacv1.ClusterRoleBinding] {
	return rules[*rbacv1.ClusterRoleBinding]{
		name:     roleName,
		defaults: func(b *rbacv1.ClusterRoleBinding) { defaultBinding(b.RoleRef, b.Subjects) },
		validate: func(b *rbacv1.ClusterRoleBinding) field.ErrorList {
			return validateBinding(b.RoleRef, b.Subjects, "ClusterRole")
		},
		validateUpdate: func(new, old *rbacv1.ClusterRoleBinding) field.ErrorList {
			return validateRoleRefUpdate(new.RoleRef, old.RoleRef)
		},
	}
}

func defaultBinding(ref *rbacv1.RoleRef, subjects []*rbacv1.Subject) {
	if ref != nil {
		setDefault(&ref.ApiGroup, rbacGroup)
	}
	for _, s := range subjects {
		if s.Kind == "User" || s.Kind == "Group" {
			setDefault(&s.ApiGroup, rbacGroup)
		}
	}
}

func validateBinding(ref *rbacv1.RoleRef, subjects []*rbacv1.Subject, kinds ...string) field.ErrorList {
	at := field.NewPath("roleRef")
	errs := oneOf(at.Child("apiGroup"), ref.GetApiGroup(), rbacGroup)
	errs = append(errs, oneOf(at.Child("kind"), ref.GetKind(), kinds...)...)
	if ref.GetName() == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	} else {
		errs = append(errs, each(at.Child("name"), ref.GetName(), roleName(ref.GetName(), false))...)
	}
	for i, s := range subjects {
		at := field.NewPath("subjects").Index(i)
		if s.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		switch s.Kind {
		case "ServiceAccount":
			errs = append(errs, oneOf(at.Child("apiGroup"), s.ApiGroup, "")...)
			if s.Name != "" {
				errs = append(errs, each(at.Child("name"), s.Name, subdomainName(s.Name, false))...)
			}
			if s.Namespace == "" {
				errs = append(errs, field.Required(at.Child("namespace"), ""))
			}
		case "User", "Group":
			errs = append(errs, oneOf(at.Child("apiGroup"), s.ApiGroup, rbacGroup)...)
		default:
			errs = append(errs, oneOf(at.Child("kind"), s.Kind, "Group", "ServiceAccount", "User")...)
		}
	}
	return errs
}

func validateRoleRefUpdate(new, old *rbacv1.RoleRef) field.ErrorList {
	if new.GetApiGroup() == old.GetApiGroup() && new.GetKind() == old.GetKind() && new.GetName() == old.GetName() {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("roleRef"), summary(new), "cannot change roleRef; delete the binding and create it again")}
}
