package flowcontrol

import (
	"testing"

	"google.golang.org/protobuf/types/known/anypb"
	"k8s.io/utils/clock"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
)

func TestCallsAreSortedIntoLevels(t *testing.T) {
	node := identity.Identity{Name: identity.NodeName("n1"), Groups: []string{identity.GroupNodes}}
	controllers := identity.Identity{Name: identity.Controllers, Groups: []string{identity.GroupComponents}}
	admin := identity.Identity{Name: identity.Admin, Groups: []string{identity.GroupMasters}}
	lease, err := anypb.New(&coordinationv1.Lease{})
	if err != nil {
		t.Fatal(err)
	}
	ms := knownMethods()
	for _, c := range []struct {
		who    identity.Identity
		method string
		req    any
		want   string
	}{
		{node, "/kaji.coordination.v1.LeaseService/UpdateLease", nil, LevelSystem},
		{controllers, "/kaji.coordination.v1.LeaseService/UpdateLease", nil, LevelSystem},
		{controllers, apiv1.ResourceService_Update_FullMethodName, &apiv1.ResourceServiceUpdateRequest{Object: lease}, LevelSystem},
		{node, "/kaji.core.v1.NodeService/UpdateNodeStatus", nil, LevelSystem},
		{node, "/kaji.core.v1.PodService/UpdatePodStatus", nil, LevelSystem},
		{node, "/kaji.core.v1.PodService/PatchPod", &metav1.PatchRequest{Subresource: "status"}, LevelSystem},
		{
			node, apiv1.ResourceService_Patch_FullMethodName,
			&apiv1.ResourceServicePatchRequest{Type: "kaji.core.v1.Pod", Request: &metav1.PatchRequest{Subresource: "status"}}, LevelSystem,
		},
		{node, "/kaji.core.v1.PodService/ListPods", nil, LevelNodes},
		{node, "/kaji.core.v1.PodService/PatchPod", &metav1.PatchRequest{}, LevelNodes},
		{controllers, "/kaji.core.v1.PodService/UpdatePodStatus", nil, LevelControllers},
		{identity.Identity{Name: identity.Scheduler}, "/kaji.core.v1.PodService/BindPods", nil, LevelControllers},
		{admin, "/kaji.coordination.v1.LeaseService/UpdateLease", nil, LevelWorkloadHigh},
		{identity.Identity{Name: "system:serviceaccount:kube-system:dns"}, "/kaji.core.v1.PodService/ListPods", nil, LevelWorkloadHigh},
		{identity.Identity{Name: "system:serviceaccount:default:x"}, "/kaji.core.v1.PodService/ListPods", nil, LevelWorkloadLow},
		{identity.Identity{Name: "alice"}, "/kaji.coordination.v1.LeaseService/UpdateLease", nil, LevelWorkloadLow},
		// A name alone makes nobody a node.
		{identity.Identity{Name: identity.NodeName("n1")}, "/kaji.core.v1.PodService/UpdatePodStatus", nil, LevelWorkloadLow},
		{identity.Identity{}, apiv1.JoinService_Join_FullMethodName, nil, LevelCatchAll},
		{identity.Identity{Name: identity.APIServer}, "/kaji.core.v1.PodService/ListPods", nil, LevelExempt},
	} {
		level, flow := sort(c.who, c.who.Name != "", ms.of(c.method, c.req))
		if level != c.want {
			t.Errorf("%s of %q is at level %s, want %s", c.method, c.who, level, c.want)
		}
		if c.who.Name != "" && level != LevelExempt && flow != c.who.Name {
			t.Errorf("%s of %q is in flow %q", c.method, c.who, flow)
		}
	}
}

func TestLongListsTakeMoreSeats(t *testing.T) {
	c, err := New(Config{Seats: 1000}, func(kind string) int {
		if kind == "pods.core" {
			return 2100
		}
		return 0
	}, clock.RealClock{})
	if err != nil {
		t.Fatal(err)
	}
	no := false
	list := func(o *metav1.ListOptions) any { return &metav1.ListRequest{Options: o} }
	watch := func(o *metav1.ListOptions) any { return &metav1.WatchRequest{Options: o} }
	const lists, watches = "/kaji.core.v1.PodService/ListPods", "/kaji.core.v1.PodService/WatchPods"
	for _, tc := range []struct {
		name, method string
		req          any
		want         int
	}{
		{"all", lists, list(nil), 5},
		{"all, generic", apiv1.ResourceService_List_FullMethodName, &apiv1.ResourceServiceListRequest{Type: "kaji.core.v1.Pod"}, 5},
		{"a page", lists, list(&metav1.ListOptions{Limit: 500}), 2},
		{"a page out of many", lists, list(&metav1.ListOptions{Limit: 1, LabelSelector: "a=b"}), 5},
		{"those of a node", lists, list(&metav1.ListOptions{FieldSelector: "spec.nodeName=n1"}), 1},
		{"a short collection", "/kaji.core.v1.SecretService/ListSecrets", list(nil), 1},
		{"a kind that is not there", apiv1.ResourceService_List_FullMethodName, &apiv1.ResourceServiceListRequest{Type: "x"}, 1},
		{"a watch with all", watches, watch(nil), 5},
		{"a watch that resumes", watches, watch(&metav1.ListOptions{ResourceVersion: "7"}), 1},
		{"a watch without initial events", watches, watch(&metav1.ListOptions{SendInitialEvents: &no}), 1},
		{"delete many", "/kaji.core.v1.PodService/DeleteCollectionPods", &metav1.DeleteCollectionRequest{}, 8},
		{"bind many", corev1.PodService_BindPods_FullMethodName, &corev1.BindPodsRequest{Bindings: make([]*corev1.PodBinding, 120)}, 3},
		{"get", corev1.PodService_GetPod_FullMethodName, &metav1.GetRequest{}, 1},
	} {
		if got := c.seats(c.methods.of(tc.method, tc.req), tc.req); got != tc.want {
			t.Errorf("%s: %d seats, want %d", tc.name, got, tc.want)
		}
	}
}
