package probes

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// grpc asks grpc.health.v1: SERVING is success.
func (p prober) grpc(ctx context.Context, a *corev1.GRPCAction, w *watched, timeout time.Duration) (bool, string, error) {
	if a.GetPort() < 1 || a.GetPort() > 65535 {
		return false, "", fmt.Errorf("port %d is outside 1..65535", a.GetPort())
	}
	creds := insecure.NewCredentials()
	if a.GetMode() == "TLS" {
		creds = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	}
	conn, err := grpc.NewClient("passthrough:///"+address("", w, int(a.GetPort())),
		grpc.WithTransportCredentials(creds),
		grpc.WithUserAgent(p.cfg.UserAgent),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			return p.dialer.DialContext(ctx, "tcp", addr)
		}))
	if err != nil {
		return false, "", err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{Service: a.GetService()})
	if err != nil {
		st := status.Convert(err)
		switch st.Code() {
		case codes.Unimplemented:
			return false, "the server does not implement grpc.health.v1.Health", nil
		case codes.NotFound:
			return false, fmt.Sprintf("the server does not know the service %q", a.GetService()), nil
		case codes.DeadlineExceeded:
			return false, fmt.Sprintf("no answer within %s", timeout), nil
		}
		return false, st.Code().String() + ": " + cut(st.Message()), nil
	}
	if resp.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		return false, "service is " + resp.GetStatus().String(), nil
	}
	return true, "", nil
}
