package cri

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// The headers of a forwarded connection, as the streaming servers of container runtimes read them: a pair of streams, of
// which one carries the data and the other what went wrong.
// Source: k8s.io/kubelet/pkg/cri/streaming/portforward.
const (
	forwardProtocol = "portforward.k8s.io"
	headerStream    = "streamType"
	headerPort      = "port"
	headerRequest   = "requestID"
)

// ErrRefused is a port at which nothing listens.
var ErrRefused = errors.New("connection refused")

// Conn is one connection to a port inside of a sandbox. Reading and writing may go on at once.
type Conn interface {
	// Read gives io.EOF when the other side has closed the connection. When nothing listens there the error is ErrRefused;
	// the connection is made while the first bytes are waited for.
	io.Reader
	io.Writer
	// CloseWrite says that no more will be written. The runtimes know no half-close: soon after it they close the
	// connection as a whole (containerd after a second).
	CloseWrite() error
	// Close ends the connection at once, and the calls that wait for it.
	io.Closer
}

// PortForward connects to a TCP port at the loopback address of a sandbox's network. ctx bounds the making of the
// connection only.
func (c *Client) PortForward(ctx context.Context, sandboxID string, port uint16) (Conn, error) {
	const op = "PortForward"
	r, err := c.runtime.PortForward(ctx, &runtimeapi.PortForwardRequest{PodSandboxId: sandboxID, Port: []int32{int32(port)}})
	if err != nil {
		return nil, wrap(op, sandboxID, err)
	}
	f, err := dialForward(ctx, r.GetUrl(), port)
	if err != nil {
		return nil, &Error{Op: op, ID: sandboxID, Code: codes.Unavailable, Message: err.Error()}
	}
	f.id = sandboxID
	return f, nil
}

// forward is a connection through the runtime's streaming server. Each has a connection of its own to that server: the
// streams of SPDY have no flow control of their own, so that a slow one would hold up others.
type forward struct {
	id     string
	net    net.Conn
	conn   httpstream.Connection
	data   httpstream.Stream
	errors httpstream.Stream
}

// dialTimeout bounds the making of a connection with a server on this machine.
const dialTimeout = 30 * time.Second

func dialForward(ctx context.Context, address string, port uint16) (f *forward, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" {
		return nil, fmt.Errorf("the runtime's streaming server is at %s://%s; it must be plain HTTP on a loopback address", u.Scheme, u.Host)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	// Closing is what ends the waiting below when ctx ends.
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer func() {
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			raw.Close()
		}
	}()
	conn, err := upgrade(ctx, raw, u)
	if err != nil {
		return nil, err
	}
	f = &forward{net: raw, conn: conn}
	header := http.Header{}
	header.Set(headerPort, strconv.Itoa(int(port)))
	header.Set(headerRequest, "0")
	header.Set(headerStream, "error")
	if f.errors, err = conn.CreateStream(header); err != nil {
		return nil, err
	}
	_ = f.errors.Close() // nothing is said there by this side
	header.Set(headerStream, "data")
	if f.data, err = conn.CreateStream(header); err != nil {
		return nil, err
	}
	return f, nil
}

// upgrade turns a connection with an HTTP server into one of SPDY.
func upgrade(ctx context.Context, raw net.Conn, u *url.URL) (httpstream.Connection, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set(httpstream.HeaderConnection, httpstream.HeaderUpgrade)
	req.Header.Set(httpstream.HeaderUpgrade, spdy.HeaderSpdy31)
	req.Header.Set(httpstream.HeaderProtocolVersion, forwardProtocol)
	if err := req.Write(raw); err != nil {
		return nil, err
	}
	in := bufio.NewReader(raw)
	resp, err := http.ReadResponse(in, req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxForwardError))
		return nil, fmt.Errorf("the runtime's streaming server answers %s: %s", resp.Status, text)
	}
	return spdy.NewClientConnection(&buffered{raw, in})
}

// buffered is a connection of which a part has been read ahead.
type buffered struct {
	net.Conn
	in *bufio.Reader
}

func (b *buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// maxForwardError bounds what a runtime may say of a failure.
const maxForwardError = 4 << 10

func (f *forward) Read(p []byte) (int, error) {
	n, err := f.data.Read(p)
	if n > 0 || !errors.Is(err, io.EOF) {
		return n, err
	}
	// The runtime ends the data first, and then says whether it went wrong.
	text, _ := io.ReadAll(io.LimitReader(f.errors, maxForwardError))
	switch {
	case strings.Contains(string(text), "connection refused"): // all that the protocol tells is text
		return 0, fmt.Errorf("%w: %s", ErrRefused, text)
	case len(text) > 0:
		return 0, &Error{Op: "PortForward", ID: f.id, Code: codes.Unknown, Message: string(text)}
	}
	select {
	case <-f.conn.CloseChan():
		return 0, &Error{Op: "PortForward", ID: f.id, Code: codes.Unavailable, Message: "the container runtime ended the connection"}
	default:
		return 0, io.EOF
	}
}

// maxFrame bounds one write: a frame of SPDY holds less than 16 MiB, and is read whole.
const maxFrame = 64 << 10

func (f *forward) Write(p []byte) (n int, err error) {
	for n < len(p) {
		k, err := f.data.Write(p[n:min(n+maxFrame, len(p))])
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (f *forward) CloseWrite() error { return f.data.Close() }

// Close closes what is below first: a write may hold the lock that the streams are closed under.
func (f *forward) Close() error {
	err := f.net.Close()
	_ = f.conn.Close()
	return err
}
