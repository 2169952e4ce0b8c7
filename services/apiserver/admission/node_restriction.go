package admission

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// restrictedLabel is the prefix of labels that a node may not give itself, so that pods can be kept to nodes
// that an administrator trusts.
const restrictedLabel = "node-restriction.kubernetes.io/"

// NodeRestriction keeps a node from making itself more than it is: it may not change its taints after it has
// registered, nor labels that only an administrator gives.
type NodeRestriction struct{}

// Validate implements Validator.
func (NodeRestriction) Validate(_ context.Context, r *Request) error {
	name, isNode := r.Identity.Node()
	if !isNode {
		return nil
	}
	node, ok := r.Object.(*corev1.Node)
	if !ok {
		return nil
	}
	if node.GetMetadata().GetName() != name {
		return apierror.Forbidden(fmt.Sprintf("node %q may not write node %q", name, node.GetMetadata().GetName()))
	}
	var before map[string]string
	if r.Verb == metav1.Verb_VERB_UPDATE {
		old := r.Old.(*corev1.Node)
		before = old.GetMetadata().GetLabels()
		if !slices.EqualFunc(node.GetSpec().GetTaints(), old.GetSpec().GetTaints(), sameTaint) {
			return apierror.Forbidden(fmt.Sprintf("node %q may not change its own taints", name))
		}
	}
	if !maps.Equal(restricted(before), restricted(node.GetMetadata().GetLabels())) {
		return apierror.Forbidden(fmt.Sprintf("node %q may not change its own labels with the prefix %s", name, restrictedLabel))
	}
	return nil
}

func sameTaint(a, b *corev1.Taint) bool { return proto.Equal(a, b) }

func restricted(labels map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		if strings.Contains(k, restrictedLabel) {
			out[k] = v
		}
	}
	return out
}
