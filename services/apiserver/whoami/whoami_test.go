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
