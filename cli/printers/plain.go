package printers

import (
	"sort"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/apimachinery/pkg/util/duration"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

// Age is the time since t, as people say it: 45s, 5d3h.
func Age(t *timestamppb.Timestamp, now time.Time) string { return age(t, now) }

func age(t *timestamppb.Timestamp, now time.Time) string {
	if t.GetSeconds() == 0 && t.GetNanos() == 0 {
		return unknown
	}
	return duration.HumanDuration(now.Sub(t.AsTime()))
}

func count(v protoreflect.Value, fd protoreflect.FieldDescriptor) string {
	switch {
	case fd == nil:
		return "0"
	case fd.IsList():
		return strconv.Itoa(v.List().Len())
	case fd.IsMap():
		return strconv.Itoa(v.Map().Len())
	}
	return "1"
}

// each joins one field of every element of a list.
func each(v protoreflect.Value, fd protoreflect.FieldDescriptor, field protoreflect.Name) string {
	if fd == nil || !fd.IsList() {
		return none
	}
	parts := make([]string, v.List().Len())
	for i := range parts {
		m := v.List().Get(i).Message()
		parts[i] = m.Get(m.Descriptor().Fields().ByName(field)).String()
	}
	return strings.Join(parts, ",")
}

func selectorText(v protoreflect.Value, fd protoreflect.FieldDescriptor) string {
	switch {
	case fd == nil:
		return none
	case fd.IsMap():
		m := map[string]string{}
		v.Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
			m[k.String()] = v.String()
			return true
		})
		return pairs(m)
	}
	s, _ := v.Message().Interface().(*metav1.LabelSelector)
	return LabelSelector(s)
}

// LabelSelector writes a selector as `-l` takes it.
func LabelSelector(s *metav1.LabelSelector) string {
	var parts []string
	if len(s.GetMatchLabels()) > 0 {
		parts = append(parts, pairs(s.GetMatchLabels()))
	}
	for _, r := range s.GetMatchExpressions() {
		values := append([]string(nil), r.GetValues()...)
		sort.Strings(values)
		set := "(" + strings.Join(values, ",") + ")"
		switch r.GetOperator() {
		case "Exists":
			parts = append(parts, r.GetKey())
		case "DoesNotExist":
			parts = append(parts, "!"+r.GetKey())
		case "NotIn":
			parts = append(parts, r.GetKey()+" notin "+set)
		default:
			parts = append(parts, r.GetKey()+" in "+set)
		}
	}
	if len(parts) == 0 {
		return none
	}
	return strings.Join(parts, ",")
}

// pairs writes key=value pairs in order.
func pairs(m map[string]string) string {
	if len(m) == 0 {
		return none
	}
	parts := make([]string, 0, len(m))
	for k, v := range m {
		parts = append(parts, k+"="+v)
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}

// readyReplicas is ready/desired of any kind with status.readyReplicas and spec.replicas.
func readyReplicas(o kind.Object, _ time.Time) string {
	number := func(path ...string) string {
		v, fd := at(o.ProtoReflect(), path)
		if fd == nil {
			return "0"
		}
		return v.String()
	}
	return number("status", "readyReplicas") + "/" + number("spec", "replicas")
}

func dataCount(o kind.Object, _ time.Time) string {
	n := 0
	for _, name := range []string{"data", "binaryData"} {
		if v, fd := at(o.ProtoReflect(), []string{name}); fd != nil && fd.IsMap() {
			n += v.Map().Len()
		}
	}
	return strconv.Itoa(n)
}
