package admission

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	schedulingv1 "kaji.dev/kaji/gen/kaji/scheduling/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/strategy"
)

var priorityClasses = kind.Of(&schedulingv1.PriorityClass{})

const preemptLower = "PreemptLowerPriority"

// Priority gives pods the priority of their class. Nobody sets it otherwise: who may name a class is for whoever
// makes classes to say.
type Priority struct {
	Reader Reader
}

// Mutate implements Mutator.
func (p Priority) Mutate(ctx context.Context, r *Request) error {
	pod, ok := r.Object.(*corev1.Pod)
	if !ok || r.Verb != metav1.Verb_VERB_CREATE || r.Subresource != "" || pod.GetSpec() == nil {
		return nil
	}
	s := pod.Spec
	class, err := p.class(ctx, s.PriorityClassName)
	if err != nil {
		return err
	}
	if class == nil {
		return refusePod(r, fmt.Sprintf("there is no PriorityClass %q", s.PriorityClassName))
	}
	if s.Priority != nil && s.GetPriority() != class.Value {
		return refusePod(r, fmt.Sprintf("its priority is %d, that of its PriorityClass %d; leave spec.priority out and name a class", s.GetPriority(), class.Value))
	}
	policy := preemptLower
	if class.PreemptionPolicy != nil {
		policy = class.GetPreemptionPolicy()
	}
	if s.PreemptionPolicy != nil && s.GetPreemptionPolicy() != policy {
		return refusePod(r, fmt.Sprintf("its preemptionPolicy is %s, that of its PriorityClass %s; leave spec.preemptionPolicy out and name a class", s.GetPreemptionPolicy(), policy))
	}
	s.PriorityClassName = class.GetMetadata().GetName()
	s.Priority, s.PreemptionPolicy = proto.Int32(class.Value), proto.String(policy)
	return nil
}

// class finds a class by its name, or the default for an empty one; nil when there is none of that name.
func (p Priority) class(ctx context.Context, name string) (*schedulingv1.PriorityClass, error) {
	if name == "" {
		if class := p.defaultClass(); class != nil {
			return class, nil
		}
		return &schedulingv1.PriorityClass{}, nil
	}
	if value, ok := strategy.SystemPriorities()[name]; ok {
		return &schedulingv1.PriorityClass{Metadata: &metav1.ObjectMeta{Name: name}, Value: value}, nil
	}
	object, _ := p.Reader.Cached(priorityClasses, "", name)
	if object == nil {
		var err error
		if object, _, err = p.Reader.Fresh(ctx, priorityClasses, "", name); err != nil || object == nil {
			return nil, err
		}
	}
	return object.(*schedulingv1.PriorityClass), nil
}

// defaultClass is the least important of the classes that are marked as default; nil when none is.
func (p Priority) defaultClass() *schedulingv1.PriorityClass {
	var found *schedulingv1.PriorityClass
	for _, o := range p.Reader.All(priorityClasses) {
		if c := o.(*schedulingv1.PriorityClass); c.GlobalDefault && (found == nil || c.Value < found.Value) {
			found = c
		}
	}
	return found
}

// Validate implements Validator: there is one default, and the system's classes stay.
func (p Priority) Validate(_ context.Context, r *Request) error {
	if r.Kind != priorityClasses || r.Subresource != "" {
		return nil
	}
	if r.Verb == metav1.Verb_VERB_DELETE {
		if _, ok := strategy.SystemPriorities()[r.Name]; ok {
			return apierror.Forbidden(fmt.Sprintf("priorityclasses.scheduling.k8s.io %q is the system's and cannot be deleted", r.Name))
		}
		return nil
	}
	class, ok := r.Object.(*schedulingv1.PriorityClass)
	if !ok || !class.GlobalDefault {
		return nil
	}
	if other := p.defaultClass(); other != nil && other.GetMetadata().GetName() != class.GetMetadata().GetName() {
		return apierror.Forbidden(fmt.Sprintf("PriorityClass %q is marked as default already; only one can be", other.GetMetadata().GetName()))
	}
	return nil
}
