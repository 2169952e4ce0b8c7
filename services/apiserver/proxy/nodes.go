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
	"google.golang.org/grpc/credentials"

	"kaji.dev/kaji/apierror"
	agentv1 "kaji.dev/kaji/gen/kaji/agent/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
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

// Nodes passes logs and exec to node agents.
type Nodes struct {
	API API
	// TLS makes client settings for a server of that name.
	TLS func(serverName string) *tls.Config
}

// Handlers are the streaming methods served, by full name.
func (n *Nodes) Handlers() map[string]grpc.StreamHandler {
	return map[string]grpc.StreamHandler{
		corev1.PodService_GetPodLogs_FullMethodName: n.logs,
		corev1.PodService_ExecPod_FullMethodName:    n.exec,
	}
}

// target is a container and the way to it.
type target struct {
	pod       *corev1.Pod
	container string
	agent     agentv1.AgentServiceClient
	conn      *grpc.ClientConn
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
	t, err := n.find(ctx, req.GetNamespace(), req.GetName(), req.GetUid(), req.GetOptions().GetContainer())
	if err != nil {
		return err
	}
	defer t.conn.Close()
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

func (n *Nodes) exec(_ any, stream grpc.ServerStream) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	req := &corev1.PodExecRequest{}
	if err := stream.RecvMsg(req); err != nil {
		return err
	}
	start := req.GetStart()
	if start == nil {
		return apierror.BadRequest("the first message must be start")
	}
	if err := n.API.Allow(ctx, pods, metav1.Verb_VERB_CREATE, "exec", start.GetNamespace(), start.GetName()); err != nil {
		return err
	}
	if len(start.GetOptions().GetCommand()) == 0 {
		return apierror.BadRequest("there is no command to run", apierror.FieldViolation{
			Field: "start.options.command", Description: "must not be empty", Reason: "FieldValueRequired"})
	}
	t, err := n.find(ctx, start.GetNamespace(), start.GetName(), start.GetUid(), start.GetOptions().GetContainer())
	if err != nil {
		return err
	}
	defer t.conn.Close()
	start.Uid, start.Options.Container = t.pod.GetMetadata().GetUid(), t.container
	to, err := t.agent.Exec(ctx)
	if err != nil {
		return n.failed(t.pod, err)
	}
	if err := to.Send(req); err != nil {
		return n.failed(t.pod, streamError(to, err))
	}
	// The command's end ends the call, whatever the client still has to say. This goroutine is not waited for: it sits in
	// RecvMsg, which returns as soon as this handler has.
	go n.feed(stream, to, cancel)
	return n.failed(t.pod, forward(stream, to.Recv))
}

// feed passes what the client sends on to the agent until either ends.
func (n *Nodes) feed(stream grpc.ServerStream, to agentv1.AgentService_ExecClient, cancel context.CancelFunc) {
	for {
		req := &corev1.PodExecRequest{}
		err := stream.RecvMsg(req)
		if errors.Is(err, io.EOF) {
			// The client has no more to say, and may still be listening.
			_ = to.CloseSend()
			return
		}
		if err != nil {
			cancel()
			return
		}
		if req.GetStart() != nil {
			cancel()
			return
		}
		if to.Send(req) != nil {
			return // Recv has the reason
		}
	}
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

// streamError finds why a stream ended, which Send does not tell.
func streamError(to agentv1.AgentService_ExecClient, err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	_, err = to.Recv()
	return err
}

// failed tells errors of the agent as the API's; one that could not be reached is named.
func (n *Nodes) failed(pod *corev1.Pod, err error) error {
	if err == nil {
		return nil
	}
	err = apierror.FromStatus(err)
	if apierror.IsUnavailable(err) {
		return apierror.Unavailable(fmt.Sprintf("node %q does not answer: %v", pod.GetSpec().GetNodeName(), err)).WithCause(err)
	}
	return err
}

// find looks up the pod, its container and its node, and makes the connection.
func (n *Nodes) find(ctx context.Context, namespace, name, uid, container string) (*target, error) {
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
	if container, err = pickContainer(pod, container); err != nil {
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
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(credentials.NewTLS(n.TLS(identity.NodeHost(pod.GetSpec().GetNodeName())))))
	if err != nil {
		return nil, apierror.Internal(err)
	}
	return &target{pod: pod, container: container, agent: agentv1.NewAgentServiceClient(conn), conn: conn}, nil
}

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
