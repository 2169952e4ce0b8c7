// Package whoami tells callers as whom the server knows them, and what they may do.
//
// It owns kaji.api.v1.AuthService, and keeps nothing: the identity is the one that the caller's certificate proved
// to the TLS layer, and what it may do is for the authorizer to say. A caller without one is refused. Everything may be
// called concurrently.
package whoami

import (
	"context"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	"kaji.dev/kaji/services/apiserver/authz"
)

// Service implements kaji.api.v1.AuthService.
type Service struct {
	apiv1.UnimplementedAuthServiceServer
	// Authorizer is the one that decides about requests.
	Authorizer authz.Authorizer
}

// WhoAmI implements apiv1.AuthServiceServer.
func (Service) WhoAmI(ctx context.Context, _ *apiv1.WhoAmIRequest) (*apiv1.WhoAmIResponse, error) {
	who, err := caller(ctx)
	if err != nil {
		return nil, err
	}
	return &apiv1.WhoAmIResponse{Name: who.Name, Groups: who.Groups}, nil
}
