package deployment

import (
	"math"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"

	"google.golang.org/protobuf/proto"
)

// count computes the numbers of the status; conditions are the caller's.
func count(r rollout, collisions *int32) *appsv1.DeploymentStatus {
	s := &appsv1.DeploymentStatus{
		ObservedGeneration:  r.d.GetMetadata().GetGeneration(),
		CollisionCount:      collisions,
		UpdatedReplicas:     r.next.GetStatus().GetReplicas(),
		TerminatingReplicas: proto.Int32(0),
	}
	for _, rs := range r.all() {
		s.Replicas += rs.GetStatus().GetReplicas()
		s.ReadyReplicas += rs.GetStatus().GetReadyReplicas()
		s.AvailableReplicas += rs.GetStatus().GetAvailableReplicas()
		*s.TerminatingReplicas += rs.GetStatus().GetTerminatingReplicas()
	}
	s.UnavailableReplicas = max(s.Replicas-s.AvailableReplicas, 0)
	return s
}

// complete tells whether the update is done: all replicas are new and available, and no other is left.
func complete(d *appsv1.Deployment, s *appsv1.DeploymentStatus) bool {
	return s.GetUpdatedReplicas() == wanted(d) && s.GetReplicas() == wanted(d) && s.GetAvailableReplicas() == wanted(d) &&
		s.GetObservedGeneration() >= d.GetMetadata().GetGeneration()
}

// progressing tells whether anything moved forward since the last status.
func progressing(last, s *appsv1.DeploymentStatus) bool {
	return s.GetUpdatedReplicas() > last.GetUpdatedReplicas() ||
		s.GetReplicas()-s.GetUpdatedReplicas() < last.GetReplicas()-last.GetUpdatedReplicas() ||
		s.GetReadyReplicas() > last.GetReadyReplicas() ||
		s.GetAvailableReplicas() > last.GetAvailableReplicas()
}

// deadline is progressDeadlineSeconds; 0 when there is none.
func deadline(d *appsv1.Deployment) int32 {
	if s := d.GetSpec().GetProgressDeadlineSeconds(); s != math.MaxInt32 {
		return s
	}
	return 0
}

// collisionCount is nil while there was none.
func collisionCount(d *appsv1.Deployment) *int32 {
	if d.GetStatus() == nil {
		return nil
	}
	return d.GetStatus().CollisionCount
}
