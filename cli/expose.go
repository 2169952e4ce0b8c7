package cli

import (
	"errors"
	"fmt"
	"maps"

	"github.com/spf13/cobra"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

type exposeCommand struct {
	createCommand
	name, targetPort, protocol, portName, clusterIP string
	selector                                        []string
	port                                            int32
}

func newExpose(s *session) *cobra.Command {
	e := &exposeCommand{createCommand: createCommand{session: s}}
	c := &cobra.Command{
		Use:   "expose (KIND NAME | KIND/NAME) [--port=N] [--target-port=N]",
		Short: "Make a service for what runs already",
		Long: `Make a service for what runs already: for the pods of a workload such as a Deployment, for a pod by its labels, or for those
of another service. Without --port the ports are those that the containers name.`,
		Example: `  kaji expose deployment/web --port=80 --target-port=8080
  kaji expose pod web-1 --port=80 --name=web-1`,
		ValidArgsFunction: s.completeResources("deployments", "replicasets", "statefulsets", "replicationcontrollers", "pods", "services"),
		RunE:              func(c *cobra.Command, args []string) error { return e.run(c, args) },
	}
	f := c.Flags()
	f.StringVar(&e.name, "name", "", "name of the service; that of the object when not given")
	f.Int32Var(&e.port, "port", 0, "port of the service; those of the containers when not given")
	f.StringVar(&e.targetPort, "target-port", "", "number or name of the pods' port; --port when not given")
	f.StringVar(&e.protocol, "protocol", "TCP", "TCP, UDP or SCTP, for --port")
	f.StringVar(&e.portName, "port-name", "", "name of the port")
	f.StringVar(&e.clusterIP, "cluster-ip", "", "address; None makes the service headless")
	f.StringSliceVar(&e.selector, "selector", nil, "labels of the pods in place of the object's own: KEY=VALUE")
	e.dryRun.bind(c)
	e.output.bind(c, objectFormats...)
	return c
}

func (e *exposeCommand) run(c *cobra.Command, args []string) error {
	if err := errors.Join(e.check(c), e.dryRun.check(c)); err != nil {
		return err
	}
	conn, err := e.connect()
	if err != nil {
		return err
	}
	targets, err := e.targets(e.session, c, args)
	if err != nil {
		return err
	}
	if len(targets) != 1 || targets[0].name == "" {
		return usage(c, "expose one object, by name")
	}
	o, err := get(c.Context(), conn, targets[0])
	if err != nil {
		return err
	}
	service, err := e.service(c, o)
	if err != nil {
		return err
	}
	made, err := e.create(c.Context(), conn, kind.Of(service), service)
	if err != nil {
		return err
	}
	return e.created(made)
}

// service is the one that exposes an object.
func (e *exposeCommand) service(c *cobra.Command, o kind.Object) (*corev1.Service, error) {
	labels, ports, err := e.behind(o)
	if err != nil {
		return nil, err
	}
	if len(e.selector) > 0 {
		if labels, err = parsePairs(c, e.selector); err != nil {
			return nil, err
		}
	}
	if len(labels) == 0 {
		return nil, &advice{err: fmt.Errorf("%s has no labels to find its pods by", refer(o)), next: "--selector KEY=VALUE says which pods are meant"}
	}
	switch {
	case c.Flags().Changed("port"):
		if e.port < 1 || e.port > 65535 {
			return nil, usage(c, "--port is a number from 1 to 65535")
		}
		ports = []*corev1.ServicePort{{Name: e.portName, Port: e.port, Protocol: e.protocol, TargetPort: &metav1.IntOrString{IntVal: e.port}}}
	case len(ports) == 0 && e.clusterIP != "None":
		return nil, &advice{err: fmt.Errorf("the containers of %s name no ports", refer(o)), next: "--port says which to serve"}
	}
	if e.targetPort != "" {
		target, err := parseTarget(c, e.targetPort)
		if err != nil {
			return nil, err
		}
		for _, p := range ports {
			p.TargetPort = target
		}
	}
	name := e.name
	if name == "" {
		name = o.GetMetadata().GetName()
	}
	return &corev1.Service{
		Metadata: &metav1.ObjectMeta{Name: name, Namespace: o.GetMetadata().GetNamespace(), Labels: maps.Clone(o.GetMetadata().GetLabels())},
		Spec:     &corev1.ServiceSpec{ClusterIp: e.clusterIP, Selector: labels, Ports: ports},
	}, nil
}

// behind finds the labels of an object's pods, and the ports that they name.
func (e *exposeCommand) behind(o kind.Object) (map[string]string, []*corev1.ServicePort, error) {
	var selector *metav1.LabelSelector
	switch o := o.(type) {
	case *corev1.Service:
		var ports []*corev1.ServicePort
		for _, p := range o.GetSpec().GetPorts() {
			ports = append(ports, &corev1.ServicePort{Name: p.GetName(), Port: p.GetPort(), Protocol: p.GetProtocol(), TargetPort: p.GetTargetPort()})
		}
		return maps.Clone(o.GetSpec().GetSelector()), ports, nil
	case *corev1.Pod:
		return maps.Clone(o.GetMetadata().GetLabels()), containerPorts(o.GetSpec()), nil
	case *appsv1.Deployment:
		selector = o.GetSpec().GetSelector()
	case *appsv1.ReplicaSet:
		selector = o.GetSpec().GetSelector()
	case *appsv1.StatefulSet:
		selector = o.GetSpec().GetSelector()
	case *corev1.ReplicationController:
		return maps.Clone(o.GetSpec().GetSelector()), containerPorts(podSpec(o)), nil
	default:
		return nil, nil, fmt.Errorf("%s has no pods to expose", refer(o))
	}
	if len(selector.GetMatchExpressions()) > 0 && len(e.selector) == 0 {
		return nil, nil, &advice{err: fmt.Errorf("the selector of %s has expressions, which a service cannot have", refer(o)), next: "--selector KEY=VALUE says which pods are meant"}
	}
	return maps.Clone(selector.GetMatchLabels()), containerPorts(podSpec(o)), nil
}

// containerPorts are the ports that containers name. Of several, each has a name, as a service wants it.
func containerPorts(spec *corev1.PodSpec) []*corev1.ServicePort {
	var out []*corev1.ServicePort
	for _, c := range spec.GetContainers() {
		for _, p := range c.GetPorts() {
			out = append(out, &corev1.ServicePort{
				Name: p.GetName(), Port: p.GetContainerPort(), Protocol: p.GetProtocol(), TargetPort: &metav1.IntOrString{IntVal: p.GetContainerPort()},
			})
		}
	}
	if len(out) > 1 {
		for i, p := range out {
			if p.GetName() == "" {
				p.Name = fmt.Sprintf("port-%d", i+1)
			}
		}
	}
	return out
}
