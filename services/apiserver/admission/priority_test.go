package admission_test

import (
	"context"
	"testing"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	schedulingv1 "kaji.dev/kaji/gen/kaji/scheduling/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/admission"
)

// classes is a reader of priority classes; those that late names it knows only after it has caught up.
type classes struct {
	all  []*schedulingv1.PriorityClass
	late string
}

func (c classes) Cached(_ *kind.Kind, _, name string) (kind.Object, int64) {
	if name == c.late {
		return nil, 0
	}
	o, revision, _ := c.Fresh(context.Background(), nil, "", name)
	return o, revision
}

func (c classes) Fresh(_ context.Context, _ *kind.Kind, _, name string) (kind.Object, int64, error) {
	for _, p := range c.all {
		if p.GetMetadata().GetName() == name {
			return p, 1, nil
		}
	}
	return nil, 0, nil
}

func (c classes) All(*kind.Kind) []kind.Object {
	var out []kind.Object
	for _, p := range c.all {
		out = append(out, p)
	}
	return out
}

func class(name string, value int32, isDefault bool) *schedulingv1.PriorityClass {
	return &schedulingv1.PriorityClass{Metadata: &metav1.ObjectMeta{Name: name}, Value: value, GlobalDefault: isDefault, PreemptionPolicy: proto.String("Never")}
}

func TestPriority(t *testing.T) {
	two := classes{all: []*schedulingv1.PriorityClass{class("high", 1000, false), class("new", 5, false)}, late: "new"}
	withDefault := classes{all: append(two.all, class("usual", 10, true), class("common", 7, true))}
	for _, c := range []struct {
		name   string
		reader classes
		spec   *corev1.PodSpec
		class  string
		value  int32
		policy string
		reason apierror.Reason
	}{
		{"no class", two, &corev1.PodSpec{}, "", 0, "PreemptLowerPriority", ""},
		{"the default", withDefault, &corev1.PodSpec{}, "common", 7, "Never", ""},
		{"a class", two, &corev1.PodSpec{PriorityClassName: "high"}, "high", 1000, "Never", ""},
		{"a class just made", two, &corev1.PodSpec{PriorityClassName: "new"}, "new", 5, "Never", ""},
		{"the system's", two, &corev1.PodSpec{PriorityClassName: "system-node-critical"}, "system-node-critical", 2000001000, "PreemptLowerPriority", ""},
		{"no such class", two, &corev1.PodSpec{PriorityClassName: "higher"}, "", 0, "", apierror.ReasonForbidden},
		{"the same again", two, &corev1.PodSpec{PriorityClassName: "high", Priority: proto.Int32(1000), PreemptionPolicy: proto.String("Never")}, "high", 1000, "Never", ""},
		{"a priority of its own", two, &corev1.PodSpec{Priority: proto.Int32(1000)}, "", 0, "", apierror.ReasonForbidden},
		{"a policy of its own", two, &corev1.PodSpec{PriorityClassName: "high", PreemptionPolicy: proto.String("PreemptLowerPriority")}, "", 0, "", apierror.ReasonForbidden},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := &admission.Request{Verb: metav1.Verb_VERB_CREATE, Kind: kind.Lookup("pods"), Namespace: "default", Name: "p", Object: &corev1.Pod{Spec: c.spec}}
			err := admission.Priority{Reader: c.reader}.Mutate(context.Background(), r)
			if apierror.ReasonOf(err) != c.reason {
				t.Fatalf("%v, want %q", err, c.reason)
			}
			if err == nil && (c.spec.PriorityClassName != c.class || c.spec.GetPriority() != c.value || c.spec.GetPreemptionPolicy() != c.policy) {
				t.Errorf("got %v", c.spec)
			}
		})
	}
}

func TestPriorityClassesAreGuarded(t *testing.T) {
	plugin := admission.Priority{Reader: classes{all: []*schedulingv1.PriorityClass{class("usual", 10, true)}}}
	k := kind.Lookup("priorityclasses")
	for name, c := range map[string]struct {
		r      *admission.Request
		reason apierror.Reason
	}{
		"another default":         {&admission.Request{Verb: metav1.Verb_VERB_CREATE, Kind: k, Object: class("more", 1, true)}, apierror.ReasonForbidden},
		"another that is not":     {&admission.Request{Verb: metav1.Verb_VERB_CREATE, Kind: k, Object: class("more", 1, false)}, ""},
		"the default itself":      {&admission.Request{Verb: metav1.Verb_VERB_UPDATE, Kind: k, Object: class("usual", 10, true)}, ""},
		"the end of the system's": {&admission.Request{Verb: metav1.Verb_VERB_DELETE, Kind: k, Name: "system-node-critical"}, apierror.ReasonForbidden},
		"the end of another":      {&admission.Request{Verb: metav1.Verb_VERB_DELETE, Kind: k, Name: "usual"}, ""},
	} {
		if err := plugin.Validate(context.Background(), c.r); apierror.ReasonOf(err) != c.reason {
			t.Errorf("%s: %v, want %q", name, err, c.reason)
		}
	}
}
