package apiserver_test

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/durationpb"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// stranger is a client that has nothing but the hash of the CA.
func stranger(t *testing.T, s *apitest.Server, hash string) *client.Client {
	t.Helper()
	c := check(client.Dial(client.Config{Endpoints: []string{s.Address}, TLS: identity.PinnedTLS(hash, "127.0.0.1"), MaxAttempts: 1}))(t)
	t.Cleanup(func() { c.Close() })
	return c
}

func request(t *testing.T, name string, groups ...string) (csr, key []byte) {
	t.Helper()
	csr, key, err := identity.NewCSR(identity.Request{Name: name, Groups: groups})
	if err != nil {
		t.Fatal(err)
	}
	return csr, key
}

func TestANodeJoins(t *testing.T) {
	s := apitest.Start(t, func(c *apiserver.Config) { c.Endpoints = []string{"10.0.0.1:7443"} })
	ctx := context.Background()
	made := check(apiv1.NewJoinServiceClient(s.Client().Conn()).CreateToken(ctx, &apiv1.CreateTokenRequest{Description: "rack 1"}))(t)
	parts := strings.Split(made.GetToken(), ".")
	if len(parts) != 3 || parts[2] != s.CA.Hash() {
		t.Fatalf("the token is %q", made.GetToken())
	}
	if left := time.Until(made.GetExpiresAt().AsTime()); left < 23*time.Hour || left > 25*time.Hour {
		t.Errorf("the token is good for %s", left)
	}
	stored := check(client.Of[*corev1.Secret](s.Client()).Get(ctx, "kaji-system", "join-token-"+parts[0]))(t)
	for key, value := range stored.GetData() {
		if strings.Contains(string(value), parts[1]) {
			t.Errorf("%s of the Secret holds the token itself", key)
		}
	}

	csr, key := request(t, "system:node:n1", identity.GroupNodes)
	joined := check(apiv1.NewJoinServiceClient(stranger(t, s, parts[2]).Conn()).Join(ctx, &apiv1.JoinRequest{
		Token: parts[0] + "." + parts[1], NodeName: "n1", Csr: csr,
	}))(t)
	if len(joined.GetEndpoints()) != 1 || string(joined.GetCaPem()) != string(s.CA.CertPEM()) {
		t.Errorf("the answer is %v", joined)
	}
	dir := t.TempDir()
	files := identity.FilesIn(dir, "node")
	if err := files.Write(joined.GetCertificatePem(), key); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.crt"), joined.GetCaPem(), 0o600); err != nil {
		t.Fatal(err)
	}
	node := check(client.Dial(client.Config{Endpoints: []string{s.Address}, TLS: clientTLS(t, files)}))(t)
	defer node.Close()
	check(client.Of[*corev1.Node](node).Create(ctx, &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "n1"}}))(t)

	// The certificate renews itself, and only itself.
	again, _ := request(t, "system:node:n1", identity.GroupNodes)
	check(apiv1.NewJoinServiceClient(node.Conn()).Renew(ctx, &apiv1.RenewRequest{Csr: again}))(t)
	other, _ := request(t, "system:node:n2", identity.GroupNodes)
	if _, err := apiv1.NewJoinServiceClient(node.Conn()).Renew(ctx, &apiv1.RenewRequest{Csr: other}); !apierror.IsForbidden(apierror.FromStatus(err)) {
		t.Errorf("it renews another's: %v", err)
	}
}

// Who holds a token does not become a node that is there already, unless that one is out of order.
func TestNobodyTakesTheNameOfANodeThatIsWell(t *testing.T) {
	s := apitest.Start(t, nil)
	token := check(apiv1.NewJoinServiceClient(s.Client().Conn()).CreateToken(t.Context(), &apiv1.CreateTokenRequest{}))(t).GetToken()
	join := apiv1.NewJoinServiceClient(stranger(t, s, s.CA.Hash()).Conn())
	nodes := client.Of[*corev1.Node](s.Client())
	csr, _ := request(t, identity.NodeName("n1"), identity.GroupNodes)
	try := func() apierror.Reason {
		_, err := join.Join(t.Context(), &apiv1.JoinRequest{Token: token, NodeName: "n1", Csr: csr})
		return apierror.ReasonOf(apierror.FromStatus(err))
	}
	node := check(nodes.Create(t.Context(), &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "n1"}}))(t)
	for status, want := range map[string]apierror.Reason{"True": apierror.ReasonFailedPrecondition, "Unknown": ""} {
		node.Status = &corev1.NodeStatus{Conditions: []*corev1.NodeCondition{{Type: "Ready", Status: status}}}
		node = check(nodes.UpdateStatus(t.Context(), node))(t)
		if got := try(); got != want {
			t.Errorf("Ready is %s: %q, want %q", status, got, want)
		}
	}
}

// A token makes nodes, whatever they call themselves, and no servers.
func TestANodeCannotPassForAnotherServer(t *testing.T) {
	s := apitest.Start(t, nil)
	token := check(apiv1.NewJoinServiceClient(s.Client().Conn()).CreateToken(t.Context(), &apiv1.CreateTokenRequest{}))(t).GetToken()
	join := apiv1.NewJoinServiceClient(stranger(t, s, s.CA.Hash()).Conn())
	for _, name := range []string{"127.0.0.1", "localhost", "kaji-apiserver", "kaji-store"} {
		csr, _ := request(t, identity.NodeName(name), identity.GroupNodes)
		joined := check(join.Join(t.Context(), &apiv1.JoinRequest{Token: token, NodeName: name, Csr: csr}))(t)
		cert := check(identity.ParseCertificate(joined.GetCertificatePem()))(t)
		if cert.VerifyHostname(name) == nil {
			t.Errorf("a node serves as %s", name)
		}
		if err := cert.VerifyHostname(identity.NodeHost(name)); err != nil {
			t.Error(err)
		}
	}
}

