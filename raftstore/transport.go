package raftstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"google.golang.org/grpc/credentials"

	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore/mvcc"
)

// Members agree on one of these by ALPN for Raft; gRPC's is h2. So both share a port, a handshake and its certificates. On the
// wire the two are the same. But whoever speaks the second stops by itself before what it cannot read; a program that knows only the
// first would leave it out, so it is shut out once the store's format is no longer the oldest.
const (
	raftProtocol1 = "kaji-raft/1"
	raftProtocol2 = "kaji-raft/2"
)

// muxCredentials lets gRPC do the handshake of every connection, and takes those that are Raft's away from it.
type muxCredentials struct {
	credentials.TransportCredentials
	raft *raftStream
}

// newMuxCredentials gives the server's credentials for both protocols.
func newMuxCredentials(server *tls.Config, raft *raftStream) credentials.TransportCredentials {
	server = server.Clone()
	server.NextProtos = []string{"h2", raftProtocol2, raftProtocol1}
	return &muxCredentials{TransportCredentials: credentials.NewTLS(server), raft: raft}
}

// ServerHandshake implements credentials.TransportCredentials.
func (m *muxCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := m.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nil, nil, err
	}
	state := info.(credentials.TLSInfo).State
	if !isRaft(state) {
		return conn, info, nil
	}
	member, err := m.raft.admits(state)
	if err != nil {
		return nil, nil, err
	}
	// gRPC bounds the handshake by a deadline; from here the connection is Raft's.
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, nil, err
	}
	m.raft.deliver(&memberConn{Conn: conn, member: member, stream: m.raft})
	return nil, nil, credentials.ErrConnDispatched
}

// Clone implements credentials.TransportCredentials.
func (m *muxCredentials) Clone() credentials.TransportCredentials {
	return &muxCredentials{TransportCredentials: m.TransportCredentials.Clone(), raft: m.raft}
}

func isRaft(state tls.ConnectionState) bool {
	return state.NegotiatedProtocol == raftProtocol1 || state.NegotiatedProtocol == raftProtocol2
}

// provesStore gives the id of the member that the peer is, and refuses peers that are none.
func provesStore(state tls.ConnectionState) (id string, err error) {
	if len(state.VerifiedChains) == 0 {
		return "", errors.New("raft: the peer has no verified certificate")
	}
	who := identity.FromCertificate(state.VerifiedChains[0][0])
	id, ok := who.Store()
	if !ok {
		return "", errors.New("raft: " + who.String() + " is no member of the store")
	}
	return id, nil
}

// raftStream is Raft's way to other members: TLS connections that agreed on one of Raft's protocols.
type raftStream struct {
	client *tls.Config
	log    hclog.Logger
	// format is the store's, as far as this member knows it.
	format atomic.Uint32
	// tooOld are the members whose program is, to say so once for each.
	tooOld   sync.Map
	addr     memberAddr
	incoming chan net.Conn
	// broken gets the ids of members whose connections to this one ended.
	broken chan string
	// leaving is closed when this member is about to stop, done when no connections are taken any more.
	leaving, done chan struct{}
	leave, once   sync.Once
}

var _ raft.StreamLayer = (*raftStream)(nil)

func newRaftStream(client *tls.Config, advertise string, log hclog.Logger) *raftStream {
	client = client.Clone()
	client.NextProtos = []string{raftProtocol2, raftProtocol1}
	return &raftStream{
		client: client, log: log, addr: memberAddr(advertise), incoming: make(chan net.Conn), broken: make(chan string, 16),
		leaving: make(chan struct{}), done: make(chan struct{}),
	}
}

// raised is told the store's format.
func (s *raftStream) raised(f mvcc.Format) { s.format.Store(uint32(f)) }

// admits gives the id of the member that the peer is, and refuses peers that are none, or whose program is too old for the store's format.
func (s *raftStream) admits(state tls.ConnectionState) (id string, err error) {
	id, err = provesStore(state)
	if err != nil {
		return "", err
	}
	format := mvcc.Format(s.format.Load())
	if state.NegotiatedProtocol == raftProtocol2 || format <= mvcc.OldestFormat {
		return id, nil
	}
	err = fmt.Errorf("raft: member %s runs a version of kaji that reads format %d alone, and the store has format %d: start it with a newer version", id, mvcc.OldestFormat, format)
	if _, said := s.tooOld.LoadOrStore(id, true); !said {
		s.log.Warn("a member is shut out", "error", err)
	}
	return "", err
}

// deliver hands a connection that was let in to Raft.
func (s *raftStream) deliver(conn net.Conn) {
	select {
	case s.incoming <- conn:
	case <-s.done:
		conn.Close()
	}
}

// Accept implements net.Listener.
func (s *raftStream) Accept() (net.Conn, error) {
	select {
	case conn := <-s.incoming:
		return conn, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// stopDialing ends waiting for members that are not running.
func (s *raftStream) stopDialing() { s.leave.Do(func() { close(s.leaving) }) }

// Close implements net.Listener.
func (s *raftStream) Close() error {
	s.stopDialing()
	s.once.Do(func() { close(s.done) })
	return nil
}

// Addr implements net.Listener; it is what members call this one by.
func (s *raftStream) Addr() net.Addr { return s.addr }

// Dial implements raft.StreamLayer.
func (s *raftStream) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if string(address) == string(s.addr) {
		return s.dialSelf(ctx)
	}
	raw, err := s.dialRunning(ctx, string(address))
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(string(address))
	if err != nil {
		raw.Close()
		return nil, err
	}
	config := s.client.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	conn := tls.Client(raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, err
	}
	state := conn.ConnectionState()
	if !isRaft(state) {
		conn.Close()
		return nil, errors.New("raft: " + string(address) + " does not speak " + raftProtocol2)
	}
	if _, err := s.admits(state); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// memberAddr is a host:port that may be a name.
type memberAddr string

func (memberAddr) Network() string  { return "tcp" }
func (a memberAddr) String() string { return string(a) }
