package strategy

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	networkingv1 "kaji.dev/kaji/gen/kaji/networking/v1"
)

func ingressRules() rules[*networkingv1.Ingress] {
	return rules[*networkingv1.Ingress]{
		validate:      validateIngress,
		prepareCreate: func(i *networkingv1.Ingress) { i.Status = &networkingv1.IngressStatus{} },
	}
}

func validateIngress(i *networkingv1.Ingress) field.ErrorList {
	path, s := field.NewPath("spec"), i.GetSpec()
	var errs field.ErrorList
	if len(s.GetRules()) == 0 && s.GetDefaultBackend() == nil {
		errs = append(errs, field.Invalid(path, summary(s), "either `defaultBackend` or `rules` must be specified"))
	}
	if s.GetDefaultBackend() != nil {
		errs = append(errs, validateIngressBackend(s.GetDefaultBackend(), path.Child("defaultBackend"))...)
	}
	if s != nil && s.IngressClassName != nil {
		errs = append(errs, each(path.Child("ingressClassName"), s.GetIngressClassName(), subdomainName(s.GetIngressClassName(), false))...)
	}
	for n, t := range s.GetTls() {
		for j, h := range t.Hosts {
			errs = append(errs, validateIngressHost(h, path.Child("tls").Index(n).Child("hosts").Index(j))...)
		}
		if t.SecretName != "" {
			errs = append(errs, each(path.Child("tls").Index(n).Child("secretName"), t.SecretName, subdomainName(t.SecretName, false))...)
		}
	}
	for n, r := range s.GetRules() {
		at := path.Child("rules").Index(n)
		if r.Host != "" {
			errs = append(errs, validateIngressHost(r.Host, at.Child("host"))...)
		}
		http := r.GetIngressRuleValue().GetHttp()
		if http == nil {
			continue
		}
		if len(http.Paths) == 0 {
			errs = append(errs, field.Required(at.Child("http", "paths"), ""))
		}
		for j, p := range http.Paths {
			errs = append(errs, validateIngressPath(p, at.Child("http", "paths").Index(j))...)
		}
	}
	return errs
}

func validateIngressHost(host string, path *field.Path) field.ErrorList {
	if strings.Contains(host, "*") {
		return each(path, host, validation.IsWildcardDNS1123Subdomain(host))
	}
	return each(path, host, validation.IsDNS1123Subdomain(host))
}

func validateIngressPath(p *networkingv1.HTTPIngressPath, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch p.GetPathType() {
	case "":
		errs = append(errs, field.Required(at.Child("pathType"), "pathType must be specified"))
	case "Exact", "Prefix":
		if !strings.HasPrefix(p.Path, "/") {
			errs = append(errs, field.Invalid(at.Child("path"), p.Path, "must be an absolute path"))
		}
		for _, bad := range []string{"//", "/./", "/../", "%2f", "%2F"} {
			if strings.Contains(p.Path, bad) {
				errs = append(errs, field.Invalid(at.Child("path"), p.Path, "must not contain '"+bad+"'"))
			}
		}
		for _, bad := range []string{"/..", "/."} {
			if strings.HasSuffix(p.Path, bad) {
				errs = append(errs, field.Invalid(at.Child("path"), p.Path, "cannot end with '"+bad+"'"))
			}
		}
	case "ImplementationSpecific":
		if p.Path != "" && !strings.HasPrefix(p.Path, "/") {
			errs = append(errs, field.Invalid(at.Child("path"), p.Path, "must be an absolute path"))
		}
	default:
		errs = append(errs, oneOf(at.Child("pathType"), p.GetPathType(), "Exact", "ImplementationSpecific", "Prefix")...)
	}
	return append(errs, validateIngressBackend(p.Backend, at.Child("backend"))...)
}

func validateIngressBackend(b *networkingv1.IngressBackend, path *field.Path) field.ErrorList {
	service, resource := b.GetService(), b.GetResource()
	switch {
	case service != nil && resource != nil:
		return field.ErrorList{field.Invalid(path, field.OmitValueType{}, "cannot set both resource and service backends")}
	case resource != nil:
		var errs field.ErrorList
		if resource.Kind == "" {
			errs = append(errs, field.Required(path.Child("resource", "kind"), ""))
		}
		if resource.Name == "" {
			errs = append(errs, field.Required(path.Child("resource", "name"), ""))
		}
		return errs
	case service == nil:
		return field.ErrorList{field.Required(path, "service or resource backend is required")}
	}
	at := path.Child("service")
	var errs field.ErrorList
	if service.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	} else {
		errs = append(errs, each(at.Child("name"), service.Name, serviceName(service.Name, false))...)
	}
	name, number := service.GetPort().GetName(), service.GetPort().GetNumber()
	switch {
	case name != "" && number != 0:
		errs = append(errs, field.Invalid(at.Child("port"), name, "cannot set both port name & port number"))
	case name != "":
		errs = append(errs, each(at.Child("port", "name"), name, validation.IsValidPortName(name))...)
	case number != 0:
		errs = append(errs, validatePortNumber(number, at.Child("port", "number"))...)
	default:
		errs = append(errs, field.Required(at.Child("port"), "port name or number is required"))
	}
	return errs
}

func ingressClassRules() rules[*networkingv1.IngressClass] {
	return rules[*networkingv1.IngressClass]{
		defaults: func(c *networkingv1.IngressClass) {
			if p := c.GetSpec().GetParameters(); p != nil {
				setDefaultPtr(&p.Scope, "Cluster")
			}
		},
		validate: func(c *networkingv1.IngressClass) field.ErrorList {
			path, s := field.NewPath("spec"), c.GetSpec()
			var errs field.ErrorList
			if len(s.GetController()) > 250 {
				errs = append(errs, field.TooLong(path.Child("controller"), "", 250))
			}
			errs = append(errs, validation.IsDomainPrefixedPath(path.Child("controller"), s.GetController())...)
			p := s.GetParameters()
			if p == nil {
				return errs
			}
			at := path.Child("parameters")
			if p.Kind == "" {
				errs = append(errs, field.Required(at.Child("kind"), ""))
			}
			if p.Name == "" {
				errs = append(errs, field.Required(at.Child("name"), ""))
			}
			errs = append(errs, oneOf(at.Child("scope"), p.GetScope(), "Cluster", "Namespace")...)
			switch {
			case p.GetScope() == "Namespace" && p.GetNamespace() == "":
				errs = append(errs, field.Required(at.Child("namespace"), "`parameters.scope` is set to 'Namespace'"))
			case p.GetScope() == "Cluster" && p.GetNamespace() != "":
				errs = append(errs, field.Forbidden(at.Child("namespace"), "`parameters.scope` is set to 'Cluster'"))
			}
			return errs
		},
		validateUpdate: func(new, old *networkingv1.IngressClass) field.ErrorList {
			if new.GetSpec().GetController() == old.GetSpec().GetController() {
				return nil
			}
			return field.ErrorList{field.Invalid(field.NewPath("spec", "controller"), new.GetSpec().GetController(), immutableMessage)}
		},
	}
}
