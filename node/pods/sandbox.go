package pods

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods/plan"
)

// sandboxConfig is the pod's sandbox as the runtime is asked for it.
func (a *actor) sandboxConfig(pod *corev1.Pod, attempt uint32) (*containerconfig.Sandbox, error) {
	cfg, err := a.m.cfg.Containers.Sandbox(pod, containerconfig.SandboxInput{Attempt: attempt})
	if err != nil {
		return nil, err
	}
	annotations := maps.Clone(cfg.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	if pod.GetSpec().TerminationGracePeriodSeconds != nil {
		annotations[observed.AnnotationGrace] = strconv.FormatInt(pod.GetSpec().GetTerminationGracePeriodSeconds(), 10)
	}
	cfg.Annotations = annotations
	return cfg, nil
}

func (a *actor) createSandbox(wait, ctx context.Context, pod *corev1.Pod, act plan.CreateSandbox) outcome {
	refuse := func(err error) outcome {
		a.event(pod, "", true, "FailedCreatePodSandBox", "Failed to create pod sandbox: "+cri.Message(err))
		return outcome{err: err}
	}
	cfg, err := a.sandboxConfig(pod, act.Attempt)
	if err != nil {
		return refuse(err)
	}
	handler := ""
	if name := pod.GetSpec().GetRuntimeClassName(); name != "" {
		if handler, err = a.m.cfg.Classes.Handler(name); err != nil {
			return refuse(err)
		}
	}
	if err := os.MkdirAll(cfg.LogDirectory, 0o755); err != nil {
		return refuse(err)
	}
	release, err := a.slot(wait)
	if err != nil {
		return outcome{err: err}
	}
	defer release()
	id, err := a.m.cfg.Runtime.RunSandbox(ctx, cfg, handler)
	if err != nil {
		return refuse(err)
	}
	a.m.cfg.Lister.Acted()
	b, err := a.m.cfg.Runtime.Sandbox(ctx, id)
	if err != nil {
		return outcome{err: err, apply: func(a *actor) { a.m.cfg.Lister.Wake(a.uid) }}
	}
	return outcome{apply: func(a *actor) { a.putSandbox(b) }}
}

func (a *actor) inspectSandbox(ctx context.Context, id string) outcome {
	b, err := a.m.cfg.Runtime.Sandbox(ctx, id)
	switch {
	case cri.IsNotFound(err):
		return outcome{apply: func(a *actor) { a.dropSandbox(id) }}
	case err != nil:
		return outcome{err: err}
	}
	return outcome{apply: func(a *actor) { a.putSandbox(b) }}
}

func (a *actor) stopSandbox(ctx context.Context, id string) outcome {
	if err := a.m.cfg.Runtime.StopSandbox(ctx, id); err != nil && !cri.IsNotFound(err) {
		return outcome{err: err}
	}
	return outcome{apply: func(a *actor) {
		for i := range a.state.Seen.Sandboxes {
			if a.state.Seen.Sandboxes[i].ID == id {
				a.state.Seen.Sandboxes[i].Ready = false
			}
		}
	}}
}

func (a *actor) removeSandbox(ctx context.Context, id string) outcome {
	if err := a.m.cfg.Runtime.RemoveSandbox(ctx, id); err != nil && !cri.IsNotFound(err) {
		return outcome{err: err}
	}
	return outcome{apply: func(a *actor) { a.dropSandbox(id) }}
}

func (a *actor) mountVolumes(ctx context.Context, pod *corev1.Pod) outcome {
	info := a.m.cfg.Info
	made, err := a.m.cfg.Volumes.Mount(ctx, pod, info)
	if err != nil {
		if ctx.Err() == nil {
			a.event(pod, "", true, "FailedMount", "MountVolume.SetUp failed: "+err.Error())
		}
		return outcome{err: err}
	}
	return outcome{apply: func(a *actor) {
		a.state.Mounted, a.volumes = true, made
		a.refresh = a.m.cfg.Clock.Now().Add(a.m.cfg.Refresh)
	}}
}

// refreshVolumes brings the contents of volumes up to date. That it fails is no
// harm: what is there stays.
func (a *actor) refreshVolumes(ctx context.Context, pod *corev1.Pod, ips []string) outcome {
	info := a.m.cfg.Info
	info.PodIPs = ips
	if err := a.m.cfg.Volumes.Refresh(ctx, pod, info); err != nil && ctx.Err() == nil {
		a.log.Debug("volumes could not be refreshed", "error", err)
	}
	return outcome{}
}

func refreshable(pod *corev1.Pod) bool {
	for _, v := range pod.GetSpec().GetVolumes() {
		src := v.GetVolumeSource()
		if src.GetConfigMap() != nil || src.GetSecret() != nil || src.GetDownwardApi() != nil || src.GetProjected() != nil {
			return true
		}
	}
	return false
}

// removeDirectories removes what is left of the pod on disk.
func (a *actor) removeDirectories(ctx context.Context, pod *corev1.Pod, seen observed.Pod) outcome {
	if err := a.m.cfg.Volumes.Unmount(ctx, a.uid); err != nil {
		return outcome{err: err}
	}
	dirs, err := filepath.Glob(filepath.Join(a.m.cfg.Containers.LogRoot, "*_"+a.uid))
	if err != nil || strings.ContainsAny(a.uid, `*?[\/`) {
		return outcome{err: fmt.Errorf("log directories of %q: %w", a.uid, err)}
	}
	if pod != nil {
		dirs = append(dirs, a.m.cfg.Containers.LogDirectory(pod))
	}
	for _, d := range dirs {
		if err := os.RemoveAll(d); err != nil {
			return outcome{err: err}
		}
	}
	return outcome{apply: func(a *actor) { a.state.Removed, a.state.Mounted = true, false }}
}
