package strategy

import (
	"bytes"
	"encoding/json"
	"maps"

	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// Types of Secrets whose content is checked.
const (
	secretOpaque              = "Opaque"
	secretServiceAccountToken = "kubernetes.io/service-account-token"
	secretDockercfg           = "kubernetes.io/dockercfg"
	secretDockerConfigJSON    = "kubernetes.io/dockerconfigjson"
	secretBasicAuth           = "kubernetes.io/basic-auth"
	secretSSHAuth             = "kubernetes.io/ssh-auth"
	secretTLS                 = "kubernetes.io/tls"
)

// serviceAccountNameAnnotation says whose token a token secret holds.
const serviceAccountNameAnnotation = "kubernetes.io/service-account.name"

func secretRules() rules[*corev1.Secret] {
	return rules[*corev1.Secret]{
		defaults:       defaultSecret,
		validate:       validateSecret,
		validateUpdate: validateSecretUpdate,
	}
}

// defaultSecret moves stringData, which is only ever written, into data.
func defaultSecret(s *corev1.Secret) {
	setDefault(&s.Type, secretOpaque)
	if len(s.StringData) == 0 {
		return
	}
	if s.Data == nil {
		s.Data = make(map[string][]byte, len(s.StringData))
	}
	for k, v := range s.StringData {
		s.Data[k] = []byte(v)
	}
	s.StringData = nil
}

func validateSecret(s *corev1.Secret) field.ErrorList {
	var errs field.ErrorList
	data := field.NewPath("data")
	total := 0
	for k, v := range s.Data {
		errs = append(errs, dataKey(data.Key(k), k)...)
		total += len(v)
	}
	if total > maxDataBytes {
		errs = append(errs, field.TooLong(data, "", maxDataBytes))
	}
	required := func(key string) bool {
		_, ok := s.Data[key]
		if !ok {
			errs = append(errs, field.Required(data.Key(key), ""))
		}
		return ok
	}
	switch s.Type {
	case secretServiceAccountToken:
		if s.GetMetadata().GetAnnotations()[serviceAccountNameAnnotation] == "" {
			errs = append(errs, field.Required(field.NewPath("metadata", "annotations").Key(serviceAccountNameAnnotation), ""))
		}
	case secretDockercfg:
		if required(".dockercfg") {
			errs = append(errs, validateJSON(data.Key(".dockercfg"), s.Data[".dockercfg"])...)
		}
	case secretDockerConfigJSON:
		if required(".dockerconfigjson") {
			errs = append(errs, validateJSON(data.Key(".dockerconfigjson"), s.Data[".dockerconfigjson"])...)
		}
	case secretBasicAuth:
		_, user := s.Data["username"]
		_, password := s.Data["password"]
		if !user && !password {
			errs = append(errs, field.Required(data.Key("username"), ""), field.Required(data.Key("password"), ""))
		}
	case secretSSHAuth:
		if len(s.Data["ssh-privatekey"]) == 0 {
			errs = append(errs, field.Required(data.Key("ssh-privatekey"), ""))
		}
	case secretTLS:
		required("tls.crt")
		required("tls.key")
	}
	return errs
}

func validateJSON(path *field.Path, value []byte) field.ErrorList {
	if json.Valid(value) {
		return nil
	}
	return field.ErrorList{field.Invalid(path, "<secret contents redacted>", "must be valid JSON")}
}

func validateSecretUpdate(new, old *corev1.Secret) field.ErrorList {
	var errs field.ErrorList
	if new.Type != old.Type {
		errs = append(errs, field.Invalid(field.NewPath("type"), new.Type, immutableMessage))
	}
	if !old.GetImmutable() {
		return errs
	}
	const why = "field is immutable when `immutable` is set"
	if !new.GetImmutable() {
		errs = append(errs, field.Forbidden(field.NewPath("immutable"), why))
	}
	if !maps.EqualFunc(new.Data, old.Data, bytes.Equal) {
		errs = append(errs, field.Forbidden(field.NewPath("data"), why))
	}
	return errs
}
