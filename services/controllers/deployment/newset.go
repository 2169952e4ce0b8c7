package deployment

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"strconv"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/services/controllers/owner"

	"google.golang.org/protobuf/proto"
)

// newSet makes the replica set of the deployment's template. Its name comes from the template, so that a stale cache cannot make two.
func newSet(r rollout) (*appsv1.ReplicaSet, error) {
	d := r.d
	hash, err := templateHash(d.GetSpec().GetTemplate(), collisionCount(d))
	if err != nil {
		return nil, err
	}
	template := proto.CloneOf(d.GetSpec().GetTemplate())
	if template.Metadata == nil {
		template.Metadata = &metav1.ObjectMeta{}
	}
	if template.Metadata.Labels == nil {
		template.Metadata.Labels = map[string]string{}
	}
	template.Metadata.Labels[hashLabel] = hash
	matches := proto.CloneOf(d.GetSpec().GetSelector())
	if matches.MatchLabels == nil {
		matches.MatchLabels = map[string]string{}
	}
	matches.MatchLabels[hashLabel] = hash
	n := wanted(d)
	if isRolling(d) {
		n = growNew(r)
	}
	return &appsv1.ReplicaSet{
		Metadata: &metav1.ObjectMeta{
			Namespace:       d.GetMetadata().GetNamespace(),
			Name:            d.GetMetadata().GetName() + "-" + hash,
			Labels:          maps.Clone(template.GetMetadata().GetLabels()),
			Annotations:     sized(d, annotate(d, nil, nextRevision(r.old))),
			OwnerReferences: []*metav1.OwnerReference{owner.Reference(d)},
		},
		Spec: &appsv1.ReplicaSetSpec{
			Replicas:        proto.Int32(n),
			MinReadySeconds: d.GetSpec().GetMinReadySeconds(),
			Selector:        matches,
			Template:        template,
		},
	}, nil
}

// Letters that make no words.
const hashLetters = "bcdfghjklmnpqrstvwxz2456789"

// templateHash names a template. Two templates that share a hash are told apart by the collision count, which the controller raises
// when it meets one. The hash names; whether a replica set has the template is decided by comparing.
func templateHash(t *corev1.PodTemplateSpec, collisions *int32) (string, error) {
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(t)
	if err != nil {
		return "", err
	}
	h := fnv.New32a()
	_, _ = h.Write(text)
	if collisions != nil {
		_, _ = h.Write(binary.LittleEndian.AppendUint32(nil, uint32(*collisions)))
	}
	digits := strconv.FormatUint(uint64(h.Sum32()), 10)
	name := make([]byte, len(digits))
	for i := range digits {
		name[i] = hashLetters[int(digits[i])%len(hashLetters)]
	}
	return string(name), nil
}
