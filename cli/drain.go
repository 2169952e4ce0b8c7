package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	policyv1 "kaji.dev/kaji/gen/kaji/policy/v1"
	"kaji.dev/kaji/kind"
)

// budgetPause is how long drain waits before it asks again for a pod that a budget keeps, when the server does not say.
const budgetPause = 5 * time.Second

// leastPause keeps drain from asking without a rest.
const leastPause = 50 * time.Millisecond

// drainCommand is one invocation of drain.
type drainCommand struct {
	*session
	dry              dryRun
	selector         string
	podSelector      string
	daemonSets       bool
	emptyDirs        bool
	force            bool
	noEviction       bool
	grace            int64
	timeout          time.Duration
	skipDeletedAfter time.Duration
}

func newDrain(s *session) *cobra.Command {
	d := &drainCommand{session: s}
	c := &cobra.Command{
		Use:   "drain (NODE… | -l SELECTOR)",
		Short: "Move all pods off a node",
		Long: `Move all pods off a node, before it is serviced or taken away.

The node is cordoned, so that no new pods come, and its pods are evicted: each gets its grace period, and a
PodDisruptionBudget may keep one for a while. drain asks again until it may go, and says for whom it waits. It ends when
all pods are gone.

Pods of DaemonSets are not evicted, since they would be made again at once: drain stops before it begins unless
--ignore-daemonsets says to leave them. So it does for pods with emptyDir volumes (--delete-emptydir-data), whose data
would be lost, and for pods that no controller would make anew (--force).

` + "`kaji uncordon NODE`" + ` lets pods onto the node again.`,
		Example: `  kaji drain node-1
  kaji drain node-1 --ignore-daemonsets --delete-emptydir-data --timeout=10m
  kaji drain -l rack=7 --pod-selector='app!=db'`,
		ValidArgsFunction: func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return s.completeNames(c.Context(), "nodes", word)
		},
		RunE: d.run,
	}
	f := c.Flags()
	f.StringVarP(&d.selector, "selector", "l", "", "drain the nodes with these labels")
	f.StringVar(&d.podSelector, "pod-selector", "", "evict only pods with these labels")
	f.BoolVar(&d.daemonSets, "ignore-daemonsets", false, "leave pods of DaemonSets where they are")
	f.BoolVar(&d.emptyDirs, "delete-emptydir-data", false, "evict pods with emptyDir volumes too; their data is lost")
	f.BoolVar(&d.force, "force", false, "evict pods without a controller too; nothing makes them anew")
	f.BoolVar(&d.noEviction, "disable-eviction", false, "delete pods instead of evicting them: disruption budgets are not asked")
	f.Int64Var(&d.grace, "grace-period", -1, "seconds each pod has to end; negative for what the pod says")
	f.DurationVar(&d.timeout, "timeout", 0, "give up after this time; 0 for never")
	f.DurationVar(&d.skipDeletedAfter, "skip-wait-for-delete-timeout", 0, "do not wait for pods whose end was asked for longer ago than this; 0 waits for all")
	d.dry.bind(c)
	return c
}

