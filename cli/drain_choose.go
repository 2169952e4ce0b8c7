package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// mirrorAnnotation marks the API's picture of a pod that an agent runs from a file: it cannot be driven away.
const mirrorAnnotation = "kubernetes.io/config.mirror"

// concern is why a pod is not evicted without being told to.
type concern struct {
	what string // of the pods
	flag string // that lifts it
	// lifted: what is done about the pods then.
	lifted string
}

var (
	ofDaemonSet  = concern{"Pods of a DaemonSet", "--ignore-daemonsets to leave them", "ignoring Pods of a DaemonSet"}
	withEmptyDir = concern{"Pods with emptyDir volumes, whose data would be lost", "--delete-emptydir-data to evict them all the same", ""}
	uncontrolled = concern{"Pods that no controller makes anew", "--force to evict them all the same", "evicting Pods that no controller makes anew"}
)

// choose lists the pods of a node that are to be evicted. It fails, before anything is evicted, when one of them needs
// a flag that was not given.
func (d *drainCommand) choose(ctx context.Context, conn *client.Client, node string) ([]*corev1.Pod, error) {
	all, _, err := listAll(ctx, conn, kind.Lookup("pods"), "", &metav1.ListOptions{
		LabelSelector: d.podSelector, FieldSelector: "spec.nodeName=" + node,
	})
	if err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	refused, allowed := map[concern][]string{}, map[concern][]string{}
	for _, o := range all {
		p := o.(*corev1.Pod)
		evict := p.GetMetadata().GetAnnotations()[mirrorAnnotation] == ""
		for _, c := range concerns(p) {
			if d.lifts(c) {
				allowed[c] = append(allowed[c], podName(p))
				evict = evict && c != ofDaemonSet
				continue
			}
			evict = false
			refused[c] = append(refused[c], podName(p))
		}
		if evict {
			out = append(out, p)
		}
	}
	var errs []error
	for _, c := range []concern{ofDaemonSet, withEmptyDir, uncontrolled} {
		if names := refused[c]; len(names) > 0 {
			errs = append(errs, &advice{err: fmt.Errorf("node %q cannot be drained: %s: %s", node, c.what, strings.Join(names, ", ")), next: c.flag})
		}
		if names := allowed[c]; len(names) > 0 && c.lifted != "" {
			fmt.Fprintf(d.Err, "Warning: %s: %s\n", c.lifted, strings.Join(names, ", "))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return out, nil
}

func (d *drainCommand) lifts(c concern) bool {
	switch c {
	case ofDaemonSet:
		return d.daemonSets
	case withEmptyDir:
		return d.emptyDirs
	default:
		return d.force
	}
}

// concerns are what speaks against the eviction of a pod. Nothing does when it is over, or ends already.
func concerns(p *corev1.Pod) []concern {
	phase := p.GetStatus().GetPhase()
	if phase == "Succeeded" || phase == "Failed" || p.GetMetadata().GetDeletionTimestamp() != nil {
		return nil
	}
	owners := p.GetMetadata().GetOwnerReferences()
	at := slices.IndexFunc(owners, (*metav1.OwnerReference).GetController)
	if at >= 0 && owners[at].GetKind() == "DaemonSet" {
		return []concern{ofDaemonSet}
	}
	var out []concern
	if slices.ContainsFunc(p.GetSpec().GetVolumes(), func(v *corev1.Volume) bool { return v.GetVolumeSource().GetEmptyDir() != nil }) {
		out = append(out, withEmptyDir)
	}
	if at < 0 {
		out = append(out, uncontrolled)
	}
	return out
}
