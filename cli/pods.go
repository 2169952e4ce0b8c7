package cli

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	batchv1 "kaji.dev/kaji/gen/kaji/batch/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/selector"
	"kaji.dev/kaji/similar"
)

// podsFor finds the pods that an argument means: a pod by name, or those of a workload or a Service, the ones to prefer
// first: running, ready, longest so.
func podsFor(ctx context.Context, s *session, c *cobra.Command, conn *client.Client, arg string) ([]*corev1.Pod, error) {
	pod, namespace, text, err := podSelector(ctx, s, c, conn, arg)
	if err != nil {
		return nil, err
	}
	if pod != nil {
		return []*corev1.Pod{pod}, nil
	}
	pods, err := podsBy(ctx, conn, namespace, text)
	if err != nil {
		return nil, err
	}
	if len(pods) == 0 {
		return nil, &advice{err: fmt.Errorf("%s has no pods", arg), next: fmt.Sprintf("`kaji describe %s` shows why", arg)}
	}
	return pods, nil
}

// podSelector is the pod that an argument names, or where and by which labels to find those it means.
func podSelector(ctx context.Context, s *session, c *cobra.Command, conn *client.Client, arg string) (pod *corev1.Pod, namespace, text string, err error) {
	word, name, ok := strings.Cut(arg, "/")
	if !ok {
		word, name = "pods", arg
	}
	k, err := lookup(word)
	if err != nil {
		return nil, "", "", err
	}
	if name == "" {
		return nil, "", "", usage(c, "%q names nothing", arg)
	}
	if !k.Namespaced() {
		return nil, "", "", fmt.Errorf("%s has no pods", k.Plural())
	}
	o, err := get(ctx, conn, target{kind: k, namespace: s.namespace(), name: name})
	if err != nil {
		return nil, "", "", err
	}
	switch o := o.(type) {
	case *corev1.Pod:
		return o, "", "", nil
	case *appsv1.Deployment:
		text, err = selectorText(o.GetSpec().GetSelector())
	case *appsv1.ReplicaSet:
		text, err = selectorText(o.GetSpec().GetSelector())
	case *appsv1.StatefulSet:
		text, err = selectorText(o.GetSpec().GetSelector())
	case *appsv1.DaemonSet:
		text, err = selectorText(o.GetSpec().GetSelector())
	case *batchv1.Job:
		text, err = selectorText(o.GetSpec().GetSelector())
	case *corev1.ReplicationController:
		text = strings.Join(sortedPairs(o.GetSpec().GetSelector()), ",")
	case *corev1.Service:
		text = strings.Join(sortedPairs(o.GetSpec().GetSelector()), ",")
	default:
		return nil, "", "", fmt.Errorf("%s has no pods", k.Plural())
	}
	if err == nil && text == "" {
		return nil, "", "", fmt.Errorf("%s has no selector, so it has no pods", arg)
	}
	return nil, o.GetMetadata().GetNamespace(), text, err
}

func selectorText(m *metav1.LabelSelector) (string, error) {
	sel, err := selector.FromMessage(m)
	if err != nil {
		return "", err
	}
	return sel.String(), nil
}

// podsBy lists pods by label, the ones to prefer first.
func podsBy(ctx context.Context, conn *client.Client, namespace, label string) ([]*corev1.Pod, error) {
	items, _, err := listAll(ctx, conn, kind.Lookup("pods"), namespace, &metav1.ListOptions{LabelSelector: label})
	if err != nil {
		return nil, err
	}
	out := make([]*corev1.Pod, 0, len(items))
	for _, o := range items {
		out = append(out, o.(*corev1.Pod))
	}
	sort.SliceStable(out, func(i, j int) bool { return preference(out[i]) > preference(out[j]) })
	return out, nil
}

func preference(p *corev1.Pod) int {
	n := 0
	if p.GetMetadata().GetDeletionTimestamp() == nil {
		n += 8
	}
	if p.GetSpec().GetNodeName() != "" {
		n += 4
	}
	if p.GetStatus().GetPhase() == "Running" {
		n += 2
	}
	for _, c := range p.GetStatus().GetConditions() {
		if c.GetType() == "Ready" && c.GetStatus() == "True" {
			n++
		}
	}
	return n
}

const defaultContainerAnnotation = "kubectl.kubernetes.io/default-container"

// containerNames lists a pod's containers, init containers first.
func containerNames(p *corev1.Pod) []string {
	var out []string
	for _, c := range p.GetSpec().GetInitContainers() {
		out = append(out, c.GetName())
	}
	for _, c := range p.GetSpec().GetContainers() {
		out = append(out, c.GetName())
	}
	for _, c := range p.GetSpec().GetEphemeralContainers() {
		out = append(out, c.GetEphemeralContainerCommon().GetName())
	}
	return out
}

// containerOf is the container that is meant: the one named, the one the pod's annotation names, the first.
// A choice made for the user is said on the error stream.
func containerOf(s *session, p *corev1.Pod, name string) (string, error) {
	all := containerNames(p)
	if name != "" {
		if slices.Contains(all, name) {
			return name, nil
		}
		next := "its containers are: " + strings.Join(all, ", ")
		if best := similar.Best(name, all); best != "" {
			next = fmt.Sprintf("did you mean %q? (its containers are: %s)", best, strings.Join(all, ", "))
		}
		return "", &advice{err: fmt.Errorf("pod %s has no container %q", p.GetMetadata().GetName(), name), next: next}
	}
	if name = p.GetMetadata().GetAnnotations()[defaultContainerAnnotation]; name != "" && slices.Contains(all, name) {
		return name, nil
	}
	main := p.GetSpec().GetContainers()
	if len(main) == 0 {
		return "", fmt.Errorf("pod %s has no containers", p.GetMetadata().GetName())
	}
	if len(all) > 1 {
		fmt.Fprintf(s.Err, "Defaulted container %q out of: %s\n", main[0].GetName(), strings.Join(all, ", "))
	}
	return main[0].GetName(), nil
}

// completeContainers completes -c from the pod that the first argument means.
func (s *session) completeContainers(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	conn, err := s.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	pods, err := podsFor(ctx, s, c, conn, args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, name := range containerNames(pods[0]) {
		if strings.HasPrefix(name, word) {
			out = append(out, name)
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
