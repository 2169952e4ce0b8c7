package deployment

import (
	"fmt"
	"slices"
	"time"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Types and reasons of conditions, as Kubernetes names them.
const (
	conditionAvailable      = "Available"
	conditionProgressing    = "Progressing"
	conditionReplicaFailure = "ReplicaFailure"

	reasonAvailable    = "MinimumReplicasAvailable"
	reasonUnavailable  = "MinimumReplicasUnavailable"
	reasonFound        = "FoundNewReplicaSet"
	reasonCreated      = "NewReplicaSetCreated"
	reasonCreateError  = "ReplicaSetCreateError"
	reasonUpdated      = "ReplicaSetUpdated"
	reasonNewAvailable = "NewReplicaSetAvailable"
	reasonTimedOut     = "ProgressDeadlineExceeded"
	reasonPaused       = "DeploymentPaused"
	reasonResumed      = "DeploymentResumed"
)

// conditions are a deployment's conditions while they are worked out.
type conditions struct {
	list []*appsv1.DeploymentCondition
	now  time.Time
}

func (c *conditions) get(conditionType string) *appsv1.DeploymentCondition {
	for _, x := range c.list {
		if x.GetType() == conditionType {
			return x
		}
	}
	return nil
}

func (c *conditions) remove(conditionType string) {
	c.list = slices.DeleteFunc(slices.Clone(c.list), func(x *appsv1.DeploymentCondition) bool { return x.GetType() == conditionType })
}

// set sets a condition; one that says the same (status and reason) stays as it is, times included.
func (c *conditions) set(conditionType, status, reason, message string) {
	if old := c.get(conditionType); old.GetStatus() == status && old.GetReason() == reason {
		return
	}
	c.renew(conditionType, status, reason, message)
}

// renew sets a condition as of now; only a change of status is a transition.
func (c *conditions) renew(conditionType, status, reason, message string) {
	now := timestamppb.New(c.now.Truncate(time.Second))
	next := &appsv1.DeploymentCondition{Type: conditionType, Status: status, Reason: reason, Message: message, LastUpdateTime: now, LastTransitionTime: now}
	if old := c.get(conditionType); old.GetStatus() == status {
		next.LastTransitionTime = old.GetLastTransitionTime()
	}
	c.remove(conditionType)
	c.list = append(c.list, next)
}

// pause notes that a deployment was paused or resumed: while it is paused the deadline stands still.
func (c *conditions) pause(d *appsv1.Deployment) {
	if deadline(d) == 0 {
		return
	}
	old := c.get(conditionProgressing)
	switch {
	case old.GetReason() == reasonTimedOut:
		// It remains timed out until it gets on.
	case d.GetSpec().GetPaused() && old.GetReason() != reasonPaused:
		c.set(conditionProgressing, "Unknown", reasonPaused, "Deployment is paused")
	case !d.GetSpec().GetPaused() && old.GetReason() == reasonPaused:
		c.set(conditionProgressing, "Unknown", reasonResumed, "Deployment is resumed")
	}
}

// available sets Available by the numbers.
func (c *conditions) available(d *appsv1.Deployment, s *appsv1.DeploymentStatus) {
	if _, unavailable := fenceposts(d); s.GetAvailableReplicas() >= wanted(d)-unavailable {
		c.set(conditionAvailable, "True", reasonAvailable, "Deployment has minimum availability.")
	} else {
		c.set(conditionAvailable, "False", reasonUnavailable, "Deployment does not have minimum availability.")
	}
}

// progress sets Progressing by what moved since the last status, and by the deadline.
func (c *conditions) progress(r rollout, s *appsv1.DeploymentStatus) {
	if deadline(r.d) == 0 {
		c.remove(conditionProgressing)
		return
	}
	old := c.get(conditionProgressing)
	if s.GetReplicas() == s.GetUpdatedReplicas() && old.GetReason() == reasonNewAvailable {
		return // done before; pods that come and go are no update
	}
	what := fmt.Sprintf("Deployment %q", r.d.GetMetadata().GetName())
	if r.next != nil {
		what = fmt.Sprintf("ReplicaSet %q", r.next.GetMetadata().GetName())
	}
	switch {
	case complete(r.d, s):
		c.set(conditionProgressing, "True", reasonNewAvailable, what+" has successfully progressed.")
	case progressing(r.d.GetStatus(), s):
		// Renewed each time, for the deadline counts from the last progress.
		c.renew(conditionProgressing, "True", reasonUpdated, what+" is progressing.")
	case c.timedOut(r.d):
		c.set(conditionProgressing, "False", reasonTimedOut, what+" has timed out progressing.")
	}
}

func (c *conditions) timedOut(d *appsv1.Deployment) bool {
	p := c.get(conditionProgressing)
	switch p.GetReason() {
	case "", reasonNewAvailable, reasonPaused:
		return false
	case reasonTimedOut:
		return true
	}
	return c.left(d) <= 0
}

// left is the time until the deadline.
func (c *conditions) left(d *appsv1.Deployment) time.Duration {
	since := c.get(conditionProgressing).GetLastUpdateTime().AsTime()
	return since.Add(time.Duration(deadline(d)) * time.Second).Sub(c.now)
}

// failures passes on that a replica set cannot create or delete pods, the new one's word first.
func (c *conditions) failures(r rollout) {
	for _, rs := range append([]*appsv1.ReplicaSet{r.next}, r.old...) {
		for _, x := range rs.GetStatus().GetConditions() {
			if x.GetType() == conditionReplicaFailure && x.GetStatus() == "True" {
				c.set(conditionReplicaFailure, "True", x.GetReason(), x.GetMessage())
				return
			}
		}
	}
	c.remove(conditionReplicaFailure)
}

// wake is when to look again although nothing happens: when the deadline passes; 0 for never.
func (c *conditions) wake(d *appsv1.Deployment, s *appsv1.DeploymentStatus) time.Duration {
	p := c.get(conditionProgressing)
	if deadline(d) == 0 || p == nil || complete(d, s) || p.GetReason() == reasonTimedOut || p.GetReason() == reasonNewAvailable || d.GetSpec().GetPaused() {
		return 0
	}
	return max(c.left(d), 0) + time.Second
}
