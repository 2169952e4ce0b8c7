// Package cri is the agent's way to the container runtime: the Container Runtime
// Interface v1 over the runtime's socket. It is the only package that knows the
// messages of CRI; all others see plain values (packages observed and
// containerconfig) and errors of this package.
//
// It owns the connection, the translation in both directions, and what is known
// of the runtime's abilities. It refuses policy: no retries beyond reconnecting,
// no caching, no pod logic. A Client may be used concurrently.
package cri

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// maxMessage bounds a message of the runtime: lists of many containers are long.
const maxMessage = 64 << 20

// Client speaks with one runtime on behalf of one node.
type Client struct {
	conn    *grpc.ClientConn
	runtime runtimeapi.RuntimeServiceClient
	images  runtimeapi.ImageServiceClient
	node    string
}

// Dial makes a client for the runtime at a socket ("/run/containerd/containerd.sock",
// with or without "unix://"). It returns at once; the connection is made, and made again, as needed.
// The client lists only what carries the node's name; with no name, everything.
func Dial(endpoint, node string) (*Client, error) {
	path := strings.TrimPrefix(endpoint, "unix://")
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("cri: %q is not the path of a socket", endpoint)
	}
	conn, err := grpc.NewClient("passthrough:///"+path,
		// A local socket guarded by its file mode, the transport of CRI.
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", addr)
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
			MinConnectTimeout: 2 * time.Second,
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("cri: %w", err)
	}
	return &Client{conn: conn, runtime: runtimeapi.NewRuntimeServiceClient(conn), images: runtimeapi.NewImageServiceClient(conn), node: node}, nil
}

// Close gives the connection up.
func (c *Client) Close() error { return c.conn.Close() }

// Version names the runtime.
type Version struct {
	// Name and Version as the runtime says: "containerd", "1.7.2".
	Name, Version string
}

// String is the form used in a Node's status: "containerd://1.7.2".
func (v Version) String() string { return v.Name + "://" + v.Version }

// Version asks the runtime who it is.
func (c *Client) Version(ctx context.Context) (Version, error) {
	r, err := c.runtime.Version(ctx, &runtimeapi.VersionRequest{})
	if err != nil {
		return Version{}, wrap("Version", "", err)
	}
	return Version{Name: r.GetRuntimeName(), Version: r.GetRuntimeVersion()}, nil
}

// Health is the runtime's own account of itself.
type Health struct {
	Runtime, Network Ready
	Handlers         []Handler
	// SupplementalGroupsPolicy: the runtime knows how to be strict about groups.
	SupplementalGroupsPolicy bool
}

// Ready is one condition of the runtime.
type Ready struct {
	OK              bool
	Reason, Message string
}

// Handler is a way to run pods that the runtime is configured with.
type Handler struct {
	Name                    string
	RecursiveReadOnlyMounts bool
	UserNamespaces          bool
}

// Health asks the runtime how it is.
func (c *Client) Health(ctx context.Context) (Health, error) {
	r, err := c.runtime.Status(ctx, &runtimeapi.StatusRequest{})
	if err != nil {
		return Health{}, wrap("Status", "", err)
	}
	h := Health{SupplementalGroupsPolicy: r.GetFeatures().GetSupplementalGroupsPolicy()}
	for _, cond := range r.GetStatus().GetConditions() {
		v := Ready{OK: cond.GetStatus(), Reason: cond.GetReason(), Message: cond.GetMessage()}
		switch cond.GetType() {
		case runtimeapi.RuntimeReady:
			h.Runtime = v
		case runtimeapi.NetworkReady:
			h.Network = v
		}
	}
	for _, rh := range r.GetRuntimeHandlers() {
		h.Handlers = append(h.Handlers, Handler{Name: rh.GetName(),
			RecursiveReadOnlyMounts: rh.GetFeatures().GetRecursiveReadOnlyMounts(), UserNamespaces: rh.GetFeatures().GetUserNamespaces()})
	}
	return h, nil
}

// Events calls wake for every event of a container of this node that the runtime
// tells, with the pod's uid, until ctx ends or the stream breaks. A runtime without
// events answers at once with an error for which IsUnsupported holds.
func (c *Client) Events(ctx context.Context, wake func(podUID string)) error {
	stream, err := c.runtime.GetContainerEvents(ctx, &runtimeapi.GetEventsRequest{})
	if err != nil {
		return wrap("GetContainerEvents", "", err)
	}
	for {
		e, err := stream.Recv()
		if err != nil {
			return wrap("GetContainerEvents", "", err)
		}
		box := e.GetPodSandboxStatus()
		if node, ok := box.GetLabels()[labelNode]; ok && c.node != "" && node != c.node {
			continue
		}
		wake(box.GetMetadata().GetUid())
	}
}
