package deployment

import (
	"context"
	"fmt"
	"time"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client/events"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/controllers/owner"

	"google.golang.org/protobuf/proto"
)

// pass is one look at one deployment.
type pass struct {
	rollout
	controller *controller
	conditions *conditions
	collisions *int32
	progressed bool // the strategy ran, so that Progressing is to be judged
}

func (p *pass) run(ctx context.Context) error {
	if p.d.GetMetadata().GetDeletionTimestamp() != nil {
		return nil
	}
	p.conditions.pause(p.d)
	if err := p.syncNew(ctx); err != nil {
		return err
	}
	if p.d.GetSpec().GetPaused() {
		if err := p.apply(ctx, scale(p.rollout)); err != nil {
			return err
		}
		return p.clean(ctx)
	}
	if resized(p.rollout) {
		if steps := scale(p.rollout); len(steps) > 0 {
			return p.apply(ctx, steps)
		}
	}
	p.progressed = true
	if !isRolling(p.d) {
		return p.recreate(ctx)
	}
	if err := p.ensureNew(ctx); err != nil {
		return err
	}
	if steps := rolling(p.rollout); len(steps) > 0 {
		return p.apply(ctx, steps)
	}
	return p.finish(ctx)
}

func (p *pass) recreate(ctx context.Context) error {
	steps, proceed := recreate(p.rollout, p.controller.oldPods(p.rollout))
	if proceed {
		if err := p.ensureNew(ctx); err != nil {
			return err
		}
	}
	if len(steps) > 0 {
		return p.apply(ctx, steps)
	}
	if !proceed {
		return nil
	}
	return p.finish(ctx)
}

func (p *pass) finish(ctx context.Context) error {
	if !complete(p.d, count(p.rollout, p.collisions)) {
		return nil
	}
	return p.clean(ctx)
}

// syncNew brings the new replica set's annotations up to date, where there is one, and the deployment's revision with it.
func (p *pass) syncNew(ctx context.Context) error {
	if p.next == nil {
		return nil
	}
	next := proto.CloneOf(p.next)
	next.Metadata.Annotations = annotate(p.d, p.next.GetMetadata().GetAnnotations(), nextRevision(p.old))
	next.Spec.MinReadySeconds = p.d.GetSpec().GetMinReadySeconds()
	if !proto.Equal(next, p.next) {
		if err := p.write(ctx, next); err != nil {
			return err
		}
	}
	if deadline(p.d) > 0 && p.conditions.get(conditionProgressing) == nil {
		p.conditions.set(conditionProgressing, "True", reasonFound, fmt.Sprintf("Found new replica set %q", p.next.GetMetadata().GetName()))
	}
	return p.syncRevision(ctx)
}

// syncRevision writes the new replica set's revision on the deployment.
func (p *pass) syncRevision(ctx context.Context) error {
	revision := p.next.GetMetadata().GetAnnotations()[revisionAnnotation]
	if p.d.GetMetadata().GetAnnotations()[revisionAnnotation] == revision {
		return nil
	}
	d := proto.CloneOf(p.d)
	if d.Metadata.Annotations == nil {
		d.Metadata.Annotations = map[string]string{}
	}
	d.Metadata.Annotations[revisionAnnotation] = revision
	stored, err := p.controller.deployments.Resource().Update(ctx, d)
	if err != nil {
		return err
	}
	p.d = stored
	return nil
}

// ensureNew makes the new replica set when there is none.
func (p *pass) ensureNew(ctx context.Context) error {
	if p.next != nil {
		return nil
	}
	rs, err := newSet(p.rollout)
	if err != nil {
		return err
	}
	stored, err := p.controller.sets.Resource().Create(ctx, rs)
	if apierror.IsAlreadyExists(err) {
		stored, err = p.collide(ctx, rs)
	}
	if err != nil {
		if deadline(p.d) > 0 && !apierror.IsConflict(err) {
			p.conditions.set(conditionProgressing, "False", reasonCreateError, fmt.Sprintf("Failed to create new replica set %q: %v", rs.GetMetadata().GetName(), err))
		}
		return err
	}
	p.next = stored
	p.controller.noteWrite(p.d, stored)
	if size(stored) > 0 {
		p.event(events.Normal, "ScalingReplicaSet", "Scaled up replica set %s from 0 to %d", stored.GetMetadata().GetName(), size(stored))
	}
	if deadline(p.d) > 0 {
		p.conditions.set(conditionProgressing, "True", reasonCreated, fmt.Sprintf("Created new replica set %q", stored.GetMetadata().GetName()))
	}
	return p.syncRevision(ctx)
}