func (d *drainCommand) run(c *cobra.Command, args []string) error {
	if err := d.dry.check(c); err != nil {
		return err
	}
	if len(args) > 0 == (d.selector != "") {
		return usage(c, "drain which node? give names, or labels with -l")
	}
	conn, err := d.connect()
	if err != nil {
		return err
	}
	names := args
	if d.selector != "" {
		nodes, _, err := listAll(c.Context(), conn, kind.Lookup("nodes"), "", &metav1.ListOptions{LabelSelector: d.selector})
		if err != nil {
			return err
		}
		if len(nodes) == 0 {
			return fmt.Errorf("no nodes match %q", d.selector)
		}
		for _, n := range nodes {
			names = append(names, n.GetMetadata().GetName())
		}
	}
	ctx := c.Context()
	if d.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.timeout)
		defer cancel()
	}
	// All are cordoned before the first pod moves: it must not move to the next node to be drained.
	var errs []error
	var ready []string
	for _, name := range names {
		if err := d.cordon(ctx, conn, name); err != nil {
			errs = append(errs, err)
			continue
		}
		ready = append(ready, name)
	}
	for i, name := range ready {
		err := d.drain(ctx, conn, name)
		if err == nil {
			continue
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = &advice{err: fmt.Errorf("node %q is not drained after %v: %w", name, d.timeout, err),
				next: fmt.Sprintf("not drained: %s; they stay cordoned", strings.Join(ready[i:], ", "))}
			return errors.Join(append(errs, err)...)
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (d *drainCommand) cordon(ctx context.Context, conn *client.Client, name string) error {
	if d.dry == "client" || d.dry == "server" {
		if _, err := get(ctx, conn, target{kind: kind.Lookup("nodes"), name: name}); err != nil {
			return err
		}
		fmt.Fprintf(d.Out, "node/%s cordoned%s\n", name, d.dry.note())
		return nil
	}
	_, changed, err := setUnschedulable(ctx, conn, name, true, "")
	if err == nil {
		fmt.Fprintf(d.Out, "node/%s %s\n", name, cordonWord("cordoned", changed))
	}
	return err
}

// drain evicts the pods of one node and waits for their end.
func (d *drainCommand) drain(ctx context.Context, conn *client.Client, node string) error {
	pods, err := d.choose(ctx, conn, node)
	if err != nil {
		return err
	}
	waiting := map[string]string{} // pod → why it could not be evicted yet
	told := map[string]string{}
	var gone []*corev1.Pod
	for {
		var again []*corev1.Pod
		wait := time.Duration(0)
		for _, p := range pods {
			name := podName(p)
			if waiting[name] == "" {
				fmt.Fprintf(d.Out, "evicting pod %s%s\n", name, d.dry.note())
			}
			err := d.evict(ctx, conn, p)
			var refused *apierror.Error
			switch {
			case err == nil:
				delete(waiting, name)
				gone = append(gone, p)
			case apierror.IsNotFound(err), apierror.IsConflict(err): // ended meanwhile, or is another pod by now
				delete(waiting, name)
			case errors.As(err, &refused) && apierror.IsRetriable(err) && ctx.Err() == nil: // a budget, or no answer
				if wait == 0 || 0 < refused.RetryAfter && refused.RetryAfter < wait {
					wait = max(refused.RetryAfter, leastPause)
				}
				waiting[name] = refused.Message
				again = append(again, p)
			case ctx.Err() != nil:
				return stillWaiting(ctx, waiting)
			default:
				return fmt.Errorf("node %q is not drained: evicting pod %s: %w", node, name, err)
			}
		}
		if len(again) == 0 {
			break
		}
		if wait == 0 {
			wait = budgetPause
		}
		for _, p := range again {
			name := podName(p)
			if told[name] != waiting[name] {
				told[name] = waiting[name]
				fmt.Fprintf(d.Err, "waiting for pod %s: %s (trying again every %v)\n", name, waiting[name], wait)
			}
		}
		if !sleep(ctx, wait) {
			return stillWaiting(ctx, waiting)
		}
		pods = again
	}
	if d.dry != "client" && d.dry != "server" {
		if err := d.awaitEnd(ctx, conn, gone); err != nil {
			return err
		}
	}
	fmt.Fprintf(d.Out, "node/%s drained%s\n", node, d.dry.note())
	return nil
}

// evict asks for the end of one pod.
func (d *drainCommand) evict(ctx context.Context, conn *client.Client, p *corev1.Pod) error {
	m := p.GetMetadata()
	options := &metav1.DeleteOptions{DryRun: d.dry.server(), Preconditions: &metav1.Preconditions{Uid: proto.String(m.GetUid())}}
	if d.grace >= 0 {
		options.GracePeriodSeconds = &d.grace
	}
	switch {
	case d.dry == "client":
		return nil
	case d.noEviction:
		return client.ForKind(conn, kind.Of(p)).Delete(ctx, m.GetNamespace(), m.GetName(), options)
	}
	_, err := corev1.NewPodServiceClient(conn.Conn()).EvictPod(ctx, &corev1.EvictPodRequest{Object: &policyv1.Eviction{
		Metadata: &metav1.ObjectMeta{Namespace: m.GetNamespace(), Name: m.GetName()}, DeleteOptions: options,
	}})
	return apierror.FromStatus(err)
}

// awaitEnd waits until the pods are gone, and says so of each.
func (d *drainCommand) awaitEnd(ctx context.Context, conn *client.Client, pods []*corev1.Pod) error {
	for _, p := range pods {
		m := p.GetMetadata()
		if asked := m.GetDeletionTimestamp(); asked != nil && d.skipDeletedAfter > 0 {
			begun := asked.AsTime().Add(-time.Duration(m.GetDeletionGracePeriodSeconds()) * time.Second)
			if d.Now().Sub(begun) > d.skipDeletedAfter {
				fmt.Fprintf(d.Err, "not waiting for pod %s, whose end was asked for %v ago\n", podName(p), d.Now().Sub(begun).Round(time.Second))
				continue
			}
		}
		left := map[string]string{m.GetName(): m.GetUid()}
		if err := awaitNames(ctx, conn, kind.Of(p), m.GetNamespace(), left); err != nil {
			return err
		}
		if len(left) > 0 {
			return stillThere(ctx, conn, kind.Of(p), m.GetNamespace(), left)
		}
		past := "evicted"
		if d.noEviction {
			past = "deleted"
		}
		fmt.Fprintf(d.Out, "pod/%s %s\n", m.GetName(), past)
	}
	return nil
}

// stillWaiting says which pods budgets have kept until ctx ended.
func stillWaiting(ctx context.Context, waiting map[string]string) error {
	if len(waiting) == 0 || errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	var why []string
	for _, line := range sortedPairs(waiting) {
		_, text, _ := strings.Cut(line, "=")
		why = append(why, text)
	}
	return errors.New(strings.Join(why, "; "))
}

// sleep waits, and tells false when the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// podName names a pod with its namespace.
func podName(p *corev1.Pod) string {
	return p.GetMetadata().GetNamespace() + "/" + p.GetMetadata().GetName()
}
