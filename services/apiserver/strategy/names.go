package strategy

import (
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// nameRule says what is wrong with a name, or with the beginning of one when prefix is true.
type nameRule func(name string, prefix bool) []string

// subdomainName is the rule for most kinds: dots and dashes, at most 253 characters.
func subdomainName(name string, prefix bool) []string {
	return apivalidation.NameIsDNSSubdomain(name, prefix)
}

// labelName is the rule for namespaces: one DNS label.
func labelName(name string, prefix bool) []string {
	return apivalidation.NameIsDNSLabel(name, prefix)
}

// serviceName is the rule for services: Kubernetes 1.37 takes any DNS label, so a digit may come first.
func serviceName(name string, prefix bool) []string {
	return apivalidation.NameIsDNSLabel(name, prefix)
}

// each makes one Invalid error of every message.
func each(path *field.Path, value any, msgs []string) field.ErrorList {
	var errs field.ErrorList
	for _, m := range msgs {
		errs = append(errs, field.Invalid(path, value, m))
	}
	return errs
}

// qualifiedName checks a label key: an optional DNS prefix, a slash, and a name.
func qualifiedName(path *field.Path, value string) field.ErrorList {
	return each(path, value, validation.IsQualifiedName(value))
}

// oneOf checks that value is one of a closed set.
func oneOf(path *field.Path, value string, allowed ...string) field.ErrorList {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return field.ErrorList{field.NotSupported(path, value, allowed)}
}

// relativePath checks a path that must stay below where it is mounted.
func relativePath(path *field.Path, value string) field.ErrorList {
	if strings.HasPrefix(value, "/") {
		return field.ErrorList{field.Invalid(path, value, "must be a relative path")}
	}
	return noBackSteps(path, value)
}

// noBackSteps refuses ".." as an element of a path.
func noBackSteps(path *field.Path, value string) field.ErrorList {
	for _, part := range strings.Split(value, "/") {
		if part == ".." {
			return field.ErrorList{field.Invalid(path, value, "must not contain '..'")}
		}
	}
	return nil
}

// nonNegative checks a number that counts something.
func nonNegative(path *field.Path, value int64) field.ErrorList {
	if value < 0 {
		return field.ErrorList{field.Invalid(path, value, "must be greater than or equal to 0")}
	}
	return nil
}