// collide looks at what has the name already: this deployment's own, made by a call whose answer was lost, or another template
// with the same hash. The latter raises the collision count, which the next pass names by.
func (p *pass) collide(ctx context.Context, rs *appsv1.ReplicaSet) (*appsv1.ReplicaSet, error) {
	m := rs.GetMetadata()
	stored, err := p.controller.sets.Resource().Get(ctx, m.GetNamespace(), m.GetName())
	if err != nil {
		return nil, err
	}
	if owner.ControllerUID(stored) == p.d.GetMetadata().GetUid() && sameTemplate(stored.GetSpec().GetTemplate(), rs.GetSpec().GetTemplate()) {
		return stored, nil
	}
	n := int32(1)
	if p.collisions != nil {
		n = *p.collisions + 1
	}
	p.collisions = &n
	return nil, apierror.Conflict(kind.Of(rs).String(), m.GetNamespace(), m.GetName(), "the name is taken by another template; trying another name")
}

// apply sizes replica sets.
func (p *pass) apply(ctx context.Context, steps []scaling) error {
	for _, s := range steps {
		before := size(s.rs)
		next := proto.CloneOf(s.rs)
		next.Spec.Replicas = proto.Int32(s.size)
		next.Metadata.Annotations = sized(p.d, next.Metadata.Annotations)
		if proto.Equal(next, s.rs) {
			continue
		}
		if err := p.write(ctx, next); err != nil {
			return err
		}
		if s.size != before {
			direction := "up"
			if s.size < before {
				direction = "down"
			}
			p.event(events.Normal, "ScalingReplicaSet", "Scaled %s replica set %s from %d to %d", direction, s.rs.GetMetadata().GetName(), before, s.size)
		}
	}
	return nil
}

// write updates a replica set and puts what is stored in its place.
func (p *pass) write(ctx context.Context, rs *appsv1.ReplicaSet) error {
	stored, err := p.controller.sets.Resource().Update(ctx, rs)
	if err != nil {
		return err
	}
	p.controller.noteWrite(p.d, stored)
	if p.next.GetMetadata().GetUid() == stored.GetMetadata().GetUid() {
		p.next = stored
		return nil
	}
	for i, old := range p.old {
		if old.GetMetadata().GetUid() == stored.GetMetadata().GetUid() {
			p.old[i] = stored
		}
	}
	return nil
}

// clean removes old replica sets beyond the history.
func (p *pass) clean(ctx context.Context) error {
	for _, rs := range expired(p.rollout) {
		m := rs.GetMetadata()
		err := p.controller.sets.Resource().Delete(ctx, m.GetNamespace(), m.GetName(), &metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{Uid: proto.String(m.GetUid()), ResourceVersion: proto.String(m.GetResourceVersion())},
		})
		if err != nil && !apierror.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// report writes the status when it changed, and says when to look again.
func (p *pass) report(ctx context.Context) (time.Duration, error) {
	s := count(p.rollout, p.collisions)
	p.conditions.available(p.d, s)
	if p.progressed {
		p.conditions.progress(p.rollout, s)
		p.conditions.failures(p.rollout)
	}
	s.Conditions = p.conditions.list
	wait := p.conditions.wake(p.d, s)
	if proto.Equal(s, p.d.GetStatus()) {
		return wait, nil
	}
	d := proto.CloneOf(p.d)
	d.Status = s
	_, err := p.controller.deployments.Resource().UpdateStatus(ctx, d)
	return wait, err
}
