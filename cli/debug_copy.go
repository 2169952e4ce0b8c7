package cli

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// copy makes a copy of a pod to look into.
func (d *debugCommand) copy(ctx context.Context, conn *client.Client, pod *corev1.Pod, env []*corev1.EnvVar) error {
	made, err := d.copied(pod, env)
	if err != nil {
		return err
	}
	r := client.ForKind(conn, kind.Of(pod))
	if d.replace {
		// Only when the server takes the copy is the pod given up.
		if _, err := r.CreateWith(ctx, made, &metav1.CreateOptions{DryRun: []string{"All"}}); err != nil {
			return err
		}
		m := pod.GetMetadata()
		if err := r.Delete(ctx, m.GetNamespace(), m.GetName(), &metav1.DeleteOptions{Preconditions: &metav1.Preconditions{Uid: proto.String(m.GetUid())}}); err != nil {
			return err
		}
	}
	o, err := r.Create(ctx, made)
	if err != nil {
		return err
	}
	d.say("Pod %s is a copy of %s", d.copyTo, pod.GetMetadata().GetName())
	return d.enter(ctx, conn, o.(*corev1.Pod))
}

// copied is the pod that the copy shall be.
func (d *debugCommand) copied(pod *corev1.Pod, env []*corev1.EnvVar) (*corev1.Pod, error) {
	m := &metav1.ObjectMeta{Name: d.copyTo, Namespace: pod.GetMetadata().GetNamespace()}
	if d.keepLabels {
		m.Labels = pod.GetMetadata().GetLabels()
	}
	if d.keepAnnotations {
		m.Annotations = pod.GetMetadata().GetAnnotations()
	}
	spec := proto.CloneOf(pod.GetSpec())
	spec.EphemeralContainers = nil
	if !d.keepInit {
		spec.InitContainers = nil
	}
	if !d.sameNode {
		spec.NodeName = ""
	}
	if d.shareProcesses && !spec.GetHostPid() {
		spec.ShareProcessNamespace = proto.Bool(true)
	}
	known := map[string]bool{"*": true}
	for _, c := range slices.Concat(spec.GetInitContainers(), spec.GetContainers()) {
		known[c.GetName()] = true
		if image := d.setImages["*"]; image != "" {
			c.Image = image
		}
		if image := d.setImages[c.GetName()]; image != "" {
			c.Image = image
		}
		if !d.keepProbes {
			c.LivenessProbe, c.ReadinessProbe, c.StartupProbe = nil, nil, nil
		}
	}
	for name := range d.setImages {
		if !known[name] {
			return nil, fmt.Errorf("--set-image: pod %s has no container %q", pod.GetMetadata().GetName(), name)
		}
	}
	switch d.image {
	case "": // other images are all that is wanted
		if d.container == "" {
			d.container = spec.GetContainers()[0].GetName()
		}
		at := slices.IndexFunc(spec.GetContainers(), func(c *corev1.Container) bool { return c.GetName() == d.container })
		if at < 0 {
			return nil, fmt.Errorf("pod %s has no container %q; --image would add one", pod.GetMetadata().GetName(), d.container)
		}
		c := spec.Containers[at]
		if len(d.command) > 0 {
			c.Command, c.Args = d.command, nil
		}
		c.Env = append(c.Env, env...)
		c.Stdin, c.Tty = c.GetStdin() || d.stdin, c.GetTty() || d.tty
	default:
		if d.container == "" {
			d.container = "debugger-" + suffix()
		}
		if known[d.container] {
			return nil, fmt.Errorf("pod %s has a container %q already; -c names another", pod.GetMetadata().GetName(), d.container)
		}
		spec.Containers = append(spec.Containers, d.toContainer(env, profiles[d.profile].container(false)))
	}
	return &corev1.Pod{Metadata: m, Spec: spec}, nil
}
