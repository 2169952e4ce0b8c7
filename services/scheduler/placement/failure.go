package placement

import (
	"fmt"
	"slices"
	"strings"

	"kaji.dev/kaji/services/scheduler/framework"
)

// Failure says why no node will do. Its message is the one Kubernetes' users know.
type Failure struct {
	// Total is the number of nodes in the cluster.
	Total int
	// Reasons counts the objections.
	Reasons map[string]int
	// RejectedBy are the plugins that objected, sorted: changes that can turn one of them are worth another try. Empty when a plugin failed.
	RejectedBy []string
	// whole is the objection to the pod as such, before any node was looked at.
	whole string
}

// Error implements error.
func (f *Failure) Error() string {
	if f.Total == 0 {
		return "no nodes available to schedule pods"
	}
	message := fmt.Sprintf("0/%d nodes are available", f.Total)
	if f.whole != "" {
		return message + ": " + f.whole + "."
	}
	var reasons []string
	for reason, count := range f.Reasons {
		reasons = append(reasons, fmt.Sprintf("%d %s", count, reason))
	}
	slices.Sort(reasons)
	if len(reasons) == 0 {
		return message + "."
	}
	return message + ": " + strings.Join(reasons, ", ") + "."
}

// newFailure counts what was said against each node. Nodes outside of the limit count for the plugins that set it.
func newFailure(total int, rejected []rejection, limit *framework.Limit) *Failure {
	f := &Failure{Total: total, Reasons: map[string]int{}}
	by := map[string]bool{}
	// Most nodes share few verdicts: count those first.
	counts := map[*framework.Status]int{}
	for _, r := range rejected {
		counts[r.status]++
	}
	for status, n := range counts {
		by[status.Plugin] = true
		for _, reason := range status.Reasons {
			f.Reasons[reason] += n
		}
	}
	if outside := total - len(rejected); limit != nil && outside > 0 {
		f.Reasons[outsideLimit(limit)] += outside
		for _, plugin := range limit.Plugins {
			by[plugin] = true
		}
	}
	for plugin := range by {
		f.RejectedBy = append(f.RejectedBy, plugin)
	}
	slices.Sort(f.RejectedBy)
	return f
}

func outsideLimit(limit *framework.Limit) string {
	if len(limit.Plugins) == 1 {
		return fmt.Sprintf("node(s) didn't satisfy plugin %s", limit.Plugins[0])
	}
	return fmt.Sprintf("node(s) didn't satisfy plugin(s) %v simultaneously", limit.Plugins)
}

func rejectedAsAWhole(cluster *framework.Snapshot, status *framework.Status) *Failure {
	f := &Failure{Total: cluster.Len(), whole: status.Message()}
	if status.Rejected() {
		f.RejectedBy = []string{status.Plugin}
	}
	return f
}

// noNodes names all plugins that look at nodes: a node that comes is worth a try when any of them likes it.
func (pl *Placer) noNodes() *Failure {
	f := &Failure{}
	for _, plugin := range pl.profile.Filter {
		f.RejectedBy = append(f.RejectedBy, plugin.Name())
	}
	slices.Sort(f.RejectedBy)
	return f
}
