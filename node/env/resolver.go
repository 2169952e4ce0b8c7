package env

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/node/downward"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// resolver builds one environment. Objects that several variables name are read once,
// so that one environment never mixes two versions of an object.
type resolver struct {
	pod       *corev1.Pod
	container *corev1.Container
	info      PodInfo
	getters   Getters

	vars       []KeyValue
	index      map[string]int // name → position in vars
	configMaps map[string]*corev1.ConfigMap
	secrets    map[string]*corev1.Secret
}

func (r *resolver) set(name, value string) {
	if i, ok := r.index[name]; ok {
		r.vars[i].Value = value
		return
	}
	r.index[name] = len(r.vars)
	r.vars = append(r.vars, KeyValue{Name: name, Value: value})
}

func (r *resolver) lookup(name string) (string, bool) {
	i, ok := r.index[name]
	if !ok {
		return "", false
	}
	return r.vars[i].Value, true
}

func (r *resolver) addFrom(ctx context.Context, from *corev1.EnvFromSource) error {
	data := map[string]string{}
	switch {
	case from.GetConfigMapRef() != nil:
		ref := from.GetConfigMapRef()
		cm, err := r.configMap(ctx, ref.GetLocalObjectReference().GetName())
		if err != nil {
			if ref.GetOptional() && apierror.IsNotFound(err) {
				return nil
			}
			return fmt.Errorf("envFrom: %w", err)
		}
		data = cm.GetData()
	case from.GetSecretRef() != nil:
		ref := from.GetSecretRef()
		secret, err := r.secret(ctx, ref.GetLocalObjectReference().GetName())
		if err != nil {
			if ref.GetOptional() && apierror.IsNotFound(err) {
				return nil
			}
			return fmt.Errorf("envFrom: %w", err)
		}
		for k, v := range secret.GetData() {
			data[k] = string(v)
		}
	}
	keys := make([]string, 0, len(data))
	for k := range data {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		name := from.GetPrefix() + k
		if !validName(name) {
			continue // as in Kubernetes, a key that cannot be a variable is left out
		}
		r.set(name, data[k])
	}
	return nil
}

func (r *resolver) add(ctx context.Context, v *corev1.EnvVar) error {
	if !validName(v.GetName()) {
		return fmt.Errorf("env %q is not a name of a variable", v.GetName())
	}
	if v.GetValueFrom() == nil || v.GetValue() != "" {
		r.set(v.GetName(), ExpandString(v.GetValue(), r.lookup))
		return nil
	}
	value, found, err := r.valueFrom(ctx, v.GetValueFrom())
	if err != nil {
		return fmt.Errorf("env %s: %w", v.GetName(), err)
	}
	if found {
		r.set(v.GetName(), value)
	}
	return nil
}

// valueFrom reports found = false for an optional reference to nothing: the
// variable is then not set at all.
func (r *resolver) valueFrom(ctx context.Context, from *corev1.EnvVarSource) (value string, found bool, err error) {
	switch {
	case from.GetFieldRef() != nil:
		value, err = downward.Field(r.pod, r.info, from.GetFieldRef().GetFieldPath())
		return value, true, err
	case from.GetResourceFieldRef() != nil:
		value, err = downward.Resource(r.pod, r.container, from.GetResourceFieldRef(), r.info)
		return value, true, err
	case from.GetConfigMapKeyRef() != nil:
		return r.configMapKey(ctx, from.GetConfigMapKeyRef())
	case from.GetSecretKeyRef() != nil:
		return r.secretKey(ctx, from.GetSecretKeyRef())
	case from.GetFileKeyRef() != nil:
		return r.fileKey(ctx, from.GetFileKeyRef())
	}
	return "", false, errors.New("valueFrom names no source")
}

func (r *resolver) configMapKey(ctx context.Context, ref *corev1.ConfigMapKeySelector) (string, bool, error) {
	cm, err := r.configMap(ctx, ref.GetLocalObjectReference().GetName())
	if err != nil {
		if ref.GetOptional() && apierror.IsNotFound(err) {
			return "", false, nil
		}
		return "", false, err
	}
	value, ok := cm.GetData()[ref.GetKey()]
	if !ok && !ref.GetOptional() {
		return "", false, fmt.Errorf("configmap %q has no key %q", ref.GetLocalObjectReference().GetName(), ref.GetKey())
	}
	return value, ok, nil
}

func (r *resolver) secretKey(ctx context.Context, ref *corev1.SecretKeySelector) (string, bool, error) {
	secret, err := r.secret(ctx, ref.GetLocalObjectReference().GetName())
	if err != nil {
		if ref.GetOptional() && apierror.IsNotFound(err) {
			return "", false, nil
		}
		return "", false, err
	}
	value, ok := secret.GetData()[ref.GetKey()]
	if !ok && !ref.GetOptional() {
		return "", false, fmt.Errorf("secret %q has no key %q", ref.GetLocalObjectReference().GetName(), ref.GetKey())
	}
	return string(value), ok, nil
}

func (r *resolver) fileKey(ctx context.Context, ref *corev1.FileKeySelector) (string, bool, error) {
	if r.getters.Files == nil {
		return "", false, errors.New("fileKeyRef is not supported by this agent")
	}
	data, err := r.getters.Files.ReadVolumeFile(ctx, r.pod.GetMetadata().GetUid(), ref.GetVolumeName(), ref.GetPath(), maxEnvFile)
	if err != nil {
		if ref.GetOptional() && errors.Is(err, fs.ErrNotExist) {
			return "", false, nil
		}
		return "", false, fmt.Errorf("file %q of volume %q: %w", ref.GetPath(), ref.GetVolumeName(), err)
	}
	value, ok, err := envFileValue(data, ref.GetKey())
	if err != nil {
		return "", false, fmt.Errorf("file %q of volume %q: %w", ref.GetPath(), ref.GetVolumeName(), err)
	}
	if !ok && !ref.GetOptional() {
		return "", false, fmt.Errorf("file %q of volume %q has no key %q", ref.GetPath(), ref.GetVolumeName(), ref.GetKey())
	}
	return value, ok, nil
}

func (r *resolver) configMap(ctx context.Context, name string) (*corev1.ConfigMap, error) {
	if cm, ok := r.configMaps[name]; ok {
		return cm, nil
	}
	if r.getters.ConfigMaps == nil {
		return nil, fmt.Errorf("configmap %q: this agent cannot read ConfigMaps", name)
	}
	cm, err := r.getters.ConfigMaps.Get(ctx, r.pod.GetMetadata().GetNamespace(), name)
	if err != nil {
		return nil, fmt.Errorf("configmap %q: %w", name, err)
	}
	if r.configMaps == nil {
		r.configMaps = map[string]*corev1.ConfigMap{}
	}
	r.configMaps[name] = cm
	return cm, nil
}

func (r *resolver) secret(ctx context.Context, name string) (*corev1.Secret, error) {
	if s, ok := r.secrets[name]; ok {
		return s, nil
	}
	if r.getters.Secrets == nil {
		return nil, fmt.Errorf("secret %q: this agent cannot read Secrets", name)
	}
	s, err := r.getters.Secrets.Get(ctx, r.pod.GetMetadata().GetNamespace(), name)
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", name, err)
	}
	if r.secrets == nil {
		r.secrets = map[string]*corev1.Secret{}
	}
	r.secrets[name] = s
	return s, nil
}

// validName accepts what an environment block can hold: no '=' and no NUL.
func validName(name string) bool {
	return name != "" && !strings.ContainsAny(name, "=\x00")
}
