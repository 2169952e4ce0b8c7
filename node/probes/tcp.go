package probes

import (
	"context"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// tcpSocket opens a connection: that it opens is success.
func (p prober) tcpSocket(ctx context.Context, a *corev1.TCPSocketAction, w *watched, timeout time.Duration) (bool, string, error) {
	n, err := port(a.GetPort(), w.container)
	if err != nil {
		return false, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := p.dialer.DialContext(ctx, "tcp", address(a.GetHost(), w, n))
	if err != nil {
		return false, err.Error(), nil
	}
	// It was open: what closing it brings changes nothing.
	_ = conn.Close()
	return true, "", nil
}
