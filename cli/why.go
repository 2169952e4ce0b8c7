package cli

import (
	"context"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/cli/printers"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
)

func newWhy(s *session) *cobra.Command {
	var out data
	c := &cobra.Command{
		Use:   "why (POD | KIND/NAME)",
		Short: "Say why a pod does not run, and what would help",
		Long: `Say why a pod does not run: what the scheduler makes of every node, or what its containers wait for, and what would
help. Of a workload or a Service, the pod that is worst off is taken.

  $ kaji why big
  Pod big fits on no node after 2 tries; it will be tried again when something changes that can help.
  0/1 nodes are available: 1 Insufficient cpu.

  NODE     FITS   SCORE   REASON
  node-1   no     -       Insufficient cpu (NodeResourcesFit)

  What would help:
    - ask for less in the containers' resources.requests, remove other pods, or add a node (…)`,
		Example:           "  kaji why web-1\n  kaji why deployment/web",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: s.completePods,
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.check(c); err != nil {
				return err
			}
			conn, err := s.connect()
			if err != nil {
				return err
			}
			pods, err := podsFor(c.Context(), s, c, conn, args[0])
			if err != nil {
				return err
			}
			pod := pods[len(pods)-1]
			var answer *schedulerv1.ExplainResponse
			if pod.GetSpec().GetNodeName() == "" {
				answer, err = explain(c.Context(), schedulerv1.NewSchedulerServiceClient(conn.Conn()), pod)
				if err != nil {
					return err
				}
			}
			if out.wanted() {
				return dataWhy(s.Out, &out, pod, answer)
			}
			return writeWhy(s.Out, pod, answer, s.Now())
		},
	}
	out.bind(c)
	return c
}

// dataWhy tells programs what writeWhy tells people.
func dataWhy(w io.Writer, out *data, p *corev1.Pod, a *schedulerv1.ExplainResponse) error {
	var text strings.Builder
	if err := writeWhy(&text, p, a, time.Now()); err != nil {
		return err
	}
	v := map[string]any{
		"pod": p.GetMetadata().GetName(), "namespace": p.GetMetadata().GetNamespace(), "node": p.GetSpec().GetNodeName(), "phase": p.GetStatus().GetPhase(), "text": text.String(),
	}
	if a != nil {
		scheduling, err := plain(a)
		if err != nil {
			return err
		}
		v["scheduling"], v["remedies"] = scheduling, append([]string{}, remedies(a, p)...)
	}
	return out.write(w, v)
}

func explain(ctx context.Context, c schedulerv1.SchedulerServiceClient, p *corev1.Pod) (*schedulerv1.ExplainResponse, error) {
	r, err := c.Explain(ctx, &schedulerv1.ExplainRequest{Namespace: p.GetMetadata().GetNamespace(), Name: p.GetMetadata().GetName()})
	err = apierror.FromStatus(err)
	if apierror.IsUnavailable(err) {
		return nil, &advice{err: err, next: "the scheduler does not answer: is `kaji scheduler` running? pods wait until it is"}
	}
	return r, err
}

func writeWhy(w io.Writer, p *corev1.Pod, a *schedulerv1.ExplainResponse, now time.Time) error {
	name := p.GetMetadata().GetName()
	switch {
	case p.GetMetadata().GetDeletionTimestamp() != nil:
		fmt.Fprintf(w, "Pod %s is being deleted, since %s.\n", name, printers.Age(p.GetMetadata().GetDeletionTimestamp(), now))
		return nil
	case a == nil || a.GetState() == schedulerv1.PodState_POD_STATE_BOUND:
		return writeBound(w, p)
	}
	fmt.Fprintf(w, "Pod %s %s.\n", name, stateText(a, now))
	if a.GetMessage() != "" {
		fmt.Fprintln(w, a.GetMessage())
	}
	if len(a.GetNodes()) > 0 {
		fmt.Fprintln(w)
		rows := [][]string{{"NODE", "FITS", "SCORE", "REASON"}}
		for _, n := range a.GetNodes() {
			if n.GetFits() {
				rows = append(rows, []string{n.GetNodeName(), "yes", strconv.FormatInt(n.GetTotalScore(), 10), scoreText(n.GetScores())})
				continue
			}
			var reasons []string
			for _, r := range n.GetReasons() {
				reasons = append(reasons, fmt.Sprintf("%s (%s)", r.GetMessage(), r.GetPlugin()))
			}
			rows = append(rows, []string{n.GetNodeName(), "no", "-", strings.Join(reasons, "; ")})
		}
		if err := printers.NewTable(w).Write(rows...); err != nil {
			return err
		}
	}
	if todo := remedies(a, p); len(todo) > 0 {
		fmt.Fprintln(w, "\nWhat would help:")
		for _, t := range todo {
			fmt.Fprintln(w, "  - "+t)
		}
	}
	return nil
}

