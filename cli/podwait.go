package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// errPodGone is a pod that was deleted while something was awaited of it.
var errPodGone = errors.New("the pod is gone")

// awaitPod waits until a condition holds of a pod, which met is shown at every change. A pod that is deleted, or whose name
// another one has taken, is errPodGone.
func awaitPod(ctx context.Context, conn *client.Client, pod *corev1.Pod, met func(*corev1.Pod) (bool, error)) (*corev1.Pod, error) {
	m := pod.GetMetadata()
	look := func(o kind.Object) (bool, error) {
		if o.GetMetadata().GetUid() != m.GetUid() {
			return false, errPodGone
		}
		pod = o.(*corev1.Pod)
		return met(pod)
	}
	err := listThenWatch(ctx, conn, kind.Lookup("pods"), m.GetNamespace(), &metav1.ListOptions{FieldSelector: "metadata.name=" + m.GetName()},
		func(items []kind.Object) (bool, error) {
			if len(items) == 0 {
				return false, errPodGone
			}
			return look(items[0])
		}, func(e metav1.EventType, o kind.Object) (bool, error) {
			if e == metav1.EventType_EVENT_TYPE_DELETED {
				return false, errPodGone
			}
			return look(o)
		})
	if err == nil {
		err = ctx.Err()
	}
	return pod, err
}

func podEnded(p *corev1.Pod) bool {
	return p.GetStatus().GetPhase() == "Succeeded" || p.GetStatus().GetPhase() == "Failed"
}

// endedError refuses to do something with a pod that has ended.
func endedError(p *corev1.Pod, what string) error {
	name := p.GetMetadata().GetName()
	return &advice{err: fmt.Errorf("pod %s has ended (%s): there is nothing to %s", name, p.GetStatus().GetPhase(), what), next: fmt.Sprintf("`kaji logs %s` shows what it wrote", name)}
}

// awaitRunning waits until a pod runs or has ended, and says what it waits for.
func awaitRunning(ctx context.Context, s *session, conn *client.Client, pod *corev1.Pod, timeout time.Duration, quiet bool) (*corev1.Pod, error) {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	why, said := "", ""
	pod, err := awaitPod(limited, conn, pod, func(p *corev1.Pod) (bool, error) {
		if p.GetStatus().GetPhase() == "Running" || podEnded(p) {
			return true, nil
		}
		if why = waitingFor(p); why != said && !quiet {
			said = why
			fmt.Fprintf(s.Err, "Waiting for pod %s: %s\n", p.GetMetadata().GetName(), why)
		}
		return false, nil
	})
	name := pod.GetMetadata().GetName()
	switch {
	case errors.Is(err, errPodGone):
		return nil, fmt.Errorf("pod %s was deleted before it ran", name)
	case err != nil && ctx.Err() == nil && limited.Err() != nil:
		return nil, &advice{err: fmt.Errorf("pod %s does not run after %v: %s", name, timeout, why), next: fmt.Sprintf("`kaji why %s` says what it waits for", name)}
	}
	return pod, err
}

// waitingFor is what keeps a pod from running.
func waitingFor(p *corev1.Pod) string {
	for _, all := range [][]*corev1.ContainerStatus{p.GetStatus().GetInitContainerStatuses(), p.GetStatus().GetContainerStatuses()} {
		for _, c := range all {
			if w := c.GetState().GetWaiting(); w.GetReason() != "" && w.GetReason() != "PodInitializing" {
				if w.GetMessage() == "" {
					return w.GetReason()
				}
				return w.GetReason() + ": " + w.GetMessage()
			}
		}
	}
	for _, c := range p.GetStatus().GetConditions() {
		if c.GetType() == "PodScheduled" && c.GetStatus() == "False" {
			return c.GetReason() + ": " + c.GetMessage()
		}
	}
	if p.GetSpec().GetNodeName() == "" {
		return "it is not on a node yet"
	}
	return "its containers are being made"
}
