// Package strategy holds what differs between kinds when the API server writes an object: the
// defaults it fills in, the rules an object must keep, what may not change later, and which fields
// nothing in Kaji acts on yet. The rules are Kubernetes' v1.37 for the kinds that exist here, with
// field paths written the way Kubernetes writes them (spec.containers[0].image).
//
// The package knows no store, no clock and no network: every function looks only at its arguments,
// so all of them may be called concurrently on different objects. Generation, uid, timestamps,
// resourceVersion and generateName belong to the registry, and so does keeping spec and status apart.
package strategy

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// Strategy is what the registry asks of one kind. No function of a Strategy made by For is nil.
//
// On create the registry calls Default, PrepareCreate, Validate, ValidateCreate; on update Default, PrepareUpdate,
// Validate, ValidateUpdate; on a write of one of Subresources its Take and then the same with its own
// ValidateUpdate; on a write of the status sub-resource only ValidateStatusUpdate.
type Strategy struct {
	// Default fills in what the user left out.
	Default func(obj kind.Object)
	// Validate returns every violation of obj, looked at alone.
	Validate func(obj kind.Object) []apierror.FieldViolation
	// ValidateCreate returns what a new object may not have, though one that is there already may.
	ValidateCreate func(obj kind.Object) []apierror.FieldViolation
	// ValidateUpdate returns every change from old to new that is not allowed.
	ValidateUpdate func(new, old kind.Object) []apierror.FieldViolation
	// ValidateStatusUpdate returns every violation in a new status; the rest of new equals old.
	ValidateStatusUpdate func(new, old kind.Object) []apierror.FieldViolation
	// PrepareCreate clears what a user may not set and computes what follows from the spec.
	PrepareCreate func(obj kind.Object)
	// PrepareUpdate carries over from old what a user may leave out, and computes the rest again.
	PrepareUpdate func(new, old kind.Object)
	// Warnings names the fields set in obj that nothing acts on, and old ways that newer ones replaced, one sentence each.
	Warnings func(obj kind.Object) []string
	// Subresources are the parts of the spec that are written by themselves, by name; nil when there are none.
	Subresources map[string]Subresource
}

// Subresource is a part of the spec that is written by itself, under rules of its own.
type Subresource struct {
	// Take returns a copy of old with that part as new has it. When the two cannot be matched, so that it is unclear
	// what is meant, the copy has more of new, and ValidateUpdate refuses it.
	Take func(new, old kind.Object) kind.Object
	// ValidateUpdate returns every change from old to what Take returned, with defaults, that is not allowed. Validate
	// has looked at the new object before.
	ValidateUpdate func(new, old kind.Object) []apierror.FieldViolation
}

// rules are the parts of a Strategy written for one Go type; nil parts do nothing.
type rules[T kind.Object] struct {
	name           nameRule
	defaults       func(obj T)
	validate       func(obj T) field.ErrorList
	validateCreate func(obj T) field.ErrorList
	validateUpdate func(new, old T) field.ErrorList
	validateStatus func(new, old T) field.ErrorList
	prepareCreate  func(obj T)
	prepareUpdate  func(new, old T)
	parts          map[string]part[T]
}

// part is a Subresource written for one Go type.
type part[T kind.Object] struct {
	take           func(new, old T) T
	validateUpdate func(new, old T) field.ErrorList
}

func (p part[T]) subresource() Subresource {
	return Subresource{
		Take: func(new, old kind.Object) kind.Object { return p.take(new.(T), old.(T)) },
		ValidateUpdate: func(new, old kind.Object) []apierror.FieldViolation {
			return violations(p.validateUpdate(new.(T), old.(T)))
		},
	}
}

func subresources[T kind.Object](parts map[string]part[T]) map[string]Subresource {
	if len(parts) == 0 {
		return nil
	}
	out := make(map[string]Subresource, len(parts))
	for name, p := range parts {
		out[name] = p.subresource()
	}
	return out
}

// For returns the strategy of a kind. A kind that has none of its own gets the rules that hold for
// every object: those of its metadata.
func For(k *kind.Kind) Strategy {
	switch k.Message {
	case "kaji.core.v1.Pod":
		return assemble(k, podRules())
	case "kaji.core.v1.Node":
		return assemble(k, nodeRules())
	case "kaji.core.v1.Namespace":
		return assemble(k, namespaceRules())
	case "kaji.core.v1.ConfigMap":
		return assemble(k, configMapRules())
	case "kaji.core.v1.Secret":
		return assemble(k, secretRules())
	case "kaji.core.v1.ServiceAccount":
		return assemble(k, serviceAccountRules())
	case "kaji.core.v1.Event":
		return assemble(k, eventRules())
	case "kaji.core.v1.Service":
		return assemble(k, serviceRules())
	case "kaji.apps.v1.Deployment":
		return assemble(k, deploymentRules())
	case "kaji.apps.v1.ReplicaSet":
		return assemble(k, replicaSetRules())
	case "kaji.apps.v1.StatefulSet":
		return assemble(k, statefulSetRules())
	case "kaji.apps.v1.DaemonSet":
		return assemble(k, daemonSetRules())
	case "kaji.apps.v1.ControllerRevision":
		return assemble(k, controllerRevisionRules())
	case "kaji.scheduling.v1.PriorityClass":
		return assemble(k, priorityClassRules())
	case "kaji.core.v1.PersistentVolumeClaim":
		return assemble(k, persistentVolumeClaimRules())
	case "kaji.batch.v1.Job":
		return assemble(k, jobRules())
	case "kaji.batch.v1.CronJob":
		return assemble(k, cronJobRules())
	case "kaji.policy.v1.PodDisruptionBudget":
		return assemble(k, podDisruptionBudgetRules())
	case "kaji.coordination.v1.Lease":
		return assemble(k, leaseRules())
	case "kaji.node.v1.RuntimeClass":
		return assemble(k, runtimeClassRules())
	default:
		return forOthers(k)
	}
}

