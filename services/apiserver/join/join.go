// Package join gives new nodes their certificates.
//
// It owns kaji.api.v1.JoinService: making tokens, of which only a hash is kept (as Secrets of the type
// "kaji.dev/join-token" in kaji-system), and signing certificate requests with the cluster's CA, always for the
// subject of the node that asks and for no other. It refuses requests whose subject is not that. Everything may
// be called concurrently.
package join

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/util/validation"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
)

// API is what joining needs of the registry.
type API interface {
	Read(ctx context.Context, k *kind.Kind, namespace, name string) (kind.Object, error)
	Create(ctx context.Context, o kind.Object) (kind.Object, error)
	Delete(ctx context.Context, k *kind.Kind, namespace, name string) error
}

// Service implements kaji.api.v1.JoinService.
type Service struct {
	apiv1.UnimplementedJoinServiceServer
	API API
	// CA signs; without one, nodes cannot join through this server.
	CA *identity.CA
	// Endpoints are the API servers that nodes are told of.
	Endpoints []string
	// Log tells of certificates and tokens given out.
	Log hclog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Join implements apiv1.JoinServiceServer.
func (s *Service) Join(ctx context.Context, req *apiv1.JoinRequest) (*apiv1.JoinResponse, error) {
	id, err := s.check(ctx, req.GetToken())
	if err != nil {
		return nil, err
	}
	if errs := validation.IsDNS1123Subdomain(req.GetNodeName()); len(errs) > 0 {
		return nil, apierror.BadRequest("the node name is no good: "+errs[0],
			apierror.FieldViolation{Field: "node_name", Description: errs[0], Reason: "FieldValueInvalid"})
	}
	cert, err := s.sign(req.GetCsr(), req.GetNodeName())
	if err != nil {
		return nil, err
	}
	if err := s.vacant(ctx, req.GetNodeName()); err != nil {
		return nil, err
	}
	s.Log.Info("node joins", "node", req.GetNodeName(), "token", id)
	return &apiv1.JoinResponse{CertificatePem: cert, CaPem: s.CA.CertPEM(), Endpoints: s.Endpoints}, nil
}

// Renew implements apiv1.JoinServiceServer.
func (s *Service) Renew(ctx context.Context, req *apiv1.RenewRequest) (*apiv1.RenewResponse, error) {
	who, _ := identity.FromContext(ctx)
	node, ok := who.Node()
	if !ok {
		return nil, apierror.Forbidden(fmt.Sprintf("%q is no node: only nodes renew their certificates here", who))
	}
	if s.CA == nil {
		return nil, errNoCA
	}
	cert, err := s.sign(req.GetCsr(), node)
	if err != nil {
		return nil, err
	}
	s.Log.Info("node renews its certificate", "node", node)
	return &apiv1.RenewResponse{CertificatePem: cert}, nil
}

// CreateToken implements apiv1.JoinServiceServer.
func (s *Service) CreateToken(ctx context.Context, req *apiv1.CreateTokenRequest) (*apiv1.CreateTokenResponse, error) {
	who, _ := identity.FromContext(ctx)
	if !who.InGroup(identity.GroupMasters) {
		return nil, apierror.Forbidden(fmt.Sprintf("%q may not make join tokens: only administrators may", who))
	}
	if s.CA == nil {
		return nil, errNoCA
	}
	ttl := defaultTTL
	if req.Ttl != nil {
		if ttl = req.GetTtl().AsDuration(); ttl <= 0 {
			return nil, apierror.BadRequest("ttl must be positive", apierror.FieldViolation{
				Field: "ttl", Description: "must be positive", Reason: "FieldValueInvalid"})
		}
	}
	t := newToken(s.Now().Add(ttl).Truncate(time.Second), req.GetDescription())
	if _, err := s.API.Create(ctx, t.object()); err != nil {
		return nil, err
	}
	s.Log.Info("join token made", "token", t.id, "identity", who.String(), "expires", t.expires)
	return &apiv1.CreateTokenResponse{
		Token:     t.id + "." + t.secret + "." + s.CA.Hash(),
		ExpiresAt: timestamppb.New(t.expires),
	}, nil
}

var (
	errNoCA = apierror.FailedPrecondition("this API server has no CA to sign with")
	errBad  = apierror.Unauthenticated("the token is wrong or has expired; make a new one with `kaji token create`")
)

// check finds the token that was made, and returns its id. What is wrong with a token is not told.
func (s *Service) check(ctx context.Context, text string) (string, error) {
	id, secret, ok := parse(text)
	if !ok {
		return "", errBad
	}
	if s.CA == nil {
		return "", errNoCA
	}
	o, err := s.API.Read(ctx, secrets, tokenNamespace, tokenName(id))
	if apierror.IsNotFound(err) {
		return "", errBad
	}
	if err != nil {
		return "", err
	}
	t, ok := fromObject(o)
	if !ok || !t.matches(secret) {
		return "", errBad
	}
	if !s.Now().Before(t.expires) {
		s.forget(ctx, t)
		return "", errBad
	}
	return id, nil
}

// vacant refuses the name of a node that is well: whoever holds a token could otherwise be given its identity, and
// with it the Secrets of its pods.
func (s *Service) vacant(ctx context.Context, name string) error {
	o, err := s.API.Read(ctx, nodes, "", name)
	if apierror.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range o.(*corev1.Node).GetStatus().GetConditions() {
		if c.GetType() == "Ready" && c.GetStatus() == "True" {
			return apierror.FailedPrecondition(fmt.Sprintf("node %q is in the cluster and ready; no other machine takes its name: choose another, or delete the node first", name))
		}
	}
	return nil
}

// forget deletes a token that has expired. That it fails is no matter: it is good for nothing anyway.
func (s *Service) forget(ctx context.Context, t token) {
	self := identity.NewContext(ctx, identity.Identity{Name: identity.APIServer, Groups: []string{identity.GroupMasters}})
	if err := s.API.Delete(self, secrets, tokenNamespace, tokenName(t.id)); err != nil && !apierror.IsNotFound(err) {
		s.Log.Warn("expired join token not deleted", "token", t.id, "error", err)
	}
}

// sign signs a request for a node's own subject.
func (s *Service) sign(der []byte, node string) ([]byte, error) {
	csr, err := x509.ParseCertificateRequest(der)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, apierror.BadRequest("the certificate request cannot be read: "+err.Error(),
			apierror.FieldViolation{Field: "csr", Description: err.Error(), Reason: "FieldValueInvalid"})
	}
	want := identity.Request{Name: identity.NodeName(node), Groups: []string{identity.GroupNodes}, Hosts: []string{identity.NodeHost(node)}}
	if csr.Subject.CommonName != want.Name || !slices.Equal(csr.Subject.Organization, want.Groups) {
		return nil, apierror.Forbidden(fmt.Sprintf("the certificate request is for CN=%s, O=%v; node %q gets one for CN=%s, O=%v only",
			csr.Subject.CommonName, csr.Subject.Organization, node, want.Name, want.Groups))
	}
	cert, err := s.CA.SignCSR(der, want)
	if err != nil {
		return nil, apierror.Internal(err)
	}
	return cert, nil
}
