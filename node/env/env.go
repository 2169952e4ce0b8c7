// Package env makes a container's environment from its spec: envFrom, env with
// $(VAR) expansion, and every valueFrom.
//
// It owns the order of variables and what a missing reference means. It does not
// cache: the getters decide how fresh a ConfigMap or Secret is. It adds no
// variables of its own (none for Services). Resolve may be called concurrently if the
// getters may; the pod and the container are only read.
package env

import (
	"context"

	"kaji.dev/kaji/node/downward"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// KeyValue is one variable. A name occurs once in a resolved environment.
type KeyValue struct {
	Name  string
	Value string
}

// PodInfo is what the agent knows about the pod beyond its object.
type PodInfo = downward.PodInfo

// ConfigMapGetter reads one ConfigMap. A missing one is an error for which
// apierror.IsNotFound holds. (The SDK's typed client has this form.)
type ConfigMapGetter interface {
	Get(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error)
}

// SecretGetter reads one Secret, like ConfigMapGetter.
type SecretGetter interface {
	Get(ctx context.Context, namespace, name string) (*corev1.Secret, error)
}

// FileReader reads a file of one of the pod's volumes, for fileKeyRef. The
// volumes' manager is one. A missing file is an error for which
// errors.Is(err, fs.ErrNotExist) holds.
type FileReader interface {
	ReadVolumeFile(ctx context.Context, podUID, volume, path string, limit int64) ([]byte, error)
}

// Getters are where referenced values come from. Files may be nil: then
// fileKeyRef is an error.
type Getters struct {
	ConfigMaps ConfigMapGetter
	Secrets    SecretGetter
	Files      FileReader
}

// Resolve gives the environment of a container, in the order in which the spec
// first names each variable: envFrom (keys of one source sorted), then env. A
// later definition of a name replaces the value. An error means that the container
// cannot be made now (CreateContainerConfigError); it names the variable and the
// reference.
func Resolve(ctx context.Context, pod *corev1.Pod, container *corev1.Container, info PodInfo, getters Getters) ([]KeyValue, error) {
	r := &resolver{pod: pod, container: container, info: info, getters: getters, index: map[string]int{}}
	for _, from := range container.GetEnvFrom() {
		if err := r.addFrom(ctx, from); err != nil {
			return nil, err
		}
	}
	for _, v := range container.GetEnv() {
		if err := r.add(ctx, v); err != nil {
			return nil, err
		}
	}
	return r.vars, nil
}

// NeedsNetwork says whether the container's environment can only be resolved
// once the pod has its IP.
func NeedsNetwork(container *corev1.Container) bool {
	for _, v := range container.GetEnv() {
		if downward.NeedsNetwork(v.GetValueFrom().GetFieldRef().GetFieldPath()) {
			return true
		}
	}
	return false
}
