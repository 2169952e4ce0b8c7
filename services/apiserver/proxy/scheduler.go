package proxy

import (
	"context"
	"crypto/tls"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"kaji.dev/kaji/apierror"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
	"kaji.dev/kaji/kind"
)

// Where the leading scheduler says who and where it is.
const (
	schedulerNamespace = "kaji-system"
	schedulerLease     = "kaji-scheduler"
	addressAnnotation  = "kaji.dev/address"
)

var leases = kind.Of(&coordinationv1.Lease{})

// Scheduler passes questions on to the leading scheduler.
type Scheduler struct {
	schedulerv1.UnimplementedSchedulerServiceServer
	API API
	// TLS makes client settings for a server of that name; the empty name takes it from the address.
	TLS func(serverName string) *tls.Config

	mu      sync.Mutex
	address string
	conn    *grpc.ClientConn
}

// Explain implements schedulerv1.SchedulerServiceServer. Who may read a pod may ask about it.
func (s *Scheduler) Explain(ctx context.Context, req *schedulerv1.ExplainRequest) (*schedulerv1.ExplainResponse, error) {
	if err := s.API.Allow(ctx, pods, metav1.Verb_VERB_GET, "", req.GetNamespace(), req.GetName()); err != nil {
		return nil, err
	}
	conn, err := s.leader(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := schedulerv1.NewSchedulerServiceClient(conn).Explain(ctx, req)
	if err != nil {
		return nil, apierror.FromStatus(err)
	}
	return resp, nil
}

// leader is the connection to the scheduler that leads now.
func (s *Scheduler) leader(ctx context.Context) (*grpc.ClientConn, error) {
	o, err := s.API.Read(ctx, leases, schedulerNamespace, schedulerLease)
	if apierror.IsNotFound(err) {
		return nil, apierror.Unavailable("no scheduler has come up yet")
	}
	if err != nil {
		return nil, err
	}
	address := o.GetMetadata().GetAnnotations()[addressAnnotation]
	if address == "" || o.(*coordinationv1.Lease).GetSpec().GetHolderIdentity() == "" {
		return nil, apierror.Unavailable("no scheduler leads at the moment")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && s.address == address {
		return s.conn, nil
	}
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(credentials.NewTLS(s.TLS(""))))
	if err != nil {
		return nil, apierror.Internal(err)
	}
	if s.conn != nil {
		s.conn.Close()
	}
	s.address, s.conn = address, conn
	return conn, nil
}

// Close ends the connection to the scheduler.
func (s *Scheduler) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}
