package apiserver_test

import (
	"context"
	"testing"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// A node lives its life with the rights of a node: it registers, renews its lease, runs its pods, and touches
// nothing of another's.
func TestTheLifeOfANode(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	admin, n1 := s.Client(), s.Node("n1")
	nodes := client.Of[*corev1.Node](n1)
	node := check(nodes.Create(ctx, &corev1.Node{
		Metadata: &metav1.ObjectMeta{Name: "n1", Labels: map[string]string{"zone": "a"}},
		Spec:     &corev1.NodeSpec{Taints: []*corev1.Taint{{Key: "starting", Effect: "NoSchedule"}}},
		Status:   &corev1.NodeStatus{NodeInfo: &corev1.NodeSystemInfo{OperatingSystem: "linux"}},
	}))(t)
	if node.GetStatus().GetNodeInfo().GetOperatingSystem() != "linux" {
		t.Errorf("the status a node registers with is lost: %v", node.GetStatus())
	}
	if _, err := nodes.Create(ctx, &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "n2"}}); !apierror.IsForbidden(err) {
		t.Errorf("it registers another: %v", err)
	}
	if _, err := nodes.Create(ctx, &corev1.Node{Metadata: &metav1.ObjectMeta{GenerateName: "n"}}); !apierror.IsForbidden(err) {
		t.Errorf("it registers under a name to be made: %v", err)
	}
	node.Metadata.Labels["zone"] = "b"
	node.Status.Phase = "Running"
	node = check(nodes.UpdateStatus(ctx, node))(t)
	if node.GetMetadata().GetLabels()["zone"] != "a" || node.GetStatus().GetPhase() != "Running" {
		t.Errorf("after UpdateStatus: %v", node)
	}
	node.Spec.Taints = nil
	if _, err := nodes.Update(ctx, node); !apierror.IsForbidden(err) {
		t.Errorf("it takes off its own taint: %v", err)
	}
	node = check(nodes.Get(ctx, "", "n1"))(t)
	for _, label := range []string{"node-restriction.kubernetes.io/trusted", "sub.node-restriction.kubernetes.io/x", "node-role.kubernetes.io/control-plane", "kubernetes.io/other", "vault.k8s.io/a"} {
		node.Metadata.Labels[label] = "yes"
		if _, err := nodes.Update(ctx, node); !apierror.IsForbidden(err) {
			t.Errorf("it gives itself the label %s: %v", label, err)
		}
		delete(node.Metadata.Labels, label)
	}
	for _, label := range []string{"kubernetes.io/hostname", "topology.kubernetes.io/zone", "node.kubernetes.io/instance-type", "example.com/notkubernetes.io"} {
		node.Metadata.Labels[label] = "n1"
	}
	node.Metadata.Labels["zone"] = "b"
	check(nodes.Update(ctx, node))(t)

	leases := client.Of[*coordinationv1.Lease](n1)
	lease := &coordinationv1.Lease{Metadata: &metav1.ObjectMeta{Namespace: "kube-node-lease", Name: "n1"}, Spec: &coordinationv1.LeaseSpec{}}
	check(leases.Create(ctx, lease))(t)
	lease.Metadata.Name = "n2"
	if _, err := leases.Create(ctx, lease); !apierror.IsForbidden(err) {
		t.Errorf("it makes another's lease: %v", err)
	}

	for _, name := range []string{"wanted", "unwanted"} {
		secret := &corev1.Secret{Metadata: &metav1.ObjectMeta{Namespace: "default", Name: name}}
		check(client.Of[*corev1.Secret](admin).Create(ctx, secret))(t)
	}
	p := newPod("mine")
	p.Spec.Volumes = []*corev1.Volume{{Name: "v", VolumeSource: &corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "wanted"}}}}
	check(client.Of[*corev1.Pod](admin).Create(ctx, p))(t)
	secrets, pods := client.Of[*corev1.Secret](n1), client.Of[*corev1.Pod](n1)
	if _, err := secrets.Get(ctx, "default", "wanted"); !apierror.IsForbidden(err) {
		t.Errorf("it reads a secret before it needs it: %v", err)
	}
	bind(t, s, "mine", "n1")
	check(secrets.Get(ctx, "default", "wanted"))(t)
	if _, err := secrets.Get(ctx, "default", "unwanted"); !apierror.IsForbidden(err) {
		t.Errorf("it reads a secret that it does not need: %v", err)
	}
	items, _, err := pods.List(ctx, "", &metav1.ListOptions{FieldSelector: "spec.nodeName=n1"})
	if err != nil || len(items) != 1 {
		t.Fatalf("it sees %d pods, %v", len(items), err)
	}
	mine := items[0]
	mine.Status.Phase = "Running"
	mine.Spec.NodeName = "n2"
	if mine = check(pods.UpdateStatus(ctx, mine))(t); mine.GetStatus().GetPhase() != "Running" || mine.GetSpec().GetNodeName() != "n1" {
		t.Errorf("after UpdateStatus: %v", mine)
	}
	if _, err := client.Of[*corev1.Pod](s.Node("n2")).UpdateStatus(ctx, mine); !apierror.IsForbidden(err) {
		t.Errorf("another node writes its pod's status: %v", err)
	}
	if _, err := pods.Create(ctx, newPod("own")); !apierror.IsForbidden(err) {
		t.Errorf("it creates a pod: %v", err)
	}
}
