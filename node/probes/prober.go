package probes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// maxMessage bounds what is kept of a command's output or a response's body.
const maxMessage = 1024

// prober makes single attempts.
type prober struct {
	cfg    Config
	dialer *net.Dialer
}

func newProber(cfg Config) prober {
	// Probes open many short connections: without this, their ports stay taken for a minute each.
	linger := func(_, _ string, c syscall.RawConn) error {
		var err error
		if cerr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 1})
		}); cerr != nil {
			return cerr
		}
		return err
	}
	return prober{cfg: cfg, dialer: &net.Dialer{Control: linger}}
}

// probe asks once. An error means that nothing was learned about the container.
func (p prober) probe(ctx context.Context, h *corev1.ProbeHandler, w *watched, timeout time.Duration) (ok bool, message string, err error) {
	switch {
	case h.GetExec() != nil:
		return p.exec(ctx, h.GetExec(), w, timeout)
	case h.GetHttpGet() != nil:
		return p.httpGet(ctx, h.GetHttpGet(), w, timeout)
	case h.GetTcpSocket() != nil:
		return p.tcpSocket(ctx, h.GetTcpSocket(), w, timeout)
	case h.GetGrpc() != nil:
		return p.grpc(ctx, h.GetGrpc(), w, timeout)
	}
	return false, "", errors.New("the probe names nothing to do")
}

// port resolves a port by number, or by its name among the container's.
func port(p *metav1.IntOrString, c *corev1.Container) (int, error) {
	n := int(p.GetIntVal())
	if p.GetType() == 1 {
		n = 0
		for _, have := range c.GetPorts() {
			if have.GetName() == p.GetStrVal() {
				n = int(have.GetContainerPort())
			}
		}
		if n == 0 {
			var err error
			if n, err = strconv.Atoi(p.GetStrVal()); err != nil {
				return 0, fmt.Errorf("the container has no port named %q", p.GetStrVal())
			}
		}
	}
	if n < 1 || n > 65535 {
		return 0, fmt.Errorf("port %d is outside 1..65535", n)
	}
	return n, nil
}

// address joins a host and a port; host is the pod's IP when unset.
func address(host string, w *watched, port int) string {
	if host == "" {
		host = w.podIP
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func cut(s string) string {
	if len(s) > maxMessage {
		return s[:maxMessage] + "…"
	}
	return s
}
