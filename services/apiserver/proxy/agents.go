package proxy

import (
	"crypto/tls"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"kaji.dev/kaji/identity"
)

const (
	// agentIdle is when a connection that nobody uses is given up; a forwarded port makes calls by the dozen, and a handshake
	// for each would cost more than all else.
	agentIdle = 5 * time.Minute
	// agentPing finds out agents that are gone without a word, in twice that time.
	agentPing = 15 * time.Second
)

// agents are the connections to node agents, one for each, shared by all callers.
type agents struct {
	mu     sync.Mutex
	closed bool
	// byNode has the connections for new calls. One that has been replaced is closed by its last user.
	byNode map[string]*agent
}

type agent struct {
	address string
	conn    *grpc.ClientConn
	// Guarded by agents.mu.
	users    int
	used     time.Time // last
	replaced bool
}

// get is the connection to a node's agent, and what gives it back.
func (a *agents) get(node, address string, config func(serverName string) *tls.Config) (*grpc.ClientConn, func(), error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	to := a.byNode[node]
	// One that failed a moment ago would say so again without trying.
	if to == nil || to.address != address || to.conn.GetState() == connectivity.TransientFailure {
		conn, err := grpc.NewClient("passthrough:///"+address,
			grpc.WithTransportCredentials(credentials.NewTLS(config(identity.NodeHost(node)))),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: agentPing, Timeout: agentPing}),
			grpc.WithIdleTimeout(agentIdle))
		if err != nil {
			return nil, nil, err
		}
		if to != nil {
			a.retire(to)
		}
		a.prune()
		to = &agent{address: address, conn: conn, replaced: a.closed}
		if !a.closed {
			if a.byNode == nil {
				a.byNode = map[string]*agent{}
			}
			a.byNode[node] = to
		}
	}
	to.users++
	return to.conn, sync.OnceFunc(func() { a.release(to) }), nil
}

func (a *agents) release(from *agent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	from.users--
	from.used = time.Now()
	if from.replaced && from.users == 0 {
		from.conn.Close()
	}
}

// retire closes a connection once nobody uses it.
func (a *agents) retire(old *agent) {
	old.replaced = true
	if old.users == 0 {
		old.conn.Close()
	}
}

// prune forgets the nodes that nobody has asked for lately, which may exist no longer.
func (a *agents) prune() {
	for node, to := range a.byNode {
		if to.users == 0 && time.Since(to.used) > agentIdle {
			to.conn.Close()
			delete(a.byNode, node)
		}
	}
}

// close ends all connections that are kept.
func (a *agents) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	for _, to := range a.byNode {
		to.replaced = true
		to.conn.Close()
	}
	a.byNode = nil
}
