package cli

import (
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

func newCreateDeployment(s *session) *cobra.Command {
	var images []string
	var replicas, port int32
	c := newCreateKind(s, &cobra.Command{
		Use:     "deployment NAME --image=IMAGE… [-- COMMAND [ARG…]]",
		Aliases: []string{"deploy"},
		Short:   "Create a deployment",
		Long:    "Create a deployment. Its pods get the label app=NAME, and a container for each image, named after it.",
		Example: `  kaji create deployment web --image=registry.local/web:1 --replicas=3 --port=8080
  kaji create deployment web --image=registry.local/web:1 --dry-run=client -o yaml > web.yaml`,
		Args: nameThenCommand,
	}, func(c *cobra.Command, m *metav1.ObjectMeta, command []string) (kind.Object, error) {
		if len(images) > 1 && len(command) > 0 {
			return nil, usage(c, "a command can be given for one image only")
		}
		if replicas < 0 || port < 0 || port > 65535 {
			return nil, usage(c, "--replicas must be 0 or more, --port a number from 1 to 65535")
		}
		labels := map[string]string{"app": m.GetName()}
		m.Labels = labels
		spec := &corev1.PodSpec{}
		for _, image := range images {
			container := &corev1.Container{Name: imageName(image), Image: image, Command: command}
			if port > 0 {
				container.Ports = []*corev1.ContainerPort{{ContainerPort: port}}
			}
			spec.Containers = append(spec.Containers, container)
		}
		return &appsv1.Deployment{Metadata: m, Spec: &appsv1.DeploymentSpec{
			Replicas: proto.Int32(replicas),
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: &corev1.PodTemplateSpec{Metadata: &metav1.ObjectMeta{Labels: labels}, Spec: spec},
		}}, nil
	})
	c.Flags().StringSliceVar(&images, "image", nil, "image of the container; several make several containers")
	c.Flags().Int32VarP(&replicas, "replicas", "r", 1, "how many pods there should be")
	c.Flags().Int32Var(&port, "port", 0, "port that the containers listen on")
	_ = c.MarkFlagRequired("image")
	return c
}
