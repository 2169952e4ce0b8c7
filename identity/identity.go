// Package identity says who is who: the cluster's CA, the certificates it signs, and the name that a
// peer proved by its certificate.
//
// It owns key and certificate files and the TLS settings made of them. It decides nothing about who
// may do what. All functions may be used concurrently.
package identity

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// Names and groups that certificates carry as common name and organizations.
const (
	APIServer   = "system:apiserver"
	Controllers = "system:controllers"
	Scheduler   = "system:scheduler"
	Admin       = "kaji-admin"

	storePrefix = "system:store:"
	nodePrefix  = "system:node:"

	GroupMasters    = "system:masters"
	GroupStores     = "system:stores"
	GroupNodes      = "system:nodes"
	GroupComponents = "system:components"
)

// StoreName is the name of a store member.
func StoreName(id string) string { return storePrefix + id }

// NodeName is the name of a node's agent.
func NodeName(node string) string { return nodePrefix + node }

// NodeHost is the DNS name that a node's certificate serves under, whatever address its agent has. It is no
// name that any other server has: a node chooses its own name when it joins, and one called 127.0.0.1 or
// kaji-apiserver would otherwise hold a certificate with which it could pass for an API server.
func NodeHost(node string) string { return node + ".nodes.kaji.internal" }

// Identity is who a peer is.
type Identity struct {
	// Name is the common name of its certificate.
	Name string
	// Groups are the organizations of its certificate.
	Groups []string
}

// InGroup reports whether the peer belongs to a group.
func (i Identity) InGroup(group string) bool { return slices.Contains(i.Groups, group) }

// Node returns the name of the node that the peer is the agent of; false when it is none.
func (i Identity) Node() (string, bool) {
	n, ok := strings.CutPrefix(i.Name, nodePrefix)
	return n, ok && n != "" && i.InGroup(GroupNodes)
}

// Store returns the id of the store member that the peer is; false when it is none.
func (i Identity) Store() (string, bool) {
	n, ok := strings.CutPrefix(i.Name, storePrefix)
	return n, ok && n != "" && i.InGroup(GroupStores)
}

func (i Identity) String() string {
	if i.Name == "" {
		return "anonymous"
	}
	return i.Name
}

// FromCertificate reads the identity out of a verified certificate.
func FromCertificate(c *x509.Certificate) Identity {
	return Identity{Name: c.Subject.CommonName, Groups: c.Subject.Organization}
}

type contextKey struct{}

// NewContext returns a context that carries an identity.
func NewContext(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, i)
}

// FromContext returns who made the call: the identity put there by NewContext, otherwise the one proved by
// the connection's client certificate. False means that the peer proved nothing.
func FromContext(ctx context.Context) (Identity, bool) {
	if i, ok := ctx.Value(contextKey{}).(Identity); ok {
		return i, true
	}
	p, ok := peer.FromContext(ctx)
	if !ok {
		return Identity{}, false
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 || len(info.State.VerifiedChains[0]) == 0 {
		return Identity{}, false
	}
	return FromCertificate(info.State.VerifiedChains[0][0]), true
}