func clientTLS(t *testing.T, f identity.Files) *tls.Config {
	t.Helper()
	return check(identity.ClientTLS(f, ""))(t)
}

func TestJoinRefuses(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	admin := apiv1.NewJoinServiceClient(s.Client().Conn())
	token := check(admin.CreateToken(ctx, &apiv1.CreateTokenRequest{}))(t).GetToken()
	short := check(admin.CreateToken(ctx, &apiv1.CreateTokenRequest{Ttl: durationpb.New(time.Millisecond)}))(t).GetToken()
	id, _, _ := strings.Cut(token, ".")
	join := apiv1.NewJoinServiceClient(stranger(t, s, s.CA.Hash()).Conn())
	csr, _ := request(t, "system:node:n1", identity.GroupNodes)
	admin2, _ := request(t, "kaji-admin", identity.GroupMasters)
	masters, _ := request(t, "system:node:n1", identity.GroupMasters)
	for name, c := range map[string]struct {
		req    *apiv1.JoinRequest
		reason apierror.Reason
	}{
		"no token":         {&apiv1.JoinRequest{Token: "x", NodeName: "n1", Csr: csr}, apierror.ReasonUnauthenticated},
		"a wrong secret":   {&apiv1.JoinRequest{Token: id + "." + strings.Repeat("0", 40), NodeName: "n1", Csr: csr}, apierror.ReasonUnauthenticated},
		"an unknown id":    {&apiv1.JoinRequest{Token: "00000000." + strings.Repeat("0", 40), NodeName: "n1", Csr: csr}, apierror.ReasonUnauthenticated},
		"an expired one":   {&apiv1.JoinRequest{Token: short, NodeName: "n1", Csr: csr}, apierror.ReasonUnauthenticated},
		"another's name":   {&apiv1.JoinRequest{Token: token, NodeName: "n2", Csr: csr}, apierror.ReasonForbidden},
		"an admin's name":  {&apiv1.JoinRequest{Token: token, NodeName: "n1", Csr: admin2}, apierror.ReasonForbidden},
		"an admin's group": {&apiv1.JoinRequest{Token: token, NodeName: "n1", Csr: masters}, apierror.ReasonForbidden},
		"a bad node name":  {&apiv1.JoinRequest{Token: token, NodeName: "N_1", Csr: csr}, apierror.ReasonBadRequest},
		"a bad request":    {&apiv1.JoinRequest{Token: token, NodeName: "n1", Csr: []byte("x")}, apierror.ReasonBadRequest},
	} {
		_, err := join.Join(ctx, c.req)
		if got := apierror.ReasonOf(apierror.FromStatus(err)); got != c.reason {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
	if _, err := apiv1.NewJoinServiceClient(s.Node("n1").Conn()).CreateToken(ctx, &apiv1.CreateTokenRequest{}); !apierror.IsForbidden(apierror.FromStatus(err)) {
		t.Errorf("a node makes tokens: %v", err)
	}
	if _, err := apiv1.NewJoinServiceClient(s.Client().Conn()).Renew(ctx, &apiv1.RenewRequest{Csr: csr}); !apierror.IsForbidden(apierror.FromStatus(err)) {
		t.Errorf("an administrator renews a node's certificate: %v", err)
	}
}

// Calls of strangers that stay open do not keep out those who are known.
func TestStrangersFindRoomForAFewCalls(t *testing.T) {
	s := apitest.Start(t, nil)
	stranger, admin := healthv1.NewHealthClient(stranger(t, s, s.CA.Hash()).Conn()), healthv1.NewHealthClient(s.Client().Conn())
	ctx, end := context.WithCancel(t.Context())
	defer end()
	watch := func(c healthv1.HealthClient) error {
		w := check(c.Watch(ctx, &healthv1.HealthCheckRequest{}))(t)
		_, err := w.Recv()
		return err
	}
	for n := 1; ; n++ {
		err := watch(stranger)
		if apierror.ReasonOf(apierror.FromStatus(err)) == apierror.ReasonTooManyRequests {
			break
		}
		if err != nil || n > 1000 {
			t.Fatalf("call %d: %v", n, err)
		}
	}
	if err := watch(admin); err != nil {
		t.Errorf("the administrator finds no room: %v", err)
	}
	end()
}

func TestAStrangerMayOnlyJoin(t *testing.T) {
	s := apitest.Start(t, nil)
	c := stranger(t, s, s.CA.Hash())
	if _, err := client.Of[*corev1.ConfigMap](c).Get(context.Background(), "default", "a"); apierror.ReasonOf(err) != apierror.ReasonUnauthenticated {
		t.Errorf("get: %v", err)
	}
	if _, err := apiv1.NewResourceServiceClient(c.Conn()).Discover(context.Background(), &apiv1.DiscoverRequest{}); apierror.ReasonOf(apierror.FromStatus(err)) != apierror.ReasonUnauthenticated {
		t.Errorf("discover: %v", err)
	}
	if err := healthy(c); err != nil {
		t.Errorf("health: %v", err)
	}
}
