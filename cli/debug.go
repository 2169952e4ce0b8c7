package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// debugCommand is one invocation of debug.
type debugCommand struct {
	*session
	image, target, container, pull, profile string
	env                                     []string
	command                                 []string
	stdin, tty, quiet                       bool
	// Of copies.
	copyTo                    string
	setImages                 map[string]string
	replace, sameNode         bool
	shareProcesses            bool
	keepLabels, keepProbes    bool
	keepAnnotations, keepInit bool
	timeout                   time.Duration
}

func newDebug(s *session) *cobra.Command {
	d := &debugCommand{session: s}
	c := &cobra.Command{
		Use:   "debug (POD | KIND/NAME | node/NAME) --image=IMAGE [-- COMMAND [ARG…]]",
		Short: "Look into a pod or a node with tools that it does not have",
		Long: `Look into a pod or a node with tools that it does not have.

In a pod, a container with the image is added that shares its network; with --target it sees the
processes of that container too. It is never restarted and cannot be taken out again: it goes with the pod.

With --copy-to nothing is added to the pod: a copy of it is made under that name, with the container beside the others
and, with --set-image, other images. The copy has no labels, so that no Service or controller takes it for its own, and no
probes, unless told to keep them.

For node/NAME a pod is made on that node which has the host's network, processes and IPC, and its files under /host. It
tolerates every taint, and stays until it is deleted.

The profile says what the container may do: general (trace processes), baseline (nothing special), restricted (nothing
beyond what the strictest policies allow), netadmin (configure the network), sysadmin (everything).`,
		Example: `  kaji debug -it web-1 --image=busybox --target=web
  kaji debug web-1 --image=busybox -- sh -c 'wget -qO- localhost:8080/metrics'
  kaji debug web-1 --copy-to=web-debug --set-image='*=registry.local/web:debug'
  kaji debug -it node/node-1 --image=busybox`,
		ValidArgsFunction: s.completePods,
		RunE:              d.run,
	}
	f := c.Flags()
	f.StringVar(&d.image, "image", "", "image of the container to look with")
	f.StringVar(&d.target, "target", "", "container of the pod whose processes it is to see")
	f.StringVarP(&d.container, "container", "c", "", "name of the container to add; one is made up when not given")
	f.StringVar(&d.pull, "image-pull-policy", "", "when to pull the image: Always, IfNotPresent or Never")
	f.StringVar(&d.profile, "profile", "general", "what it may do: general, baseline, restricted, netadmin or sysadmin")
	f.StringArrayVar(&d.env, "env", nil, "variable of its environment: NAME=VALUE")
	f.BoolVarP(&d.stdin, "stdin", "i", false, "give it a standard input, and pass this one on")
	f.BoolVarP(&d.tty, "tty", "t", false, "give it a terminal")
	f.BoolVarP(&d.quiet, "quiet", "q", false, "print its output only")
	f.StringVar(&d.copyTo, "copy-to", "", "make a copy of the pod with this name")
	f.StringToStringVar(&d.setImages, "set-image", nil, "with --copy-to: CONTAINER=IMAGE in the copy; * for all containers")
	f.BoolVar(&d.replace, "replace", false, "with --copy-to: delete the pod that was copied")
	f.BoolVar(&d.sameNode, "same-node", false, "with --copy-to: run the copy on the same node")
	f.BoolVar(&d.shareProcesses, "share-processes", true, "with --copy-to: let containers of the copy see each other's processes")
	f.BoolVar(&d.keepLabels, "keep-labels", false, "with --copy-to: keep labels")
	f.BoolVar(&d.keepAnnotations, "keep-annotations", false, "with --copy-to: keep annotations")
	f.BoolVar(&d.keepProbes, "keep-probes", false, "with --copy-to: keep liveness, readiness and startup probes")
	f.BoolVar(&d.keepInit, "keep-init-containers", true, "with --copy-to: keep init containers")
	f.DurationVar(&d.timeout, "pod-running-timeout", time.Minute, "how long to wait until the container runs")
	return c
}

