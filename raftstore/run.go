package raftstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/grpc"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/grpcserver"
)

const (
	// maxRequestBytes bounds a request: a transaction with a value of the largest size fits several times.
	maxRequestBytes = 32 << 20
	// handOver bounds how long a leader that shuts down tries to leave a leader behind.
	handOver = 3 * time.Second
)

// ErrRemoved ends Run when the member has been put out of the store. Its data is of no use any more.
var ErrRemoved = errors.New("this member was removed from the store")

// Run serves a member of the store until ctx ends: it then hands leadership over, lets calls under way finish,
// and closes its log.
func Run(ctx context.Context, cfg Config, log hclog.Logger) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	cfg.setDefaults()
	m, err := openMember(cfg, log)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	defer m.shutDown()
	return m.serve(ctx)
}

// serve serves an open member until ctx ends.
func (m *Member) serve(ctx context.Context) error {
	server, err := grpcserver.New(grpcserver.Config{
		Address: m.cfg.Address, Listener: m.cfg.Listener, TLS: m.cfg.ServerTLS, MetricsAddress: m.cfg.MetricsAddress,
		MaxRecvBytes: maxRequestBytes,
		Unary:        []grpc.UnaryServerInterceptor{authorizeUnary},
		Stream:       []grpc.StreamServerInterceptor{authorizeStream},
	}, m.log, grpc.Creds(newMuxCredentials(m.cfg.ServerTLS, m.stream)), grpc.ForceServerCodecV2(newCodec()))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := m.register(server.Metrics()); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if a := server.MetricsAddr(); a != nil {
		address := a.String()
		m.metricsAt.Store(&address)
	}
	storev1.RegisterStoreServiceServer(server.Registrar(), &service{Member: m})
	storev1.RegisterMemberServiceServer(server.Registrar(), &memberService{member: m})

	// The server outlives ctx, as it takes connections of Raft while leadership is handed over.
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	served := make(chan error, 1)
	go func() { served <- server.Serve(serving) }()

	watching, stopWatching := context.WithCancel(ctx)
	removed := make(chan struct{})
	var watched sync.WaitGroup
	watched.Go(func() {
		if m.awaitRemoval(watching) {
			close(removed)
		}
	})
	err = m.supervise(ctx, server, served, removed)
	stopWatching()
	watched.Wait()
	if ctx.Err() != nil {
		m.handOver()
	}
	m.drain()
	stopServing()
	if serveErr := <-served; err == nil {
		err = serveErr
	}
	return err
}

// supervise tells health checks whether there is a leader, until ctx ends or the member cannot go on.
func (m *Member) supervise(ctx context.Context, server *grpcserver.Server, served chan error, removed <-chan struct{}) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		changed := m.leaderChanged.next()
		well := m.leaderAddress() != ""
		server.SetServing("", well)
		server.SetServing(storev1.StoreService_ServiceDesc.ServiceName, well)
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			served <- err
			return err
		case <-removed:
			return ErrRemoved
		case <-m.fsm.halt.stopped():
			return m.fsm.halt.err()
		case err := <-m.failed:
			m.shutDown() // It takes no part in anything from here on, while calls under way end.
			return fmt.Errorf("store: %w", err)
		case <-tick.C:
			if m.raft.State() == raft.Shutdown {
				return ErrRemoved
			}
		case <-changed:
		}
	}
}

// handOver leaves another leader behind, when there is one to be had.
func (m *Member) handOver() {
	if m.raft.State() != raft.Leader || len(m.members()) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(m.living, handOver)
	defer cancel()
	if err := await(ctx, m.raft.LeadershipTransfer()); err != nil {
		m.log.Warn("leadership was not handed over", "error", err)
	}
}
