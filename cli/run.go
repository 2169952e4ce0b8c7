package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newRun(s *session) *cobra.Command {
	var image, restart, pull, account string
	var env, labels, annotations []string
	var port int32
	var command bool
	attached := &attachedRun{s: s}
	c := newCreateThen(s, &cobra.Command{
		Use:   "run NAME --image=IMAGE [-it --rm] [-- ARG…]",
		Short: "Run an image in a pod of its own",
		Long: `Run an image in a pod of its own, which no controller replaces; "kaji create deployment" makes one that is kept up.
What comes after -- are arguments of the image's entry point, or with --command a command in place of it.

With -i or --attach it stays with the pod: it waits until the pod runs and attaches to it, or prints the log of one that has
ended by then. The exit status is that of the container it was attached to. --rm deletes the pod in the end, also after
an interruption.`,
		Example: `  kaji run web --image=registry.local/web:1 --port=8080
  kaji run once --image=registry.local/tools:1 --restart=Never --command -- sh -c 'date; env'
  kaji run -it --rm shell --image=registry.local/tools:1 --restart=Never --command -- sh
  echo 2+2 | kaji run -i --rm -q sum --image=registry.local/tools:1 --restart=Never --command -- bc`,
		Args: nameThenCommand,
	}, func(c *cobra.Command, m *metav1.ObjectMeta, args []string) (kind.Object, error) {
		if restart != "Always" && restart != "OnFailure" && restart != "Never" {
			return nil, usage(c, "--restart is Always, OnFailure or Never, not %q", restart)
		}
		if command && len(args) == 0 {
			return nil, usage(c, "--command needs one after --")
		}
		if err := attached.check(c); err != nil {
			return nil, err
		}
		var err error
		if m.Labels, err = parsePairs(c, labels); err != nil {
			return nil, err
		}
		if m.Annotations, err = parsePairs(c, annotations); err != nil {
			return nil, err
		}
		if m.Labels == nil {
			m.Labels = map[string]string{"run": m.GetName()}
		}
		container := &corev1.Container{Name: m.GetName(), Image: image, ImagePullPolicy: pull,
			Stdin: attached.stdin, StdinOnce: attached.stdin && !attached.leaveStdinOpen, Tty: attached.tty}
		if container.Env, err = parseEnv(c, env); err != nil {
			return nil, err
		}
		if command {
			container.Command = args
		} else {
			container.Args = args
		}
		if c.Flags().Changed("port") {
			if port < 1 || port > 65535 {
				return nil, usage(c, "--port is a number from 1 to 65535")
			}
			container.Ports = []*corev1.ContainerPort{{ContainerPort: port}}
		}
		return &corev1.Pod{Metadata: m, Spec: &corev1.PodSpec{
			Containers: []*corev1.Container{container}, RestartPolicy: restart, ServiceAccountName: account,
		}}, nil
	}, func(cr *createCommand, c *cobra.Command, conn *client.Client, o kind.Object) error {
		if attached.attach {
			return attached.run(c.Context(), conn, o.(*corev1.Pod))
		}
		return cr.created(o)
	})
	attached.bind(c)
	f := c.Flags()
	f.StringVar(&image, "image", "", "image to run")
	f.StringVar(&restart, "restart", "Always", "when to run it again: Always, OnFailure or Never")
	f.StringVar(&pull, "image-pull-policy", "", "when to pull the image: Always, IfNotPresent or Never")
	f.StringVar(&account, "service-account", "", "service account of the pod")
	f.StringArrayVar(&env, "env", nil, "variable of the environment: NAME=VALUE")
	f.StringSliceVarP(&labels, "labels", "l", nil, "labels of the pod: KEY=VALUE; run=NAME when not given")
	f.StringArrayVar(&annotations, "annotations", nil, "annotation of the pod: KEY=VALUE")
	f.Int32Var(&port, "port", 0, "port that the container listens on")
	f.BoolVar(&command, "command", false, "what comes after -- is the command, not its arguments")
	_ = c.MarkFlagRequired("image")
	return c
}

// parsePairs reads KEY=VALUE words; nil when there are none.
func parsePairs(c *cobra.Command, words []string) (map[string]string, error) {
	var out map[string]string
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok || key == "" {
			return nil, usage(c, "%q is not of the form KEY=VALUE", word)
		}
		if out == nil {
			out = map[string]string{}
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("%s is set twice", key)
		}
		out[key] = value
	}
	return out, nil
}
