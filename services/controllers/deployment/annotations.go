package deployment

import (
	"maps"
	"strconv"
	"strings"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
)

// Labels and annotations, as Kubernetes names them.
const (
	hashLabel                 = "pod-template-hash"
	revisionAnnotation        = "deployment.kubernetes.io/revision"
	revisionHistoryAnnotation = "deployment.kubernetes.io/revision-history"
	desiredReplicasAnnotation = "deployment.kubernetes.io/desired-replicas"
	maxReplicasAnnotation     = "deployment.kubernetes.io/max-replicas"
)

// What is not copied from the deployment to its replica sets.
var own = map[string]bool{
	"kubectl.kubernetes.io/last-applied-configuration": true,
	"kaji.dev/last-applied-configuration":              true,
	revisionAnnotation:                                 true,
	revisionHistoryAnnotation:                          true,
	desiredReplicasAnnotation:                          true,
	maxReplicasAnnotation:                              true,
}

// historyMost bounds the annotation that lists earlier revisions, in bytes.
const historyMost = 2000

func revisionOf(annotations map[string]string) int64 {
	n, err := strconv.ParseInt(annotations[revisionAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// nextRevision is one more than any old replica set has had.
func nextRevision(old []*appsv1.ReplicaSet) int64 {
	var most int64
	for _, rs := range old {
		most = max(most, revisionOf(rs.GetMetadata().GetAnnotations()))
	}
	return most + 1
}

// annotate returns the annotations of the new replica set: the deployment's, and the revision, which only ever goes up. A set that
// is rolled back to gets a new revision and remembers the ones it had.
func annotate(d *appsv1.Deployment, existing map[string]string, revision int64) map[string]string {
	next := maps.Clone(existing)
	if next == nil {
		next = map[string]string{}
	}
	for key, value := range d.GetMetadata().GetAnnotations() {
		if !own[key] {
			next[key] = value
		}
	}
	before := revisionOf(existing)
	if before >= revision {
		return next
	}
	next[revisionAnnotation] = strconv.FormatInt(revision, 10)
	if before > 0 {
		history := strconv.FormatInt(before, 10)
		if earlier := existing[revisionHistoryAnnotation]; earlier != "" {
			history = earlier + "," + history
		}
		for len(history) > historyMost {
			_, history, _ = strings.Cut(history, ",")
		}
		next[revisionHistoryAnnotation] = history
	}
	return next
}

// sized returns annotations that say for what size of the deployment a replica set was sized.
func sized(d *appsv1.Deployment, annotations map[string]string) map[string]string {
	surge, _ := fenceposts(d)
	next := maps.Clone(annotations)
	if next == nil {
		next = map[string]string{}
	}
	next[desiredReplicasAnnotation] = strconv.Itoa(int(wanted(d)))
	next[maxReplicasAnnotation] = strconv.Itoa(int(wanted(d) + surge))
	return next
}

func desiredAnnotation(rs *appsv1.ReplicaSet) int32 {
	return number(rs.GetMetadata().GetAnnotations()[desiredReplicasAnnotation])
}

func maxAnnotation(rs *appsv1.ReplicaSet) int32 {
	return number(rs.GetMetadata().GetAnnotations()[maxReplicasAnnotation])
}

// number reads an annotation; -1 when it is no number.
func number(text string) int32 {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return -1
	}
	return int32(n)
}

// resized tells whether the deployment's number of replicas changed since its replica sets were sized.
func resized(r rollout) bool {
	for _, rs := range active(r.all()) {
		if desired := desiredAnnotation(rs); desired >= 0 && desired != wanted(r.d) {
			return true
		}
	}
	return false
}
