package client

import (
	"context"
	"crypto/tls"
	"net"

	"google.golang.org/grpc/credentials"
)

// freshTLS makes the TLS settings anew for each connection, so that one that is made after a CA changed trusts the new one.
type freshTLS struct {
	credentials.TransportCredentials
	settings func() (*tls.Config, error)
}

func newFreshTLS(first *tls.Config, settings func() (*tls.Config, error)) credentials.TransportCredentials {
	return freshTLS{credentials.NewTLS(first), settings}
}

// ClientHandshake implements credentials.TransportCredentials. The name to verify comes as the authority, from the endpoint.
func (f freshTLS) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	settings, err := f.settings()
	if err != nil {
		return nil, nil, err
	}
	return credentials.NewTLS(settings).ClientHandshake(ctx, authority, conn)
}

// Clone implements credentials.TransportCredentials.
func (f freshTLS) Clone() credentials.TransportCredentials {
	return freshTLS{f.TransportCredentials.Clone(), f.settings}
}
