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

// ownLabels are the labels of the system's domains that say what a node itself knows. Of those domains
// (kubernetes.io, k8s.io) it may give itself no others: node-restriction.kubernetes.io/… and roles are for an administrator,
// who keeps pods to trusted nodes by them. The list is that of Kubernetes' kubelet.
var ownLabels = []string{
	"kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os",
	"topology.kubernetes.io/zone", "topology.kubernetes.io/region",
	"failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
	"beta.kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/instance-type",
	"node.kubernetes.io/instance-type",
}

// ownDomains are the domains of labels that are the agent's own.
var ownDomains = []string{"kubelet.kubernetes.io", "node.kubernetes.io"}

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
		return apierror.Forbidden(fmt.Sprintf("node %q may not change its own labels of kubernetes.io and k8s.io but for those of its hardware and place", name))
	}
	return nil
}

func sameTaint(a, b *corev1.Taint) bool { return proto.Equal(a, b) }

func restricted(labels map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range labels {
		domain, _, _ := strings.Cut(k, "/")
		if (within(domain, "kubernetes.io") || within(domain, "k8s.io")) && !slices.Contains(ownLabels, k) &&
			!slices.ContainsFunc(ownDomains, func(own string) bool { return within(domain, own) }) {
			out[k] = v
		}
	}
	return out
}

// within says whether a domain is the parent or below it.
func within(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}
