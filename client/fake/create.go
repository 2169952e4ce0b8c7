package fake

import (
	"math/rand/v2"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	names "k8s.io/apimachinery/pkg/api/validation"
)

// Letters of generated names, without vowels and look-alikes.
const nameLetters = "bcdfghjklmnpqrstvwxz2456789"

func (s *Server) create(k *kind.Kind, given kind.Object, options writeOptions) (kind.Object, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	o := proto.CloneOf(given)
	m := kind.Metadata(o)
	switch {
	case m.GetResourceVersion() != "":
		return nil, apierror.BadRequest("resourceVersion should not be set on objects to be created")
	case k.Namespaced() && m.GetNamespace() == "":
		return nil, apierror.Invalid(k.String(), "", m.GetName(), []apierror.FieldViolation{{Field: "metadata.namespace", Description: "Required value"}})
	case !k.Namespaced() && m.GetNamespace() != "":
		return nil, apierror.Invalid(k.String(), "", m.GetName(), []apierror.FieldViolation{{Field: "metadata.namespace", Description: "Forbidden: not allowed on this type"}})
	}
	if m.GetName() == "" {
		if m.GetGenerateName() == "" {
			return nil, apierror.Invalid(k.String(), m.GetNamespace(), "", []apierror.FieldViolation{{Field: "metadata.name", Description: "Required value: name or generateName is required"}})
		}
		m.Name = s.generate(k, m.GetNamespace(), m.GetGenerateName())
	}
	if problems := names.NameIsDNSSubdomain(m.GetName(), false); len(problems) > 0 && !freelyNamed[k.Name()] {
		return nil, apierror.Invalid(k.String(), m.GetNamespace(), m.GetName(), []apierror.FieldViolation{{Field: "metadata.name", Description: problems[0], Reason: "FieldValueInvalid"}})
	}
	if k.Namespaced() {
		if ns := s.objects[namespaces.Key("", m.GetNamespace())]; ns != nil && ns.GetMetadata().GetDeletionTimestamp() != nil {
			return nil, apierror.Forbidden("unable to create new content in namespace " + m.GetNamespace() + " because it is being terminated")
		}
	}
	if s.objects[k.Key(m.GetNamespace(), m.GetName())] != nil {
		return nil, apierror.AlreadyExists(k.String(), m.GetNamespace(), m.GetName())
	}
	m.Uid = newUID()
	m.CreationTimestamp = s.timestamp()
	m.DeletionTimestamp, m.DeletionGracePeriodSeconds = nil, nil
	m.Generation = 0
	if k.Options.GetHasStatus() {
		m.Generation = 1
	}
	prepare(k, o)
	if err := s.track(k, k.New(), o, options.manager, ""); err != nil {
		return nil, err
	}
	if options.dryRun() {
		return o, nil
	}
	return s.commit(k, o), nil
}

// freelyNamed are kinds whose names are not those of DNS.
var freelyNamed = map[string]bool{"Role": true, "RoleBinding": true, "ClusterRole": true, "ClusterRoleBinding": true}

// prepare sets what a new object's status begins as.
func prepare(k *kind.Kind, o kind.Object) {
	switch o := o.(type) {
	case *corev1.Node:
		// A node registers with its status.
		return
	case *corev1.Namespace:
		if o.Spec == nil {
			o.Spec = &corev1.NamespaceSpec{}
		}
		if len(o.Spec.GetFinalizers()) == 0 {
			o.Spec.Finalizers = []string{"kubernetes"}
		}
		o.Status = &corev1.NamespaceStatus{Phase: "Active"}
		return
	case *corev1.Pod:
		o.Status = &corev1.PodStatus{Phase: "Pending"}
		return
	}
	if field := statusField(o); k.Options.GetHasStatus() && field != nil {
		o.ProtoReflect().Clear(field)
	}
}

func (s *Server) generate(k *kind.Kind, namespace, prefix string) string {
	for {
		suffix := make([]byte, 5)
		for i := range suffix {
			suffix[i] = nameLetters[rand.N(len(nameLetters))]
		}
		if name := prefix + string(suffix); s.objects[k.Key(namespace, name)] == nil {
			return name
		}
	}
}

func (s *Server) timestamp() *timestamppb.Timestamp {
	t := timestamppb.New(s.now())
	t.Nanos = 0
	return t
}

func newUID() string { return uuid.NewString() }

var namespaces = kind.Of((*corev1.Namespace)(nil))
