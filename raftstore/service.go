package raftstore

import (
	"context"
	"errors"
	"io"
	"strings"

	"google.golang.org/grpc"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
)

// service is a member as gRPC sees it: the unary methods are the member's own, the streams are here.
type service struct {
	storev1.UnsafeStoreServiceServer
	*Member
}

var _ storev1.StoreServiceServer = (*service)(nil)

// memberService is what members ask each other.
type memberService struct {
	storev1.UnimplementedMemberServiceServer
	member *Member
}

func (s *memberService) ConfirmTerm(ctx context.Context, req *storev1.ConfirmTermRequest) (*storev1.ConfirmTermResponse, error) {
	return s.member.ConfirmTerm(ctx, req)
}

// LeaseKeepAlive renews leases for as long as the stream lives.
func (s *service) LeaseKeepAlive(stream storev1.StoreService_LeaseKeepAliveServer) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		res, err := s.Member.LeaseKeepAlive(stream.Context(), req)
		if err != nil {
			return err
		}
		if err := stream.Send(res); err != nil {
			return err
		}
	}
}

// memberMethods begins the names of what only members may call.
var memberMethods = "/" + storev1.MemberService_ServiceDesc.ServiceName + "/"

// storeMethods begins the names of what the store's clients may call.
var storeMethods = "/" + storev1.StoreService_ServiceDesc.ServiceName + "/"

// authorize says who may call what: API servers, members and administrators the store, members each
// other. Health and reflection are open to whoever has a certificate.
func authorize(ctx context.Context, method string) error {
	who, _ := identity.FromContext(ctx)
	_, isStore := who.Store()
	allowed := true
	switch {
	case strings.HasPrefix(method, memberMethods):
		allowed = isStore
	case strings.HasPrefix(method, storeMethods):
		allowed = isStore || who.Name == identity.APIServer || who.InGroup(identity.GroupMasters)
	}
	if !allowed {
		return &Error{Reason: Forbidden, Message: who.String() + " may not call " + method}
	}
	return nil
}

func authorizeUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := authorize(ctx, info.FullMethod); err != nil {
		return nil, toStatus(err)
	}
	res, err := next(ctx, req)
	return res, toStatus(err)
}

func authorizeStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := authorize(stream.Context(), info.FullMethod); err != nil {
		return toStatus(err)
	}
	return toStatus(next(srv, stream))
}