func scoreText(scores map[string]int64) string {
	var parts []string
	for plugin, n := range scores {
		parts = append(parts, fmt.Sprintf("%s %d", plugin, n))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}

func stateText(a *schedulerv1.ExplainResponse, now time.Time) string {
	tried := ""
	if n := a.GetAttempts(); n == 1 {
		tried = " after one try"
	} else if n > 1 {
		tried = fmt.Sprintf(" after %d tries", n)
	}
	switch a.GetState() {
	case schedulerv1.PodState_POD_STATE_QUEUED:
		return "waits for its turn with the scheduler"
	case schedulerv1.PodState_POD_STATE_BACKOFF:
		if t := a.GetNextAttempt(); t != nil && t.AsTime().After(now) {
			return fmt.Sprintf("found no node%s; the next try is in %s", tried, t.AsTime().Sub(now).Round(time.Second))
		}
		return "found no node" + tried + "; it will be tried again in a moment"
	case schedulerv1.PodState_POD_STATE_UNSCHEDULABLE:
		return "fits on no node" + tried + "; it will be tried again when something changes that can help"
	case schedulerv1.PodState_POD_STATE_GATED:
		return "is held back by its scheduling gates"
	case schedulerv1.PodState_POD_STATE_BINDING:
		return "is being bound to node " + a.GetNodeName()
	case schedulerv1.PodState_POD_STATE_NOT_RESPONSIBLE:
		return "asks for another scheduler, or has ended"
	}
	return "is unknown to the scheduler"
}

// remedies says what would help, once for each sort of reason.
func remedies(a *schedulerv1.ExplainResponse, p *corev1.Pod) []string {
	name := p.GetMetadata().GetName()
	switch a.GetState() {
	case schedulerv1.PodState_POD_STATE_GATED:
		var gates []string
		for _, g := range p.GetSpec().GetSchedulingGates() {
			gates = append(gates, g.GetName())
		}
		return []string{"whoever set the gates must remove them: " + strings.Join(gates, ", ")}
	case schedulerv1.PodState_POD_STATE_NOT_RESPONSIBLE:
		return []string{fmt.Sprintf("spec.schedulerName is %q; it should name a scheduler that runs (default-scheduler is Kaji's)", p.GetSpec().GetSchedulerName())}
	case schedulerv1.PodState_POD_STATE_BINDING:
		return nil
	}
	if len(a.GetNodes()) == 0 {
		if a.GetState() == schedulerv1.PodState_POD_STATE_UNSCHEDULABLE || a.GetState() == schedulerv1.PodState_POD_STATE_BACKOFF {
			return []string{"there is no node: `kaji get nodes`; `kaji token create` makes a token to join one"}
		}
		return nil
	}
	advices := map[string]string{
		"NodeResourcesFit":  fmt.Sprintf("ask for less in the containers' resources.requests, remove other pods, or add a node (`kaji describe nodes` shows what is taken; `kaji get pod %s -o jsonpath='{.spec.containers[*].resources}'` what it asks for)", name),
		"TaintToleration":   "remove the taint from a node (`kaji describe nodes` shows them), or give the pod a toleration",
		"NodeAffinity":      "label a node as spec.nodeSelector or spec.affinity asks (`kaji get nodes --show-labels`, `kaji label node …`), or ask for less",
		"NodeUnschedulable": "let pods onto a node again: `kaji uncordon NODE`",
		"NodePorts":         "another pod on the node has the host port: use another hostPort, or none",
		"NodeName":          "spec.nodeName or the node's name is wrong: `kaji get nodes`",
	}
	seen := map[string]bool{}
	var out []string
	for _, n := range a.GetNodes() {
		if n.GetFits() {
			return []string{"nothing: node " + n.GetNodeName() + " fits; it will be bound in a moment"}
		}
		for _, r := range n.GetReasons() {
			if text := advices[r.GetPlugin()]; text != "" && !seen[text] {
				seen[text] = true
				out = append(out, text)
			}
		}
	}
	return out
}

// writeBound says where a pod that has a node stands.
func writeBound(w io.Writer, p *corev1.Pod) error {
	name, node := p.GetMetadata().GetName(), p.GetSpec().GetNodeName()
	fmt.Fprintf(w, "Pod %s is on node %s: %s.\n", name, node, printers.PodStatus(p))
	if p.GetStatus().GetMessage() != "" {
		fmt.Fprintln(w, p.GetStatus().GetMessage())
	}
	var todo []string
	statuses := append(append([]*corev1.ContainerStatus(nil), p.GetStatus().GetInitContainerStatuses()...), p.GetStatus().GetContainerStatuses()...)
	for _, c := range statuses {
		switch waiting, ended := c.GetState().GetWaiting(), c.GetState().GetTerminated(); {
		case waiting != nil:
			fmt.Fprintf(w, "Container %s waits: %s %s\n", c.GetName(), waiting.GetReason(), waiting.GetMessage())
			todo = append(todo, waitingRemedy(name, c.GetName(), waiting.GetReason())...)
		case ended != nil && ended.GetExitCode() != 0:
			fmt.Fprintf(w, "Container %s ended with exit code %d: %s %s\n", c.GetName(), ended.GetExitCode(), ended.GetReason(), ended.GetMessage())
			todo = append(todo, fmt.Sprintf("`kaji logs %s -c %s` shows what it said", name, c.GetName()))
		case c.GetState().GetRunning() != nil && !c.GetReady():
			fmt.Fprintf(w, "Container %s runs, but is not ready\n", c.GetName())
			todo = append(todo, fmt.Sprintf("`kaji describe pod %s` shows its probes and what they found", name))
		}
	}
	if len(statuses) == 0 && p.GetStatus().GetPhase() == "Pending" {
		fmt.Fprintln(w, "The node has not said anything of it yet.")
		todo = append(todo, "`kaji get node "+node+"` shows whether the node is Ready")
	}
	if len(todo) > 0 {
		fmt.Fprintln(w, "\nWhat would help:")
		for _, t := range todo {
			fmt.Fprintln(w, "  - "+t)
		}
	}
	return nil
}

func waitingRemedy(pod, container, reason string) []string {
	switch reason {
	case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull":
		return []string{"check the image's name, and that the node can reach its registry"}
	case "CrashLoopBackOff":
		return []string{fmt.Sprintf("`kaji logs %s -c %s --previous` shows what it said before it ended", pod, container)}
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		return []string{fmt.Sprintf("`kaji describe pod %s` shows what is missing, such as a ConfigMap or Secret", pod)}
	}
	return nil
}
