package raftstore

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// refusedTimeout bounds the look whether anybody listens at an address. On one that does the answer takes a round trip.
	refusedTimeout = 200 * time.Millisecond
	// redialPause is between two tries to reach a member that is not running.
	redialPause = 50 * time.Millisecond
)

// memberConn is a connection that another member made.
type memberConn struct {
	net.Conn
	member string
	stream *raftStream
	once   sync.Once
}

// Read implements net.Conn. Raft reads from a connection all the time, so this is where it is noticed that it broke.
func (c *memberConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.once.Do(func() {
			select {
			case c.stream.broken <- c.member:
			default: // So many break at once that none of them tells anything.
			}
		})
	}
	return n, err
}

// refused tells whether the host of an address says that nobody listens there.
func (s *raftStream) refused(ctx context.Context, address string) bool {
	d := net.Dialer{Timeout: refusedTimeout}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// dialRunning connects to a member. It waits, up to the end of ctx, for one that is not running: Raft tries a member that fails
// ever more rarely, so one that comes back would be left waiting for as long as it was away.
func (s *raftStream) dialRunning(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp", address)
		if !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		select {
		case <-s.leaving:
			return nil, err
		default:
		}
		if sleep(ctx, redialPause) != nil {
			return nil, err
		}
	}
}

// dialSelf gives a connection to this member itself, which needs no network.
func (s *raftStream) dialSelf(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case s.incoming <- theirs:
		return ours, nil
	case <-s.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
