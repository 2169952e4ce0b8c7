package pods

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/env"
	"kaji.dev/kaji/node/images"
	"kaji.dev/kaji/node/logs"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods/plan"
	"kaji.dev/kaji/node/volumes"
)

// The reasons for which a container does not start, besides those of images.
const (
	reasonConfig    = "CreateContainerConfigError"
	reasonCreate    = "CreateContainerError"
	reasonRun       = "RunContainerError"
	reasonPostStart = "PostStartHookError"
)

type startInput struct {
	pod     *corev1.Pod
	volumes map[string]volumes.Volume
	ips     []string
	target  string
}

// startContainer goes from the image to the postStart hook without a pause.
func (a *actor) startContainer(wait, work context.Context, in startInput, act plan.StartContainer) outcome {
	c, name := act.Container, act.Container.GetName()
	event := func(warning bool, reason, message string) { a.event(in.pod, name, warning, reason, message) }
	image, err := a.m.cfg.Images.Ensure(wait, in.pod, c, event)
	if err != nil {
		var typed *images.Error
		if errors.As(err, &typed) {
			return outcome{err: &failure{reason: typed.Reason, message: typed.Message, slow: true, cause: err}}
		}
		return outcome{err: err}
	}
	cfg, box, err := a.containerConfig(wait, in, act, image)
	if err != nil {
		if wait.Err() == nil {
			event(true, "Failed", "Error: "+err.Error())
		}
		return outcome{err: &failure{reason: reasonConfig, message: err.Error(), cause: err}}
	}
	release, err := a.slot(wait)
	if err != nil {
		return outcome{err: err}
	}
	seen, failed := a.createAndStart(work, in.pod, cfg, box, act)
	release()
	a.m.cfg.Lister.Acted()
	put := func(a *actor) {
		if seen.ID != "" {
			a.putContainer(seen)
		}
	}
	if failed != nil {
		return outcome{err: failed, apply: put}
	}
	if c.GetLifecycle().GetPostStart() == nil {
		return outcome{apply: put}
	}
	a.post(func(a *actor) { a.lastOp = a.m.cfg.Clock.Now(); put(a) })
	return a.postStart(wait, work, in, act, seen)
}

// createAndStart gives the container as it is then, if there is one.
func (a *actor) createAndStart(ctx context.Context, pod *corev1.Pod, cfg *containerconfig.Container, box *containerconfig.Sandbox, act plan.StartContainer) (observed.Container, error) {
	name := act.Container.GetName()
	id, err := a.m.cfg.Runtime.CreateContainer(ctx, act.SandboxID, cfg, box)
	if err != nil {
		a.m.cfg.Images.Forget(act.Container.GetImage())
		a.event(pod, name, true, "Failed", "Error: "+cri.Message(err))
		a.m.cfg.Lister.Wake(a.uid)
		return observed.Container{}, &failure{reason: reasonCreate, message: cri.Message(err), cause: err}
	}
	a.event(pod, name, false, "Created", "Container created")
	started := a.m.cfg.Runtime.StartContainer(ctx, id)
	seen, err := a.m.cfg.Runtime.Container(ctx, id)
	seen.SandboxID = act.SandboxID
	if err != nil {
		seen = observed.Container{}
		a.m.cfg.Lister.Wake(a.uid)
	}
	if started != nil {
		a.event(pod, name, true, "Failed", "Error: "+cri.Message(started))
		return seen, &failure{reason: reasonRun, message: cri.Message(started), cause: started}
	}
	a.event(pod, name, false, "Started", "Container started")
	return seen, err
}

// containerConfig gathers what the container's configuration is made of.
func (a *actor) containerConfig(ctx context.Context, in startInput, act plan.StartContainer, image containerconfig.Image) (*containerconfig.Container, *containerconfig.Sandbox, error) {
	c := act.Container
	info := a.m.cfg.Info
	info.PodIPs = in.ips
	vars, err := env.Resolve(ctx, in.pod, c, info, a.m.cfg.Env)
	if err != nil {
		return nil, nil, err
	}
	mounts, err := a.m.cfg.Volumes.ContainerMounts(ctx, in.pod, c, in.volumes, vars)
	if err != nil {
		return nil, nil, err
	}
	hosts, err := a.hosts(in)
	if err != nil {
		return nil, nil, err
	}
	termination, err := a.m.cfg.Volumes.TerminationLog(a.uid, c.GetName(), act.Attempt)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := a.m.cfg.Containers.Container(in.pod, c, containerconfig.ContainerInput{
		Attempt: act.Attempt, Image: image, Env: vars, Mounts: mounts,
		HostsPath: hosts, TerminationLogPath: termination, TargetID: in.target,
	})
	if err != nil {
		return nil, nil, err
	}
	cfg.Annotations[observed.AnnotationResources] = plan.MadeWith(c)
	cfg.Annotations[observed.AnnotationBackoff] = strconv.FormatInt(int64(act.Backoff/time.Second), 10)
	box, err := a.sandboxConfig(in.pod, 0)
	if err != nil {
		return nil, nil, err
	}
	return cfg, box, os.MkdirAll(filepath.Join(box.LogDirectory, c.GetName()), 0o755)
}

