package strategy

import (
	"strconv"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// A request of a few megabytes must not keep a processor for minutes.
func TestLongListsTakeNoTimeToSpeakOf(t *testing.T) {
	const n = 100_000
	node := &corev1.Node{Metadata: &metav1.ObjectMeta{Name: "n"}, Spec: &corev1.NodeSpec{}, Status: &corev1.NodeStatus{}}
	for i := range n {
		name := strconv.Itoa(i)
		node.Metadata.Finalizers = append(node.Metadata.Finalizers, "example.com/"+name)
		node.Status.Addresses = append(node.Status.Addresses, &corev1.NodeAddress{Type: "InternalIP", Address: name})
	}
	node.Status.Addresses = append(node.Status.Addresses, node.Status.Addresses[0])
	s := For(kind.Of(node))
	began := time.Now()
	if errs := s.Validate(node); len(errs) != 1 || errs[0].Field != "status.addresses["+strconv.Itoa(n)+"]" {
		t.Errorf("%d violations", len(errs))
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}
