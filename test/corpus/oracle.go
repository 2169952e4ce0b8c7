package corpus

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	feature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	"k8s.io/kubernetes/pkg/capabilities"
	"k8s.io/kubernetes/plugin/pkg/admission/defaulttolerationseconds"
)

// strict decodes into the internal types, with Kubernetes' defaults filled in, and refuses unknown and repeated fields.
var strict = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDecoder()

// gates opens every feature gate and lets pods be privileged: Kaji has neither gates nor such a switch. Only the default
// of an alpha field stays out, the protocol of HTTP probes.
func gates() error {
	capabilities.Setup(true, 0)
	return feature.DefaultMutableFeatureGate.Set("AllAlpha=true,AllBeta=true,H2CContainerProbe=false")
}

// create does what Kubernetes' API server does with an object that is created: decode strictly, fill in defaults, clear
// what users may not set, validate by hand-written and declared rules, and encode in the version it came in. Admission,
// allocation and storage are left out.
func create(ctx context.Context, object []byte, gvk schema.GroupVersionKind, namespace string) ([]byte, error) {
	k, ok := kinds[gvk]
	if !ok {
		return nil, fmt.Errorf("no strategy is known for %s", gvk)
	}
	o, err := runtime.Decode(strict, object)
	if err != nil {
		return nil, err
	}
	m, err := meta.Accessor(o)
	if err != nil {
		return nil, err
	}
	ctx = request.WithRequestInfo(ctx, &request.RequestInfo{
		IsResourceRequest: true, Verb: "create", APIGroup: gvk.Group, APIVersion: gvk.Version,
		Resource: k.resource, Namespace: namespace, Name: m.GetName(),
	})
	if k.strategy.NamespaceScoped() {
		m.SetNamespace(namespace)
		ctx = request.WithNamespace(ctx, namespace)
	} else {
		ctx = request.WithNamespace(ctx, "")
	}
	rest.FillObjectMetaSystemFields(m)
	switch o := o.(type) {
	case *core.Pod: // of admission, what Kaji has as a default
		plugin := defaulttolerationseconds.NewDefaultTolerationSeconds()
		plugin.InspectFeatureGates(feature.DefaultFeatureGate)
		attributes := admission.NewAttributesRecord(o, nil, gvk, namespace, m.GetName(), schema.GroupVersionResource{Version: "v1", Resource: k.resource}, "", admission.Create, nil, false, nil)
		if err := plugin.Admit(ctx, attributes, nil); err != nil {
			return nil, err
		}
	case *core.Service: // of storage, which comes before the strategy
		if o.Spec.ClusterIP != "" && len(o.Spec.ClusterIPs) == 0 {
			o.Spec.ClusterIPs = []string{o.Spec.ClusterIP}
		}
		if o.Spec.Type == core.ServiceTypeLoadBalancer && o.Spec.ExternalTrafficPolicy == core.ServiceExternalTrafficPolicyLocal && o.Spec.HealthCheckNodePort == 0 {
			o.Spec.HealthCheckNodePort = 32000 // any
		}
	}
	if err := rest.BeforeCreate(k.strategy, ctx, o); err != nil {
		return nil, err
	}
	// As it is stored, and read: which fills in defaults once more.
	stored, err := runtime.Encode(legacyscheme.Codecs.LegacyCodec(gvk.GroupVersion()), o)
	if err != nil {
		return nil, err
	}
	if o, err = runtime.Decode(legacyscheme.Codecs.UniversalDecoder(), stored); err != nil {
		return nil, err
	}
	return runtime.Encode(legacyscheme.Codecs.LegacyCodec(gvk.GroupVersion()), o)
}

// violations are the fields that an error of create names.
func violations(err error) []string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var fields []string
	for _, c := range status.Status().Details.Causes {
		if c.Type != metav1.CauseTypeUnexpectedServerResponse {
			fields = append(fields, c.Field)
		}
	}
	return fields
}
