package scheduler

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/leader"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
	"kaji.dev/kaji/grpcserver"
	"kaji.dev/kaji/identity"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

// pki issues certificates of one CA.
type pki struct {
	t  *testing.T
	ca *identity.CA
}

func newPKI(t *testing.T) *pki {
	ca, err := identity.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	return &pki{t, ca}
}

func (p *pki) identity(name string, groups ...string) (server, client *tls.Config) {
	p.t.Helper()
	f := identity.FilesIn(p.t.TempDir(), "x")
	if err := f.Ensure(p.ca, identity.Request{Name: name, Groups: groups, Hosts: []string{"127.0.0.1"}}); err != nil {
		p.t.Fatal(err)
	}
	r, err := identity.NewReloader(f)
	if err != nil {
		p.t.Fatal(err)
	}
	return r.Server(), r.Client("")
}

// serveAPI serves the harness' API on a port with mutual TLS and returns its address.
func (p *pki) serveAPI(h *harness) string {
	p.t.Helper()
	server, _ := p.identity(identity.APIServer)
	s, err := grpcserver.New(grpcserver.Config{Address: "127.0.0.1:0", TLS: server, DrainTimeout: 10 * time.Millisecond}, hclog.NewNullLogger(),
		grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error { return forward(h.server, stream) }))
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	p.t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s.Addr().String()
}

// forward passes any call on to the API in memory.
func forward(api grpc.ClientConnInterface, stream grpc.ServerStream) error {
	full, _ := grpc.MethodFromServerStream(stream)
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(full, "/"), "/", "."))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return status.Error(codes.Unimplemented, full)
	}
	method := d.(protoreflect.MethodDescriptor)
	fresh := func(d protoreflect.MessageDescriptor) proto.Message {
		t, err := protoregistry.GlobalTypes.FindMessageByName(d.FullName())
		if err != nil {
			panic(err)
		}
		return t.New().Interface()
	}
	request := fresh(method.Input())
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	if !method.IsStreamingServer() {
		response := fresh(method.Output())
		if err := api.Invoke(stream.Context(), full, request, response); err != nil {
			return err
		}
		return stream.SendMsg(response)
	}
	inner, err := api.NewStream(stream.Context(), &grpc.StreamDesc{ServerStreams: true}, full)
	if err != nil {
		return err
	}
	if err := errors.Join(inner.SendMsg(request), inner.CloseSend()); err != nil {
		return err
	}
	for {
		response := fresh(method.Output())
		if err := inner.RecvMsg(response); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(response); err != nil {
			return err
		}
	}
}

// TestRun runs two schedulers as services: one leads and is found by the lease's address; when it stops, the other takes over.
func TestRun(t *testing.T) {
	h := newHarness(t, nodes(3)...)
	p := newPKI(t)
	api := p.serveAPI(h)
	server, caller := p.identity(identity.Scheduler, identity.GroupComponents)
	stops := map[string]func(){}
	for _, name := range []string{"one", "two"} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cfg := Config{
			Listener: listener, TLS: server, ClientTLS: caller, Endpoints: []string{api}, Identity: name, Seed: 1,
			LeaseDuration: 2 * time.Second, RenewDeadline: time.Second, RetryPeriod: 20 * time.Millisecond,
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- Run(ctx, cfg, hclog.NewNullLogger()) }()
		stops[name] = func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("scheduler %s ended with %v", name, err)
			}
			ended <- nil
		}
		t.Cleanup(stops[name])
	}
	h.create(st.Pod("a", st.Requests("cpu", "1")), st.Pod("huge", st.Requests("cpu", "100")))
	h.await("one bound, one reported", func() bool {
		return h.pod("a").GetSpec().GetNodeName() != "" && h.condition("huge").GetReason() == "Unschedulable"
	})
	lease := h.lease()
	_, asAPIServer := p.identity(identity.APIServer)
	r, err := explain(t, lease, asAPIServer)
	if err != nil || r.State != schedulerv1.PodState_POD_STATE_UNSCHEDULABLE || r.Message != "0/3 nodes are available: 3 Insufficient cpu." {
		t.Errorf("explained as %v, %v", r, err)
	}
	_, stranger := p.identity("mallory")
	if _, err := explain(t, lease, stranger); status.Code(err) != codes.PermissionDenied {
		t.Errorf("a stranger was answered with %v", err)
	}
	stops[lease.GetSpec().GetHolderIdentity()]()
	h.create(st.Pod("b", st.Requests("cpu", "1")))
	h.await("bound by the other", func() bool { return h.pod("b").GetSpec().GetNodeName() != "" })
	if after := h.lease(); after.GetSpec().GetHolderIdentity() == lease.GetSpec().GetHolderIdentity() {
		t.Error("the scheduler that was stopped still leads")
	}
}

func (h *harness) lease() *coordinationv1.Lease {
	h.t.Helper()
	l, err := client.Of[*coordinationv1.Lease](h.client).Get(context.Background(), LeaseNamespace, LeaseName)
	if err != nil {
		h.t.Fatal(err)
	}
	return l
}

func explain(t *testing.T, lease *coordinationv1.Lease, as *tls.Config) (*schedulerv1.ExplainResponse, error) {
	t.Helper()
	conn, err := grpc.NewClient(lease.GetMetadata().GetAnnotations()[leader.AddressAnnotation], grpc.WithTransportCredentials(credentials.NewTLS(as)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return schedulerv1.NewSchedulerServiceClient(conn).Explain(t.Context(), &schedulerv1.ExplainRequest{Namespace: "default", Name: "huge"})
}

func TestConfigIsChecked(t *testing.T) {
	empty := Config{PercentageOfNodesToScore: 101}
	err := empty.Validate()
	for _, part := range []string{"address", "TLS", "API server", "percentage"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name the %s", err, part)
		}
	}
	every := Config{Address: "0.0.0.0:7000"}
	if err := every.Validate(); err == nil || !strings.Contains(err.Error(), "every address") {
		t.Errorf("an address that nobody can be told: %v", err)
	}
	if empty.SchedulerName != "default-scheduler" || empty.Seed == 0 {
		t.Errorf("defaults are not filled: %+v", empty)
	}
}