// forOthers is For for the kinds that nothing in the cluster itself depends on.
func forOthers(k *kind.Kind) Strategy {
	switch k.Message {
	case "kaji.core.v1.PersistentVolume":
		return assemble(k, persistentVolumeRules())
	case "kaji.core.v1.LimitRange":
		return assemble(k, limitRangeRules())
	case "kaji.core.v1.ResourceQuota":
		return assemble(k, resourceQuotaRules())
	case "kaji.core.v1.PodTemplate":
		return assemble(k, podTemplateRules())
	case "kaji.core.v1.ReplicationController":
		return assemble(k, replicationControllerRules())
	case "kaji.core.v1.Endpoints":
		return assemble(k, endpointsRules())
	case "kaji.discovery.v1.EndpointSlice":
		return assemble(k, endpointSliceRules())
	case "kaji.storage.v1.StorageClass":
		return assemble(k, storageClassRules())
	case "kaji.storage.v1.CSIDriver":
		return assemble(k, csiDriverRules())
	case "kaji.storage.v1.CSINode":
		return assemble(k, csiNodeRules())
	case "kaji.storage.v1.VolumeAttachment":
		return assemble(k, volumeAttachmentRules())
	case "kaji.storage.v1.CSIStorageCapacity":
		return assemble(k, csiStorageCapacityRules())
	case "kaji.storage.v1.VolumeAttributesClass":
		return assemble(k, volumeAttributesClassRules())
	case "kaji.networking.v1.Ingress":
		return assemble(k, ingressRules())
	case "kaji.networking.v1.IngressClass":
		return assemble(k, ingressClassRules())
	case "kaji.networking.v1.NetworkPolicy":
		return assemble(k, networkPolicyRules())
	case "kaji.networking.v1.IPAddress":
		return assemble(k, ipAddressRules())
	case "kaji.networking.v1.ServiceCIDR":
		return assemble(k, serviceCIDRRules())
	case "kaji.rbac.v1.Role":
		return assemble(k, roleRules())
	case "kaji.rbac.v1.RoleBinding":
		return assemble(k, roleBindingRules())
	case "kaji.rbac.v1.ClusterRole":
		return assemble(k, clusterRoleRules())
	case "kaji.rbac.v1.ClusterRoleBinding":
		return assemble(k, clusterRoleBindingRules())
	case "kaji.autoscaling.v2.HorizontalPodAutoscaler":
		return assemble(k, horizontalPodAutoscalerRules())
	default:
		return assemble(k, rules[kind.Object]{})
	}
}

// assemble wraps the rules of one type, adding those of metadata.
func assemble[T kind.Object](k *kind.Kind, r rules[T]) Strategy {
	name := r.name
	if name == nil {
		name = subdomainName
	}
	namespaced := k.Options.GetNamespaced()
	unsupported := unsupportedOf(protoreflect.FullName(k.Message))
	return Strategy{
		Default: func(obj kind.Object) {
			if r.defaults != nil {
				r.defaults(obj.(T))
			}
			canonicalQuantities(obj)
		},
		Validate: func(obj kind.Object) []apierror.FieldViolation {
			errs := validateMetadata(metadataOf(obj), namespaced, name, field.NewPath("metadata"))
			if r.validate != nil {
				errs = append(errs, r.validate(obj.(T))...)
			}
			return violations(errs)
		},
		ValidateCreate: func(obj kind.Object) []apierror.FieldViolation {
			if r.validateCreate == nil {
				return nil
			}
			return violations(r.validateCreate(obj.(T)))
		},
		ValidateUpdate: func(new, old kind.Object) []apierror.FieldViolation {
			errs := validateMetadataUpdate(metadataOf(new), metadataOf(old), field.NewPath("metadata"))
			if r.validateUpdate != nil {
				errs = append(errs, r.validateUpdate(new.(T), old.(T))...)
			}
			return violations(errs)
		},
		ValidateStatusUpdate: func(new, old kind.Object) []apierror.FieldViolation {
			errs := validateMetadataUpdate(metadataOf(new), metadataOf(old), field.NewPath("metadata"))
			if r.validateStatus != nil {
				errs = append(errs, r.validateStatus(new.(T), old.(T))...)
			}
			return violations(errs)
		},
		PrepareCreate: func(obj kind.Object) {
			if r.prepareCreate != nil {
				r.prepareCreate(obj.(T))
			}
		},
		PrepareUpdate: func(new, old kind.Object) {
			if r.prepareUpdate != nil {
				r.prepareUpdate(new.(T), old.(T))
			}
		},
		Warnings: func(obj kind.Object) []string {
			return append(unsupported.warnings(obj), deprecated(obj)...)
		},
		Subresources: subresources(r.parts),
	}
}

// metadataOf never is nil and, unlike kind.Metadata, never changes the object: old ones come from a cache.
func metadataOf(obj kind.Object) *metav1.ObjectMeta {
	if m := obj.GetMetadata(); m != nil {
		return m
	}
	return &metav1.ObjectMeta{}
}

// violations turns Kubernetes' field errors into the API's own.
func violations(errs field.ErrorList) []apierror.FieldViolation {
	if len(errs) == 0 {
		return nil
	}
	out := make([]apierror.FieldViolation, len(errs))
	for i, e := range errs {
		out[i] = apierror.FieldViolation{Field: e.Field, Description: e.ErrorBody(), Reason: string(e.Type)}
	}
	return out
}