func (d *debugCommand) run(c *cobra.Command, args []string) error {
	if dash := c.ArgsLenAtDash(); dash >= 0 {
		args, d.command = args[:dash], args[dash:]
	}
	switch {
	case len(args) != 1:
		return usage(c, "look into which pod or node? name one")
	case profiles[d.profile] == nil:
		return usage(c, "--profile is general, baseline, restricted, netadmin or sysadmin, not %q", d.profile)
	case d.image == "" && (d.copyTo == "" || len(d.setImages) == 0):
		return usage(c, "with which image? --image says")
	case d.tty && !d.stdin:
		return usage(c, "-t needs -i")
	case d.copyTo != "" && d.target != "":
		return usage(c, "--target is for containers added to the pod itself; a copy has --share-processes")
	}
	for _, flag := range []string{"set-image", "replace", "same-node", "share-processes", "keep-labels", "keep-annotations", "keep-probes", "keep-init-containers"} {
		if c.Flags().Changed(flag) && d.copyTo == "" {
			return usage(c, "--%s is for copies: it needs --copy-to", flag)
		}
	}
	env, err := parseEnv(c, d.env)
	if err != nil {
		return err
	}
	conn, err := d.connect()
	if err != nil {
		return err
	}
	word, name, _ := strings.Cut(args[0], "/")
	if name != "" && kind.Lookup(word) == kind.Of(&corev1.Node{}) {
		if d.copyTo != "" || d.target != "" {
			return usage(c, "a node can be neither copied nor a target")
		}
		return d.node(c.Context(), conn, name, env)
	}
	pods, err := podsFor(c.Context(), d.session, c, conn, args[0])
	if err != nil {
		return err
	}
	if d.copyTo != "" {
		return d.copy(c.Context(), conn, pods[0], env)
	}
	return d.pod(c.Context(), conn, pods[0], env)
}

// pod adds an ephemeral container to a pod.
func (d *debugCommand) pod(ctx context.Context, conn *client.Client, pod *corev1.Pod, env []*corev1.EnvVar) error {
	m := pod.GetMetadata()
	if d.target != "" {
		if _, err := containerOf(d.session, pod, d.target); err != nil {
			return err
		}
	} else if !d.quiet && !pod.GetSpec().GetShareProcessNamespace() && !pod.GetSpec().GetHostPid() {
		fmt.Fprintln(d.Err, "It sees no processes but its own; --target=CONTAINER shows those of a container")
	}
	if slices.Contains(containerNames(pod), d.container) {
		return fmt.Errorf("pod %s has a container %q already; -c names another", m.GetName(), d.container)
	}
	if d.container == "" {
		d.container = "debugger-" + suffix()
		d.say("Container %s is added to pod %s", d.container, m.GetName())
	}
	e := &corev1.EphemeralContainer{TargetContainerName: d.target, EphemeralContainerCommon: &corev1.EphemeralContainerCommon{
		Name: d.container, Image: d.image, ImagePullPolicy: d.pull, Command: d.command, Env: env, Stdin: d.stdin, Tty: d.tty,
		TerminationMessagePolicy: "File", SecurityContext: profiles[d.profile].container(false),
	}}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]string{"uid": m.GetUid()},
		"spec":     map[string]any{"ephemeralContainers": []json.RawMessage{manifest.MarshalMessage(e)}},
	})
	if err != nil {
		return err
	}
	o, err := client.ForKind(conn, kind.Of(pod)).PatchWith(ctx, &metav1.PatchRequest{
		Namespace: m.GetNamespace(), Name: m.GetName(), Subresource: "ephemeralcontainers",
		Type: metav1.PatchType_PATCH_TYPE_STRATEGIC, Patch: patch, Options: &metav1.PatchOptions{FieldManager: fieldManager},
	})
	if err != nil {
		return err
	}
	return d.enter(ctx, conn, o.(*corev1.Pod))
}

// node makes a pod that looks at its host.
func (d *debugCommand) node(ctx context.Context, conn *client.Client, name string, env []*corev1.EnvVar) error {
	if _, err := get(ctx, conn, target{kind: kind.Of(&corev1.Node{}), name: name}); err != nil {
		return err
	}
	if d.container == "" {
		d.container = "debugger"
	}
	p := profiles[d.profile]
	spec := &corev1.PodSpec{
		NodeName: name, RestartPolicy: "Never",
		Tolerations: []*corev1.Toleration{{Operator: "Exists"}},
		Containers:  []*corev1.Container{d.toContainer(env, p.container(true))},
	}
	if p.host {
		spec.HostNetwork, spec.HostPid, spec.HostIpc = true, true, true
		spec.Volumes = []*corev1.Volume{{Name: "host-root", VolumeSource: &corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		spec.Containers[0].VolumeMounts = []*corev1.VolumeMount{{Name: "host-root", MountPath: "/host"}}
	}
	prefix := "node-debugger-" + name
	if len(prefix) > 57 {
		prefix = strings.TrimRight(prefix[:57], "-.")
	}
	o, err := client.ForKind(conn, kind.Of(&corev1.Pod{})).Create(ctx, &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Namespace: d.namespace(), Name: prefix + "-" + suffix(), Labels: map[string]string{"app.kubernetes.io/managed-by": "kaji-debug"}},
		Spec:     spec,
	})
	if err != nil {
		return err
	}
	d.say("Pod %s looks at node %s; `kaji delete pod %s` takes it away", o.GetMetadata().GetName(), name, o.GetMetadata().GetName())
	return d.enter(ctx, conn, o.(*corev1.Pod))
}

