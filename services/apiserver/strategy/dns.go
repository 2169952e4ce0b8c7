package strategy

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// What resolvers of the C library take, and no more.
const (
	maxNameservers      = 3
	maxSearchDomains    = 32
	maxSearchCharacters = 2048
)

func validateDNSConfig(c *corev1.PodDNSConfig, policy string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("dnsConfig")
	if policy == "None" && len(c.GetNameservers()) == 0 {
		errs = append(errs, field.Required(at.Child("nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None"))
	}
	if c == nil {
		return errs
	}
	if n := len(c.Nameservers); n > maxNameservers {
		errs = append(errs, field.Invalid(at.Child("nameservers"), c.Nameservers, fmt.Sprintf("must not have more than %d nameservers", maxNameservers)))
	}
	for i, ns := range c.Nameservers {
		errs = append(errs, validation.IsValidIPForLegacyField(at.Child("nameservers").Index(i), ns, false, nil)...)
	}
	if len(c.Searches) > maxSearchDomains {
		errs = append(errs, field.Invalid(at.Child("searches"), c.Searches, fmt.Sprintf("must not have more than %d search paths", maxSearchDomains)))
	}
	if len(strings.Join(c.Searches, " ")) > maxSearchCharacters {
		errs = append(errs, field.Invalid(at.Child("searches"), c.Searches, fmt.Sprintf("must not have more than %d characters (including spaces) in the search list", maxSearchCharacters)))
	}
	for i, s := range c.Searches {
		if s == "." {
			continue
		}
		errs = append(errs, each(at.Child("searches").Index(i), s, validation.IsDNS1123SubdomainWithUnderscore(strings.TrimSuffix(s, ".")))...)
	}
	for i, o := range c.Options {
		errs = append(errs, required(o.Name, at.Child("options").Index(i).Child("name"))...)
	}
	return errs
}

func validateHostAliases(aliases []*corev1.HostAlias, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, a := range aliases {
		at := path.Index(i)
		errs = append(errs, validation.IsValidIPForLegacyField(at.Child("ip"), a.Ip, false, nil)...)
		for j, h := range a.Hostnames {
			errs = append(errs, each(at.Child("hostnames").Index(j), h, validation.IsDNS1123Subdomain(h))...)
		}
	}
	return errs
}
