// Package whoami tells callers as whom the server knows them.
//
// It owns kaji.api.v1.AuthService, and keeps nothing: the identity is the one that the caller's certificate proved
// to the TLS layer. A caller without one is refused. Everything may be called concurrently.
package whoami

import (
	"context"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	"kaji.dev/kaji/identity"
)

// Service implements kaji.api.v1.AuthService.
type Service struct {
	apiv1.UnimplementedAuthServiceServer
}

// WhoAmI implements apiv1.AuthServiceServer.
func (Service) WhoAmI(ctx context.Context, _ *apiv1.WhoAmIRequest) (*apiv1.WhoAmIResponse, error) {
	who, ok := identity.FromContext(ctx)
	if !ok || who.Name == "" {
		return nil, apierror.Unauthenticated("a caller without a client certificate is nobody")
	}
	return &apiv1.WhoAmIResponse{Name: who.Name, Groups: who.Groups}, nil
}
