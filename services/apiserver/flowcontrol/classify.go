package flowcontrol

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
)

// method is what the descriptors say of a gRPC method.
type method struct {
	verb        metav1.Verb
	subresource string
	kind        *kind.Kind // nil when the request says which
}

// methods are those with a verb, by gRPC path.
type methods map[string]method

func knownMethods() methods {
	out := methods{}
	add := func(s protoreflect.ServiceDescriptor, k *kind.Kind) {
		for i := range s.Methods().Len() {
			m := s.Methods().Get(i)
			if o := kind.MethodOptions(m); o != nil {
				out["/"+string(s.FullName())+"/"+string(m.Name())] = method{o.GetVerb(), o.GetSubresource(), k}
			}
		}
	}
	for _, k := range kind.Versions() {
		add(k.ServiceDescriptor(), k.Stored())
	}
	add(apiv1.File_kaji_api_v1_resource_service_proto.Services().ByName("ResourceService"), nil)
	return out
}

var (
	leases = kind.Of(&coordinationv1.Lease{})
	pods   = kind.Of(&corev1.Pod{})
	nodes  = kind.Of(&corev1.Node{})
)

// of finds the method and the kind that a request is about.
func (ms methods) of(full string, req any) method {
	m := ms[full]
	if m.kind == nil {
		m.kind = kindOf(req)
	}
	// A patch names its sub-resource in the request.
	if m.verb == metav1.Verb_VERB_PATCH {
		if p := inner[*metav1.PatchRequest](req); p != nil {
			m.subresource = p.GetSubresource()
		}
	}
	return m
}

// kindOf is the kind that a request of ResourceService is about; nil when it says none.
func kindOf(req any) *kind.Kind {
	switch r := req.(type) {
	case interface{ GetType() string }:
		return kind.ByMessage(protoreflect.FullName(r.GetType()))
	case interface{ GetObject() *anypb.Any }:
		return kind.ByMessage(r.GetObject().MessageName())
	}
	return nil
}

// inner is a request itself, or the one that a request of ResourceService wraps; nil when it is neither.
func inner[T proto.Message](req any) T {
	if r, ok := req.(T); ok {
		return r
	}
	if w, ok := req.(interface{ GetRequest() T }); ok {
		return w.GetRequest()
	}
	var zero T
	return zero
}

// systemNamespaces are those whose service accounts belong to the system.
var systemNamespaces = []string{"kaji-system", "kube-system"}

const serviceAccountPrefix = "system:serviceaccount:"

// sort says at which level a caller's call is, and of which flow.
func sort(who identity.Identity, known bool, m method) (level, flow string) {
	if !known || who.Name == "" {
		return LevelCatchAll, "anonymous"
	}
	_, node := who.Node()
	component := who.InGroup(identity.GroupComponents) || who.Name == identity.Controllers || who.Name == identity.Scheduler
	switch {
	case who.Name == identity.APIServer:
		return LevelExempt, ""
	case (node || component) && m.kind == leases:
		return LevelSystem, who.Name
	case node && m.subresource == "status" && (m.kind == nodes || m.kind == pods):
		return LevelSystem, who.Name
	case node:
		return LevelNodes, who.Name
	case component:
		return LevelControllers, who.Name
	case who.InGroup(identity.GroupMasters):
		return LevelWorkloadHigh, who.Name
	}
	for _, ns := range systemNamespaces {
		if strings.HasPrefix(who.Name, serviceAccountPrefix+ns+":") {
			return LevelWorkloadHigh, who.Name
		}
	}
	return LevelWorkloadLow, who.Name
}