// toContainer is the container to look with, where it is none added to a running pod.
func (d *debugCommand) toContainer(env []*corev1.EnvVar, security *corev1.SecurityContext) *corev1.Container {
	return &corev1.Container{
		Name: d.container, Image: d.image, ImagePullPolicy: d.pull, Command: d.command, Env: env,
		Stdin: d.stdin, Tty: d.tty, SecurityContext: security,
	}
}

// enter attaches to the container once it runs, when it has a standard input.
func (d *debugCommand) enter(ctx context.Context, conn *client.Client, pod *corev1.Pod) error {
	m := pod.GetMetadata()
	if !d.stdin {
		d.say("`kaji logs %s -c %s` shows what it writes", m.GetName(), d.container)
		return nil
	}
	if err := d.awaitContainer(ctx, conn, pod); err != nil {
		return err
	}
	a := &attachment{s: d.session, stdin: d.stdin, tty: d.tty, quiet: d.quiet, container: d.container}
	return a.run(ctx, conn, pod)
}

// awaitContainer waits until the container runs.
func (d *debugCommand) awaitContainer(ctx context.Context, conn *client.Client, pod *corev1.Pod) error {
	m := pod.GetMetadata()
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	why := "nothing is known of it yet"
	found := false
	var end *corev1.ContainerStateTerminated
	look := func(o kind.Object) (bool, error) {
		st := o.(*corev1.Pod).GetStatus()
		for _, all := range [][]*corev1.ContainerStatus{st.GetEphemeralContainerStatuses(), st.GetContainerStatuses()} {
			for _, c := range all {
				if c.GetName() != d.container {
					continue
				}
				if w := c.GetState().GetWaiting(); w != nil {
					why = strings.TrimSuffix(w.GetReason()+": "+w.GetMessage(), ": ")
				}
				end = c.GetState().GetTerminated()
				found = c.GetState().GetRunning() != nil || end != nil
			}
		}
		return found, nil
	}
	err := listThenWatch(limited, conn, kind.Of(pod), m.GetNamespace(), &metav1.ListOptions{FieldSelector: "metadata.name=" + m.GetName()},
		func(items []kind.Object) (bool, error) {
			if len(items) == 0 {
				return false, fmt.Errorf("pod %s was deleted meanwhile", m.GetName())
			}
			return look(items[0])
		}, func(e metav1.EventType, o kind.Object) (bool, error) {
			if e == metav1.EventType_EVENT_TYPE_DELETED {
				return false, fmt.Errorf("pod %s was deleted meanwhile", m.GetName())
			}
			return look(o)
		})
	switch {
	case err == nil && end != nil:
		return &advice{err: fmt.Errorf("container %s has ended already, with exit code %d", d.container, end.GetExitCode()),
			next: fmt.Sprintf("`kaji logs %s -c %s` shows what it wrote", m.GetName(), d.container)}
	case found || err != nil && limited.Err() == nil:
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(limited.Err(), context.DeadlineExceeded):
		return &advice{err: fmt.Errorf("container %s of pod %s does not run after %v: %s", d.container, m.GetName(), d.timeout, why),
			next: fmt.Sprintf("`kaji describe pod %s` shows where it stands", m.GetName())}
	}
	return err
}

func (d *debugCommand) say(format string, args ...any) {
	if !d.quiet {
		fmt.Fprintf(d.Err, format+"\n", args...)
	}
}

// suffix is a random ending of a name.
func suffix() string { return strings.ToLower(rand.Text()[:5]) }

// ephemeralContainers are those of a pod in the form of any other.
func ephemeralContainers(p *corev1.Pod) []*corev1.Container {
	var out []*corev1.Container
	for _, e := range p.GetSpec().GetEphemeralContainers() {
		c := &corev1.Container{}
		// The two messages have the same fields with the same numbers.
		b, err := proto.Marshal(e.GetEphemeralContainerCommon())
		if err == nil {
			err = proto.Unmarshal(b, c)
		}
		if err != nil { // text that is no UTF-8, which no server sends
			c = &corev1.Container{Name: e.GetEphemeralContainerCommon().GetName()}
		}
		out = append(out, c)
	}
	return out
}
