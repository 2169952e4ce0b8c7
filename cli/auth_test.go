package cli_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/config"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	"kaji.dev/kaji/identity"
)

func TestWhoAmI(t *testing.T) {
	s, api := realShell(t)
	same(t, s.ok("auth", "whoami"), "Name:    kaji-admin\nGroups:  system:masters")
	same(t, s.ok("auth", "whoami", "-o", "yaml"), "groups:\n- system:masters\nname: kaji-admin")
	s.fails([]string{"json or yaml"}, "auth", "whoami", "-o", "xml")
	s.fails([]string{`no auth command "me"`}, "auth", "me")
	// Someone who may do nothing may still ask.
	s.config = filepath.Join(t.TempDir(), "config")
	if err := config.Write(s.config, "test", []string{api.Address}, api.Files(identity.Identity{Name: "guest"})); err != nil {
		t.Fatal(err)
	}
	if out := s.ok("auth", "whoami", "-o", "json"); !strings.Contains(out, `"name": "guest"`) || !strings.Contains(out, `"groups": []`) {
		t.Error(out)
	}
	s.fails([]string{"may not list"}, "get", "pods")
}

func TestClusterInfo(t *testing.T) {
	s, api := realShell(t)
	files := api.Files(identity.Identity{Name: identity.Admin, Groups: []string{identity.GroupMasters}})
	same(t, strings.Join(strings.Fields(s.ok("cluster-info")), " "), "API SERVER STATUS "+api.Address+" serving Nodes: 0, of which 0 ready")
	if err := config.Write(s.config, "test", []string{api.Address, "127.0.0.1:1"}, files); err != nil {
		t.Fatal(err)
	}
	same(t, strings.Join(strings.Fields(s.ok("cluster-info")), " "), "API SERVER STATUS "+api.Address+" serving 127.0.0.1:1 does not answer Nodes: 0, of which 0 ready")
	if err := config.Write(s.config, "test", []string{"127.0.0.1:1"}, files); err != nil {
		t.Fatal(err)
	}
	s.fails([]string{"127.0.0.1:1", "is the cluster up?"}, "cluster-info")
	same(t, newShell(t, server(t, running).Client()).ok("cluster-info"), "Nodes: 1, of which 1 ready")
}

type reviewer struct {
	apiv1.UnimplementedAuthServiceServer
	asked []*apiv1.AccessAttributes
}

func (r *reviewer) ReviewAccess(_ context.Context, q *apiv1.ReviewAccessRequest) (*apiv1.ReviewAccessResponse, error) {
	r.asked = q.GetAttributes()
	out := &apiv1.ReviewAccessResponse{}
	for _, a := range r.asked {
		one := &apiv1.AccessReview{Allowed: a.GetResource() == "pods.core" && a.GetVerb() != "delete"}
		if !one.Allowed {
			one.Reason = "not you"
		}
		out.Reviews = append(out.Reviews, one)
	}
	return out, nil
}

func TestCanI(t *testing.T) {
	r := &reviewer{}
	s := newShell(t, client.New(serve(t, func(g *grpc.Server) { apiv1.RegisterAuthServiceServer(g, r) })))
	same(t, s.ok("auth", "can-i", "get", "po", "web-1", "--subresource=log", "-n", "shop"), "yes")
	want := &apiv1.AccessAttributes{Verb: "get", Resource: "pods.core", Subresource: "log", Namespace: "shop", Name: "web-1"}
	if len(r.asked) != 1 || !proto.Equal(r.asked[0], want) {
		t.Errorf("asked %v", r.asked)
	}
	for _, args := range [][]string{{"delete", "pods"}, {"*", "pods"}, {"get", "nodes/n1"}} {
		if got := s.run(append([]string{"auth", "can-i"}, args...)...); got.code != 1 || got.out != "no - not you\n" || got.err != "" {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if r.asked[0].GetNamespace() != "" || r.asked[0].GetName() != "n1" {
		t.Errorf("asked %v", r.asked)
	}
	if got := s.run("auth", "can-i", "delete", "pods", "-q"); got.code != 1 || got.out != "" {
		t.Errorf("%+v", got)
	}
	out := s.ok("auth", "can-i", "--list")
	if !strings.Contains(out, "get list watch create update patch deletecollection apply\n") || strings.Contains(out, "nodes") {
		t.Error(out)
	}
	s.fails([]string{"give a verb and a kind"}, "auth", "can-i", "get")
	s.fails([]string{`"frob" is no verb`}, "auth", "can-i", "frob", "pods")
	s.fails([]string{`there is no kind "podz"`}, "auth", "can-i", "get", "podz")
}
