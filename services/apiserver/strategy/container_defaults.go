package strategy

import (
	"google.golang.org/protobuf/proto"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// defaultContainer fills in a container of a pod or of a template.
func defaultContainer(c *corev1.Container) {
	if c.ImagePullPolicy == "" {
		c.ImagePullPolicy = pullPolicyFor(c.Image)
	}
	setDefault(&c.TerminationMessagePath, "/dev/termination-log")
	setDefault(&c.TerminationMessagePolicy, "File")
	for _, p := range c.Ports {
		setDefault(&p.Protocol, "TCP")
	}
	for _, e := range c.Env {
		if f := e.GetValueFrom().GetFieldRef(); f != nil {
			setDefault(&f.ApiVersion, "v1")
		}
		if f := e.GetValueFrom().GetFileKeyRef(); f != nil && f.Optional == nil {
			f.Optional = proto.Bool(false)
		}
	}
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		defaultProbe(p)
	}
	defaultHTTPGet(c.GetLifecycle().GetPostStart().GetHttpGet())
	defaultHTTPGet(c.GetLifecycle().GetPreStop().GetHttpGet())
}

func defaultProbe(p *corev1.Probe) {
	if p == nil {
		return
	}
	setDefaultInt(&p.TimeoutSeconds, 1)
	setDefaultInt(&p.PeriodSeconds, 10)
	setDefaultInt(&p.SuccessThreshold, 1)
	setDefaultInt(&p.FailureThreshold, 3)
	defaultHTTPGet(p.GetHandler().GetHttpGet())
	if g := p.GetHandler().GetGrpc(); g != nil && g.Service == nil {
		g.Service = proto.String("")
	}
}

func defaultHTTPGet(h *corev1.HTTPGetAction) {
	if h == nil {
		return
	}
	setDefault(&h.Path, "/")
	setDefault(&h.Scheme, "HTTP")
}

// defaultEphemeral fills in an ephemeral container: it is a container in all that has defaults.
func defaultEphemeral(e *corev1.EphemeralContainerCommon) {
	if e == nil {
		return
	}
	c := asContainer(e)
	defaultContainer(c)
	e.ImagePullPolicy = c.ImagePullPolicy
	e.TerminationMessagePath = c.TerminationMessagePath
	e.TerminationMessagePolicy = c.TerminationMessagePolicy
}

// asContainer views the part of an ephemeral container that it has in common with others. Both share what
// they point to.
func asContainer(e *corev1.EphemeralContainerCommon) *corev1.Container {
	return &corev1.Container{
		Name: e.Name, Image: e.Image, Command: e.Command, Args: e.Args, WorkingDir: e.WorkingDir,
		Ports: e.Ports, EnvFrom: e.EnvFrom, Env: e.Env, Resources: e.Resources, ResizePolicy: e.ResizePolicy,
		RestartPolicy: e.RestartPolicy, RestartPolicyRules: e.RestartPolicyRules, VolumeMounts: e.VolumeMounts, VolumeDevices: e.VolumeDevices,
		LivenessProbe: e.LivenessProbe, ReadinessProbe: e.ReadinessProbe, StartupProbe: e.StartupProbe,
		Lifecycle: e.Lifecycle, TerminationMessagePath: e.TerminationMessagePath,
		TerminationMessagePolicy: e.TerminationMessagePolicy, ImagePullPolicy: e.ImagePullPolicy,
		SecurityContext: e.SecurityContext, Stdin: e.Stdin, StdinOnce: e.StdinOnce, Tty: e.Tty,
	}
}
