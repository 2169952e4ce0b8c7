package whoami_test

import (
	"slices"
	"testing"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/services/apiserver/apitest"
	"kaji.dev/kaji/services/apiserver/whoami"
)

func TestWhoAmI(t *testing.T) {
	api := apitest.Start(t, nil)
	for _, want := range []identity.Identity{
		{Name: identity.Admin, Groups: []string{identity.GroupMasters}},
		{Name: identity.NodeName("n1"), Groups: []string{identity.GroupNodes}},
		// Someone who may do nothing at all still may ask.
		{Name: "nobody", Groups: []string{"a", "b"}},
	} {
		got, err := apiv1.NewAuthServiceClient(api.As(want).Conn()).WhoAmI(t.Context(), &apiv1.WhoAmIRequest{})
		if err != nil || got.GetName() != want.Name || !slices.Equal(got.GetGroups(), want.Groups) {
			t.Errorf("%v: %v, %v", want, got, err)
		}
	}
	if _, err := (whoami.Service{}).WhoAmI(t.Context(), nil); apierror.ReasonOf(err) != apierror.ReasonUnauthenticated {
		t.Errorf("nobody: %v", err)
	}
}

func TestReviewAccess(t *testing.T) {
	api := apitest.Start(t, nil)
	ask := &apiv1.ReviewAccessRequest{Attributes: []*apiv1.AccessAttributes{
		{Verb: "list", Resource: "secrets.core", Namespace: "default"},
		{Verb: "update", Resource: "nodes.core", Name: "n1", Subresource: "status"},
		{Verb: "deletecollection", Resource: "pods.core"},
	}}
	for _, c := range []struct {
		who  identity.Identity
		want []bool
	}{
		{identity.Identity{Name: identity.Admin, Groups: []string{identity.GroupMasters}}, []bool{true, true, true}},
		{identity.Identity{Name: identity.NodeName("n1"), Groups: []string{identity.GroupNodes}}, []bool{false, true, false}},
		{identity.Identity{Name: "nobody"}, []bool{false, false, false}},
	} {
		auth := apiv1.NewAuthServiceClient(api.As(c.who).Conn())
		got, err := auth.ReviewAccess(t.Context(), ask)
		if err != nil || len(got.GetReviews()) != len(c.want) {
			t.Fatalf("%v: %v, %v", c.who, got, err)
		}
		for i, r := range got.GetReviews() {
			if r.GetAllowed() != c.want[i] || r.GetAllowed() != (r.GetReason() == "") {
				t.Errorf("%v: %v is answered %v", c.who, ask.GetAttributes()[i], r)
			}
		}
		for _, bad := range []*apiv1.AccessAttributes{{Verb: "frob", Resource: "pods.core"}, {Verb: "get", Resource: "podz"}} {
			_, err := auth.ReviewAccess(t.Context(), &apiv1.ReviewAccessRequest{Attributes: []*apiv1.AccessAttributes{bad}})
			if apierror.ReasonOf(apierror.FromStatus(err)) != apierror.ReasonBadRequest {
				t.Errorf("%v: %v", bad, err)
			}
		}
		if _, err := auth.ReviewAccess(t.Context(), &apiv1.ReviewAccessRequest{}); apierror.ReasonOf(apierror.FromStatus(err)) != apierror.ReasonBadRequest {
			t.Errorf("nothing asked: %v", err)
		}
	}
	if _, err := (whoami.Service{}).ReviewAccess(t.Context(), ask); apierror.ReasonOf(err) != apierror.ReasonUnauthenticated {
		t.Errorf("nobody: %v", err)
	}
}
