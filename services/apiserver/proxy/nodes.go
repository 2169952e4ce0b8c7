package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"kaji.dev/kaji/apierror"
	agentv1 "kaji.dev/kaji/gen/kaji/agent/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

var (
	pods  = kind.Of(&corev1.Pod{})
	nodes = kind.Of(&corev1.Node{})
)

// API is what the proxy needs of the registry.
type API interface {
	// Read finds an object for the server itself.
	Read(ctx context.Context, k *kind.Kind, namespace, name string) (kind.Object, error)
	// Allow asks whether the caller of ctx may do this to an object.
	Allow(ctx context.Context, k *kind.Kind, verb metav1.Verb, subresource, namespace, name string) error
}

// Nodes passes what reaches into pods on to node agents. Connections to agents are shared; Close ends them.
type Nodes struct {
	API API
	// TLS makes client settings for a server of that name.
	TLS func(serverName string) *tls.Config
	// Stopping, when it is closed, leaves the streams a few seconds; nil is never.
	Stopping <-chan struct{}

	agents agents
}

// Handlers are the streaming methods served, by full name.
func (n *Nodes) Handlers() map[string]grpc.StreamHandler {
	return map[string]grpc.StreamHandler{
		corev1.PodService_GetPodLogs_FullMethodName:     n.logs,
		corev1.PodService_ExecPod_FullMethodName:        n.exec,
		corev1.PodService_AttachPod_FullMethodName:      n.attach,
		corev1.PodService_PortForwardPod_FullMethodName: n.portForward,
	}
}

// target is a container and the way to it.
type target struct {
	pod       *corev1.Pod
	container string
	agent     agentv1.AgentServiceClient
	done      func() // gives the connection back
}

func (n *Nodes) logs(_ any, stream grpc.ServerStream) error {
	ctx := stream.Context()
	req := &corev1.PodLogsRequest{}
	if err := stream.RecvMsg(req); err != nil {
		return err
	}
	if err := n.API.Allow(ctx, pods, metav1.Verb_VERB_GET, "log", req.GetNamespace(), req.GetName()); err != nil {
		return err
	}
	t, err := n.find(ctx, req.GetNamespace(), req.GetName(), req.GetUid(), named(req.GetOptions().GetContainer()))
	if err != nil {
		return err
	}
	defer t.done()
	if req.Options == nil {
		req.Options = &corev1.PodLogOptions{}
	}
	req.Uid, req.Options.Container = t.pod.GetMetadata().GetUid(), t.container
	from, err := t.agent.Logs(ctx, req)
	if err != nil {
		return n.failed(t.pod, err)
	}
	return n.failed(t.pod, forward(stream, from.Recv))
}

// forward passes answers on until there are no more.
func forward[M any](stream grpc.ServerStream, recv func() (*M, error)) error {
	for {
		m, err := recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := stream.SendMsg(m); err != nil {
			return err
		}
	}
}

// failed tells errors of the agent as the API's; one that could not be reached is named.
func (n *Nodes) failed(pod *corev1.Pod, err error) error {
	if err == nil || errors.Is(err, errStopping) {
		return err
	}
	err = apierror.FromStatus(err)
	if apierror.IsUnavailable(err) {
		return apierror.Unavailable(fmt.Sprintf("the connection to node %q failed: %v", pod.GetSpec().GetNodeName(), err)).WithCause(err)
	}
	return err
}

// choose is what container of a pod is meant.
type choose func(pod *corev1.Pod) (string, error)

func named(container string) choose {
	return func(pod *corev1.Pod) (string, error) { return pickContainer(pod, container) }
}

// none is for what is about a pod as a whole.
func none(*corev1.Pod) (string, error) { return "", nil }

// find looks up the pod, its container and its node, and the connection there.
func (n *Nodes) find(ctx context.Context, namespace, name, uid string, which choose) (*target, error) {
	o, err := n.API.Read(ctx, pods, namespace, name)
	if err != nil {
		return nil, err
	}
	pod := o.(*corev1.Pod)
	if uid != "" && uid != pod.GetMetadata().GetUid() {
		return nil, apierror.NotFound(pods.String(), namespace, name)
	}
	if pod.GetSpec().GetNodeName() == "" {
		return nil, apierror.FailedPrecondition(fmt.Sprintf("pod %q is not on a node yet", namespace+"/"+name))
	}
	container, err := which(pod)
	if err != nil {
		return nil, err
	}
	o, err = n.API.Read(ctx, nodes, "", pod.GetSpec().GetNodeName())
	if err != nil {
		return nil, err
	}
	address, err := agentAddress(o.(*corev1.Node))
	if err != nil {
		return nil, err
	}
	conn, done, err := n.agents.get(pod.GetSpec().GetNodeName(), address, n.TLS)
	if err != nil {
		return nil, apierror.Internal(err)
	}
	return &target{pod: pod, container: container, agent: agentv1.NewAgentServiceClient(conn), done: done}, nil
}

// Close ends the connections to agents, and the streams that are left.
func (n *Nodes) Close() { n.agents.close() }

// defaultContainer is the annotation that says which container is meant when none is named.
const defaultContainer = "kubectl.kubernetes.io/default-container"

// pickContainer is the container asked for, or the one that is meant when none is named.
func pickContainer(pod *corev1.Pod, name string) (string, error) {
	var all []string
	for _, c := range pod.GetSpec().GetContainers() {
		all = append(all, c.GetName())
	}
	if name == "" {
		if d := pod.GetMetadata().GetAnnotations()[defaultContainer]; slices.Contains(all, d) {
			return d, nil
		}
		if len(all) == 1 {
			return all[0], nil
		}
	}
	for _, c := range pod.GetSpec().GetInitContainers() {
		all = append(all, c.GetName())
	}
	for _, c := range pod.GetSpec().GetEphemeralContainers() {
		all = append(all, c.GetEphemeralContainerCommon().GetName())
	}
	if slices.Contains(all, name) {
		return name, nil
	}
	message := fmt.Sprintf("container %q is not in the pod; it has %s", name, strings.Join(all, ", "))
	if name == "" {
		message = "the pod has several containers; name one of " + strings.Join(all, ", ")
	}
	return "", apierror.BadRequest(message, apierror.FieldViolation{Field: "options.container", Description: message})
}

// agentAddress is where the node says its agent listens.
func agentAddress(node *corev1.Node) (string, error) {
	port := node.GetStatus().GetDaemonEndpoints().GetKubeletEndpoint().GetPort()
	for _, a := range node.GetStatus().GetAddresses() {
		if a.GetType() == "InternalIP" && port > 0 {
			return net.JoinHostPort(a.GetAddress(), strconv.Itoa(int(port))), nil
		}
	}
	return "", apierror.Unavailable(fmt.Sprintf("node %q has not said where its agent listens", node.GetMetadata().GetName()))
}
