package printers

import (
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/kind"
)

// oldStorageClass is the annotation that named a storage class before there was a field.
const oldStorageClass = "volume.beta.kubernetes.io/storage-class"

// accessModes writes the ways a volume may be mounted in short, each once.
func accessModes(v protoreflect.Value, fd protoreflect.FieldDescriptor) string {
	if fd == nil {
		return ""
	}
	have := map[string]bool{}
	for i := range v.List().Len() {
		have[v.List().Get(i).String()] = true
	}
	var parts []string
	for _, m := range [][2]string{{"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}} {
		if have[m[0]] {
			parts = append(parts, m[1])
		}
	}
	return strings.Join(parts, ",")
}

// phase is status.phase, but for objects that are on their way out.
func phase(o kind.Object, _ time.Time) string {
	if o.GetMetadata().GetDeletionTimestamp() != nil {
		return "Terminating"
	}
	v, fd := at(o.ProtoReflect(), []string{"status", "phase"})
	if fd == nil {
		return ""
	}
	return v.String()
}

func storageClass(o kind.Object, _ time.Time) string {
	if name := o.GetMetadata().GetAnnotations()[oldStorageClass]; name != "" {
		return name
	}
	v, fd := at(o.ProtoReflect(), []string{"spec", "storageClassName"})
	if fd == nil {
		return ""
	}
	return v.String()
}

// controller is what an object belongs to: kind.group/name.
func controller(o kind.Object, _ time.Time) string {
	for _, ref := range o.GetMetadata().GetOwnerReferences() {
		if !ref.GetController() {
			continue
		}
		name := strings.ToLower(ref.GetKind())
		if group, _, ok := strings.Cut(ref.GetApiVersion(), "/"); ok {
			name += "." + group
		}
		return name + "/" + ref.GetName()
	}
	return none
}

// volumeClaim is the claim that a volume is bound to, or kept for.
func volumeClaim(o kind.Object, _ time.Time) string {
	v, ok := o.(*corev1.PersistentVolume)
	if !ok || v.GetSpec().GetClaimRef() == nil {
		return ""
	}
	return v.GetSpec().GetClaimRef().GetNamespace() + "/" + v.GetSpec().GetClaimRef().GetName()
}

func quotaRequests(o kind.Object, _ time.Time) string { return quotaText(o, false) }

func quotaLimits(o kind.Object, _ time.Time) string { return quotaText(o, true) }

// quotaText is used/hard of the resources of a quota, either those that are limits or the others.
func quotaText(o kind.Object, limits bool) string {
	q, ok := o.(*corev1.ResourceQuota)
	if !ok {
		return none
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(q.GetStatus().GetHard())) {
		if strings.HasPrefix(name, "limits.") != limits {
			continue
		}
		used := "0"
		if u := q.GetStatus().GetUsed()[name]; u != nil {
			used = u.GetString_()
		}
		parts = append(parts, name+": "+used+"/"+q.GetStatus().GetHard()[name].GetString_())
	}
	return strings.Join(parts, ", ")
}

// audiences joins whom the tokens of a driver are for.
func audiences(v protoreflect.Value, fd protoreflect.FieldDescriptor) string {
	return each(v, fd, "audience")
}
