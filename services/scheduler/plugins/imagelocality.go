package plugins

import (
	"strings"

	"kaji.dev/kaji/services/scheduler/framework"
)

// ImageLocality prefers nodes that have the pod's images already, by size. An image counts in proportion to how many nodes have it, lest
// all pods of an image go to the one node that pulled it first.
type ImageLocality struct{}

const (
	imageName = "ImageLocality"
	// Below the first, pulling is not worth thinking of; above the second, per container, more does not count.
	minImageBytes int64 = 23 << 20
	maxImageBytes int64 = 1000 << 20
)

// Name implements framework.Plugin.
func (ImageLocality) Name() string { return imageName }

// podImages is what one decision looks for.
type podImages struct {
	images     []imageSpread
	containers int64
}

type imageSpread struct {
	name  string
	share float64 // of nodes that have it
}

// PreScore implements framework.PreScorePlugin.
func (ImageLocality) PreScore(state *framework.CycleState, p *framework.PodInfo, cluster *framework.Snapshot, _ []*framework.NodeInfo) *framework.Status {
	var found podImages
	spec := p.Pod.GetSpec()
	add := func(image string) {
		found.containers++
		name := withTag(image)
		if n := cluster.ImageNodes(name); n > 0 {
			found.images = append(found.images, imageSpread{name, float64(n) / float64(cluster.Len())})
		}
	}
	for _, c := range spec.GetInitContainers() {
		add(c.GetImage())
	}
	for _, c := range spec.GetContainers() {
		add(c.GetImage())
	}
	if found.images == nil {
		return framework.NewStatus(framework.Skip, imageName)
	}
	state.Write(imageName, &found)
	return nil
}

// Score implements framework.ScorePlugin.
func (ImageLocality) Score(state *framework.CycleState, _ *framework.PodInfo, n *framework.NodeInfo) int64 {
	want := framework.Read[*podImages](state, imageName)
	var sum int64
	for _, image := range want.images {
		if n.Images != nil {
			sum += int64(float64(n.Images.Sizes[image.name]) * image.share)
		}
	}
	most := maxImageBytes * want.containers
	return framework.MaxScore * (min(max(sum, minImageBytes), most) - minImageBytes) / (most - minImageBytes)
}

// withTag adds the tag that a name without one stands for.
func withTag(image string) string {
	if strings.LastIndexByte(image, ':') <= strings.LastIndexByte(image, '/') {
		return image + ":latest"
	}
	return image
}
