// Package server is what a node agent serves: the logs of its containers, commands
// run in them, the streams of their processes, connections to their ports, and the list of its pods.
//
// It serves the API server and administrators only; users come through the API server, which
// decides who may do what. It refuses to change pods. All methods may be called
// concurrently.
package server

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"kaji.dev/kaji/apierror"
	agentv1 "kaji.dev/kaji/gen/kaji/agent/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods"
	"kaji.dev/kaji/node/pods/plan"
)

// Pods are the node's pods.
type Pods interface {
	Find(namespace, name, uid string) (pods.Snapshot, bool)
	Pods() []pods.Info
}

// Runtime reaches into containers and sandboxes.
type Runtime interface {
	Exec(ctx context.Context, id string, command []string, s cri.Streams) error
	Attach(ctx context.Context, id string, s cri.Streams) error
	PortForward(ctx context.Context, sandboxID string, port uint16) (cri.Conn, error)
}

// LogPath gives the path of a container's log.
type LogPath func(pod *corev1.Pod, c observed.Container) string

// Server implements AgentService.
type Server struct {
	agentv1.UnimplementedAgentServiceServer
	serving  context.Context
	pods     Pods
	runtime  Runtime
	logPath  LogPath
	forwards chan struct{} // holds one of each connection that is forwarded
	linger   time.Duration
}

// New makes a server. When serving ends, streams into containers have a few seconds left before they end with UNAVAILABLE.
func New(serving context.Context, p Pods, r Runtime, logPath LogPath) *Server {
	return &Server{serving: serving, pods: p, runtime: r, logPath: logPath, forwards: make(chan struct{}, maxForwards), linger: linger}
}

// Pods implements AgentService.
func (s *Server) Pods(context.Context, *agentv1.PodsRequest) (*agentv1.PodsResponse, error) {
	out := &agentv1.PodsResponse{}
	for _, p := range s.pods.Pods() {
		out.Pods = append(out.Pods, &agentv1.AgentPod{Namespace: p.Namespace, Name: p.Name, Uid: p.UID, State: p.State, SandboxId: p.SandboxID})
	}
	return out, nil
}

// container finds the container of a pod that a request is about. With none named,
// it is the one that the pod's annotation names, or its only one.
func (s *Server) container(namespace, name, uid, container string) (pods.Snapshot, string, error) {
	p, ok := s.pods.Find(namespace, name, uid)
	if !ok || p.Pod == nil {
		return p, "", apierror.NotFound("pods.core", namespace, name)
	}
	spec := p.Pod.GetSpec()
	if container == "" {
		container = p.Pod.GetMetadata().GetAnnotations()["kubectl.kubernetes.io/default-container"]
	}
	if container == "" {
		if len(spec.GetContainers()) != 1 {
			return p, "", apierror.BadRequest("a container name must be specified for pod " + name + ": it has several")
		}
		container = spec.GetContainers()[0].GetName()
	}
	for _, c := range spec.GetContainers() {
		if c.GetName() == container {
			return p, container, nil
		}
	}
	for _, c := range spec.GetInitContainers() {
		if c.GetName() == container {
			return p, container, nil
		}
	}
	for _, e := range spec.GetEphemeralContainers() {
		if plan.Ephemeral(e).GetName() == container {
			return p, container, nil
		}
	}
	return p, "", apierror.BadRequest("container " + container + " is not valid for pod " + name)
}

// attempts of a container, newest first.
func attempts(p pods.Snapshot, name string) []observed.Container {
	var out []observed.Container
	for _, c := range p.Seen.Containers {
		if c.Name != name || c.State == observed.Created {
			continue
		}
		at := len(out)
		for at > 0 && out[at-1].Attempt < c.Attempt {
			at--
		}
		out = append(out[:at], append([]observed.Container{c}, out[at:]...)...)
	}
	return out
}

// authorize lets only the API server and administrators in.
func authorize(ctx context.Context) error {
	who, ok := identity.FromContext(ctx)
	if !ok || who.Name != identity.APIServer && !who.InGroup(identity.GroupMasters) {
		return apierror.Forbidden(who.String() + " may not speak with node agents")
	}
	return nil
}

// Unary guards calls of the agent's services.
func Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if guarded(info.FullMethod) {
		if err := authorize(ctx); err != nil {
			return nil, err
		}
	}
	return next(ctx, req)
}

// Stream guards streams of the agent's services.
func Stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if guarded(info.FullMethod) {
		if err := authorize(ss.Context()); err != nil {
			return err
		}
	}
	return next(srv, ss)
}

// guarded tells whether a method is for some only: all are but health checks.
func guarded(method string) bool {
	return method != "/grpc.health.v1.Health/Check" && method != "/grpc.health.v1.Health/Watch"
}
