package plugins

import (
	"strings"

	"kaji.dev/kaji/services/scheduler/framework"
)

// keyWeight is a sum for the domain a node is in by a label.
type keyWeight struct {
	key    string
	weight int64
}

func addWeight(list []keyWeight, key string, weight int64) []keyWeight {
	for i := range list {
		if list[i].key == key {
			list[i].weight += weight
			return list
		}
	}
	return append(list, keyWeight{key, weight})
}

// tallies has a sum for each domain of a few labels.
type tallies []tally

type tally struct {
	key     string
	domains *framework.Domains
	sums    []int64
}

// add adds to the domain that the node at an index is in by a label; false when the node lacks the label.
func (t *tallies) add(cluster *framework.Snapshot, i int, key string, by int64) bool {
	at := -1
	for k := range *t {
		if (*t)[k].key == key {
			at = k
		}
	}
	if at < 0 {
		d := cluster.Domains(key)
		if d.At(i) < 0 {
			return false
		}
		at = len(*t)
		*t = append(*t, tally{key, d, make([]int64, d.Len())})
	}
	x := &(*t)[at]
	d := x.domains.At(i)
	if d < 0 {
		return false
	}
	x.sums[d] += by
	return true
}

// at returns the sum for the domain a node is in by a label.
func (t tallies) at(n *framework.NodeInfo, key string) int64 {
	for k := range t {
		if t[k].key == key {
			return t[k].of(n)
		}
	}
	return 0
}

// anyAt tells whether any domain the node is in has something.
func (t tallies) anyAt(n *framework.NodeInfo) bool {
	for k := range t {
		if t[k].of(n) != 0 {
			return true
		}
	}
	return false
}

// total returns the sum over all domains the node is in.
func (t tallies) total(n *framework.NodeInfo) (sum int64) {
	for k := range t {
		sum += t[k].of(n)
	}
	return sum
}

func (x *tally) of(n *framework.NodeInfo) int64 {
	if d := x.domains.Of(n); d >= 0 {
		return x.sums[d]
	}
	return 0
}

// matching returns for each node the number of pods that all of the terms are about.
func (pl InterPodAffinity) matching(cluster *framework.Snapshot, terms []framework.AffinityTerm) []int64 {
	of := func(n *framework.NodeInfo) (count int64) {
		for _, there := range n.Pods {
			if pl.matchesAll(terms, there) {
				count++
			}
		}
		return count
	}
	key, ok := termsKey(terms)
	if !ok {
		out := make([]int64, cluster.Len())
		for i, n := range cluster.Nodes() {
			out[i] = of(n)
		}
		return out
	}
	return framework.PerNode(cluster, key, of)
}

// termsKey stands for what terms select. Those that select namespaces by label depend on more than nodes and cannot be remembered.
func termsKey(terms []framework.AffinityTerm) (string, bool) {
	var b strings.Builder
	b.WriteString("affinity")
	for i := range terms {
		if terms[i].NamespaceSelector != nil {
			return "", false
		}
		b.WriteString("/" + strings.Join(terms[i].Namespaces, ",") + "/" + terms[i].Selector.String())
	}
	return b.String(), true
}

// about stands for everything that terms of other pods can go by: the pod's labels, its namespace and the labels of that.
func (pl InterPodAffinity) about(p *framework.PodInfo) string {
	key := p.Namespace + "/" + p.Labels.String()
	if pl.Namespaces != nil {
		key += "/" + pl.Namespaces(p.Namespace).String()
	}
	return key
}