// hosts writes the pod's /etc/hosts.
func (a *actor) hosts(in startInput) (string, error) {
	var own []byte
	if in.pod.GetSpec().GetHostNetwork() {
		own, _ = os.ReadFile(a.m.cfg.HostsFile) // a host without one has nothing to add
	}
	content, err := a.m.cfg.Containers.HostsFile(in.pod, in.ips, string(own))
	if err != nil {
		return "", err
	}
	return a.m.cfg.Volumes.WriteHosts(a.uid, content)
}

// postStart runs the hook; a container whose hook fails is ended.
func (a *actor) postStart(wait, work context.Context, in startInput, act plan.StartContainer, seen observed.Container) outcome {
	name := act.Container.GetName()
	err := a.m.cfg.Probes.RunPostStart(wait, podRef(in.pod), act.Container, seen.ID, first(in.ips))
	if err == nil || wait.Err() != nil {
		return outcome{}
	}
	a.event(in.pod, name, true, "FailedPostStartHook", "PostStartHook failed: "+err.Error())
	grace := time.Duration(in.pod.GetSpec().GetTerminationGracePeriodSeconds()) * time.Second
	stop, cancel := context.WithTimeout(work, grace+longest)
	defer cancel()
	if err := a.m.cfg.Runtime.StopContainer(stop, seen.ID, grace); err != nil {
		a.log.Warn("cannot stop a container whose postStart hook failed", "container", name, "error", err)
	}
	out := a.inspectContainer(work, seen.ID, act.Container.GetTerminationMessagePolicy())
	out.err = &failure{reason: reasonPostStart, message: err.Error(), cause: err}
	return out
}

func (a *actor) inspectContainer(ctx context.Context, id, policy string) outcome {
	c, err := a.m.cfg.Runtime.Container(ctx, id)
	switch {
	case cri.IsNotFound(err):
		return outcome{apply: func(a *actor) { a.dropContainer(id) }}
	case err != nil:
		return outcome{err: err}
	}
	if c.State == observed.Exited {
		a.lastWords(&c, policy)
	}
	return outcome{apply: func(a *actor) { a.putContainer(c) }}
}

// lastWords fills in a container's termination message.
func (a *actor) lastWords(c *observed.Container, policy string) {
	text, err := a.m.cfg.Volumes.ReadTerminationLog(a.uid, c.Name, c.Attempt)
	if err != nil {
		a.log.Debug("no termination message", "container", c.Name, "error", err)
	}
	if text == "" && policy == "FallbackToLogsOnError" && c.ExitCode != 0 && c.LogPath != "" {
		text = logTail(c.LogPath)
	}
	if text != "" {
		c.Message = text
	}
}

type stopInput struct {
	pod       *corev1.Pod
	container *corev1.Container
	ip        string
	hook      bool
}

// stopContainer runs the preStop hook and asks the container to end. Both share
// the time until the deadline.
func (a *actor) stopContainer(wait, work context.Context, in stopInput, act plan.StopContainer) outcome {
	a.event(in.pod, act.Name, false, act.Reason, act.Message)
	if in.hook {
		ctx, cancel := context.WithTimeout(wait, act.Deadline.Sub(a.m.cfg.Clock.Now()))
		err := a.m.cfg.Probes.RunPreStop(ctx, podRef(in.pod), in.container, act.ID, in.ip)
		cancel()
		if wait.Err() != nil {
			return outcome{err: wait.Err()}
		}
		if err != nil {
			a.event(in.pod, act.Name, true, "FailedPreStopHook", err.Error())
		}
	}
	grace := max(act.Deadline.Sub(a.m.cfg.Clock.Now()), act.Least, 0)
	ctx, cancel := context.WithTimeout(wait, grace+longest)
	defer cancel()
	if err := a.m.cfg.Runtime.StopContainer(ctx, act.ID, grace); err != nil && !cri.IsNotFound(err) {
		return outcome{err: err}
	}
	work, done := context.WithTimeout(context.WithoutCancel(work), longest) // work is as old as the stop
	defer done()
	return a.inspectContainer(work, act.ID, in.container.GetTerminationMessagePolicy())
}

func (a *actor) removeContainer(ctx context.Context, act plan.RemoveContainer, pod *corev1.Pod) outcome {
	if err := a.m.cfg.Runtime.RemoveContainer(ctx, act.ID); err != nil && !cri.IsNotFound(err) {
		return outcome{err: err}
	}
	if pod != nil && !act.KeepLog {
		a.removeLogs(filepath.Join(a.m.cfg.Containers.LogDirectory(pod), containerconfig.LogPath(act.Name, act.Attempt)))
	}
	return outcome{apply: func(a *actor) { a.dropContainer(act.ID) }}
}

// What of a log stands in for a termination message, as in Kubernetes.
const (
	wordsLines = 80
	wordsBytes = 2048
)

func logTail(path string) string { return logs.Tail(path, wordsLines, wordsBytes) }

func (a *actor) removeLogs(path string) {
	if err := logs.Remove(path); err != nil {
		a.log.Warn("cannot remove a log", "path", path, "error", err)
	}
}
