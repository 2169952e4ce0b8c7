// Package volumes gives a pod its volumes: it makes them under the agent's root,
// keeps those made of API objects up to date, and removes them without a trace.
//
// It owns the pods' directories on disk (one per pod UID) and every mount below
// them, including the bind mounts of sub-paths, the managed hosts file and the
// termination log files. It starts no container, and does not decide when a pod is
// gone. It refuses volume types that need a driver (ErrUnsupported).
//
// A Manager may be used concurrently. Calls for one pod wait for each other; calls
// for different pods do not. Every call can be repeated, also after the process
// was killed at any point inside one: what is on disk is the only state.
package volumes

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/node/downward"
	"kaji.dev/kaji/node/env"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// ErrUnsupported is wrapped by the error for a volume type that this agent does
// not serve; repeating the call does not help.
var ErrUnsupported = errors.New("not supported by this agent")

// PodInfo is what the agent knows about the pod beyond its object.
type PodInfo = downward.PodInfo

// ConfigMapGetter reads one ConfigMap. A missing one is an error for which
// apierror.IsNotFound holds.
type ConfigMapGetter interface {
	Get(ctx context.Context, namespace, name string) (*corev1.ConfigMap, error)
}

// SecretGetter reads one Secret, like ConfigMapGetter.
type SecretGetter interface {
	Get(ctx context.Context, namespace, name string) (*corev1.Secret, error)
}

// TokenSource issues service account tokens that are bound to a pod.
type TokenSource interface {
	// Token gives a token for the audience (empty: the API server's own) that
	// lasts about that long. The source caches, so that it may be asked at every
	// refresh, and gives a new one well before the old one ends.
	Token(ctx context.Context, pod *corev1.Pod, audience string, lifetime time.Duration) (string, error)
}

// Config is what a Manager needs.
type Config struct {
	// Root is the agent's directory; pods live in Root/pods. Required, absolute.
	Root string
	// ConfigMaps and Secrets are where contents come from. Without one, volumes
	// that need it are an error.
	ConfigMaps ConfigMapGetter
	Secrets    SecretGetter
	// Tokens is optional; without it a projected serviceAccountToken is an error.
	Tokens TokenSource
	// DisableTmpfs keeps secrets in plain directories (mode 0700 above them) on a
	// host where the agent must not mount. When a mount is refused by the kernel,
	// secrets fall back to that by themselves; emptyDir with medium Memory fails.
	DisableTmpfs bool
}

// Validate says what is missing.
func (c *Config) Validate() error {
	if !filepath.IsAbs(c.Root) {
		return errors.New("volumes: Root must be an absolute path")
	}
	return nil
}

// Volume is a volume ready for use on this node.
type Volume struct {
	// Name is the volume's name in the pod.
	Name string
	// HostPath is the directory (or, for some hostPath types, file, socket or
	// device) to mount into containers.
	HostPath string
	// ReadOnly says that no container may write to it, whatever its mount says.
	ReadOnly bool
	// SELinuxRelabel says that the contents are the pod's own and may be relabelled.
	SELinuxRelabel bool
}

// Mount is where one of a container's volumeMounts really points.
type Mount struct {
	// HostPath is what the runtime mounts at the volumeMount's path: the volume,
	// or the bind mount made for its sub-path.
	HostPath string
	// ReadOnly is the volumeMount's wish, or forced by the volume.
	ReadOnly bool
	// SELinuxRelabel as in Volume.
	SELinuxRelabel bool
}

// KeyValue is a variable of the container's environment, for subPathExpr.
type KeyValue = env.KeyValue

// New makes a Manager and its directories. It mounts nothing.
func New(cfg Config, log hclog.Logger) (*Manager, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return newManager(cfg, log)
}
