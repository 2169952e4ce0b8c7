package printers

import (
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

// Options says what the rows of a table show.
type Options struct {
	// Wide adds the columns of `-o wide`.
	Wide bool
	// Namespace adds the namespace in front.
	Namespace bool
	// Labels adds all labels at the end.
	Labels bool
	// LabelColumns adds a column for each of these labels, before Labels.
	LabelColumns []string
	// Prefix writes names as kind/name, for tables of several kinds.
	Prefix bool
	// Now is the time that ages are reckoned from.
	Now time.Time
}

// Headings returns the headings of a kind's table.
func Headings(k *kind.Kind, o Options) []string {
	var out []string
	if o.Namespace {
		out = append(out, "NAMESPACE")
	}
	for _, c := range columns(k, o) {
		out = append(out, c.GetName())
	}
	for _, l := range o.LabelColumns {
		out = append(out, strings.ToUpper(l[strings.LastIndex(l, "/")+1:]))
	}
	if o.Labels {
		out = append(out, "LABELS")
	}
	return out
}

// Row returns the cells of one object.
func Row(k *kind.Kind, object kind.Object, o Options) []string {
	var out []string
	if o.Namespace {
		out = append(out, object.GetMetadata().GetNamespace())
	}
	for _, c := range columns(k, o) {
		cell := Cell(object, c, o.Now)
		if o.Prefix && c.GetPath() == "metadata.name" && !c.GetWide() {
			cell = ResourceName(k) + "/" + cell
		}
		out = append(out, cell)
	}
	for _, l := range o.LabelColumns {
		out = append(out, object.GetMetadata().GetLabels()[l])
	}
	if o.Labels {
		out = append(out, pairs(object.GetMetadata().GetLabels()))
	}
	return out
}

// ResourceName is what a kind is called in front of a name: pod, deployment.apps.
func ResourceName(k *kind.Kind) string {
	if k.Group == "" {
		return k.Options.GetSingular()
	}
	return k.Options.GetSingular() + "." + k.Group
}

func columns(k *kind.Kind, o Options) []*metav1.PrintColumn {
	var out []*metav1.PrintColumn
	for _, c := range k.Options.GetColumns() {
		if !c.GetWide() || o.Wide {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		out = []*metav1.PrintColumn{
			{Name: "NAME", Path: "metadata.name"},
			{Name: "AGE", Path: "metadata.creationTimestamp", Format: metav1.ColumnFormat_COLUMN_FORMAT_AGE},
		}
	}
	return out
}

// Cell is the text of one column for an object.
func Cell(object kind.Object, c *metav1.PrintColumn, now time.Time) string {
	if f, ok := whole[c.GetFormat()]; ok {
		return f(object, now)
	}
	v, fd := at(object.ProtoReflect(), strings.Split(c.GetPath(), "."))
	if fd == nil && c.Absent != nil {
		return c.GetAbsent()
	}
	switch c.GetFormat() {
	case metav1.ColumnFormat_COLUMN_FORMAT_AGE:
		return age(timestamp(v, fd), now)
	case metav1.ColumnFormat_COLUMN_FORMAT_INTEGER:
		if fd == nil {
			return "0"
		}
		return text(v, fd)
	case metav1.ColumnFormat_COLUMN_FORMAT_COUNT:
		return count(v, fd)
	case metav1.ColumnFormat_COLUMN_FORMAT_SELECTOR:
		return selectorText(v, fd)
	case metav1.ColumnFormat_COLUMN_FORMAT_CONTAINER_NAMES:
		return each(v, fd, "name")
	case metav1.ColumnFormat_COLUMN_FORMAT_CONTAINER_IMAGES:
		return each(v, fd, "image")
	case metav1.ColumnFormat_COLUMN_FORMAT_ACCESS_MODES:
		return accessModes(v, fd)
	case metav1.ColumnFormat_COLUMN_FORMAT_AUDIENCES:
		return audiences(v, fd)
	case metav1.ColumnFormat_COLUMN_FORMAT_SUBJECT_USERS:
		return subjects(v, fd, "User")
	case metav1.ColumnFormat_COLUMN_FORMAT_SUBJECT_GROUPS:
		return subjects(v, fd, "Group")
	case metav1.ColumnFormat_COLUMN_FORMAT_SUBJECT_SERVICE_ACCOUNTS:
		return subjects(v, fd, "ServiceAccount")
	}
	if fd == nil {
		return none
	}
	s := text(v, fd)
	switch {
	case s == "":
		return none
	case c.GetFormat() == metav1.ColumnFormat_COLUMN_FORMAT_BOOL:
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

// whole holds the formats that read the whole object.
var whole = map[metav1.ColumnFormat]func(kind.Object, time.Time) string{
	metav1.ColumnFormat_COLUMN_FORMAT_READY_REPLICAS:           readyReplicas,
	metav1.ColumnFormat_COLUMN_FORMAT_DATA_COUNT:               dataCount,
	metav1.ColumnFormat_COLUMN_FORMAT_POD_READY:                podReady,
	metav1.ColumnFormat_COLUMN_FORMAT_POD_STATUS:               podStatus,
	metav1.ColumnFormat_COLUMN_FORMAT_POD_RESTARTS:             podRestarts,
	metav1.ColumnFormat_COLUMN_FORMAT_POD_READINESS_GATES:      podReadinessGates,
	metav1.ColumnFormat_COLUMN_FORMAT_NODE_STATUS:              nodeStatus,
	metav1.ColumnFormat_COLUMN_FORMAT_NODE_ROLES:               nodeRoles,
	metav1.ColumnFormat_COLUMN_FORMAT_NODE_INTERNAL_IP:         nodeInternalIP,
	metav1.ColumnFormat_COLUMN_FORMAT_SERVICE_EXTERNAL_IP:      serviceExternalIP,
	metav1.ColumnFormat_COLUMN_FORMAT_SERVICE_PORTS:            servicePorts,
	metav1.ColumnFormat_COLUMN_FORMAT_EVENT_LAST_SEEN:          eventLastSeen,
	metav1.ColumnFormat_COLUMN_FORMAT_EVENT_OBJECT:             eventObject,
	metav1.ColumnFormat_COLUMN_FORMAT_NODE_EXTERNAL_IP:         nodeExternalIP,
	metav1.ColumnFormat_COLUMN_FORMAT_EVENT_SOURCE:             eventSource,
	metav1.ColumnFormat_COLUMN_FORMAT_EVENT_FIRST_SEEN:         eventFirstSeen,
	metav1.ColumnFormat_COLUMN_FORMAT_EVENT_COUNT:              eventCount,
	metav1.ColumnFormat_COLUMN_FORMAT_VOLUME_CLAIM:             volumeClaim,
	metav1.ColumnFormat_COLUMN_FORMAT_QUOTA_REQUESTS:           quotaRequests,
	metav1.ColumnFormat_COLUMN_FORMAT_QUOTA_LIMITS:             quotaLimits,
	metav1.ColumnFormat_COLUMN_FORMAT_ENDPOINTS:                endpoints,
	metav1.ColumnFormat_COLUMN_FORMAT_SLICE_PORTS:              slicePorts,
	metav1.ColumnFormat_COLUMN_FORMAT_SLICE_ENDPOINTS:          sliceEndpoints,
	metav1.ColumnFormat_COLUMN_FORMAT_INGRESS_HOSTS:            ingressHosts,
	metav1.ColumnFormat_COLUMN_FORMAT_INGRESS_ADDRESS:          ingressAddress,
	metav1.ColumnFormat_COLUMN_FORMAT_INGRESS_PORTS:            ingressPorts,
	metav1.ColumnFormat_COLUMN_FORMAT_INGRESS_CLASS_PARAMETERS: ingressClassParameters,
	metav1.ColumnFormat_COLUMN_FORMAT_PARENT_REF:               parentRef,
	metav1.ColumnFormat_COLUMN_FORMAT_ROLE_REF:                 roleRef,
	metav1.ColumnFormat_COLUMN_FORMAT_HPA_REFERENCE:            hpaReference,
	metav1.ColumnFormat_COLUMN_FORMAT_HPA_TARGETS:              hpaTargets,
	metav1.ColumnFormat_COLUMN_FORMAT_PHASE:                    phase,
	metav1.ColumnFormat_COLUMN_FORMAT_STORAGE_CLASS:            storageClass,
	metav1.ColumnFormat_COLUMN_FORMAT_CONTROLLER:               controller,
	metav1.ColumnFormat_COLUMN_FORMAT_JOB_STATUS:               jobStatus,
	metav1.ColumnFormat_COLUMN_FORMAT_JOB_COMPLETIONS:          jobCompletions,
	metav1.ColumnFormat_COLUMN_FORMAT_JOB_DURATION:             jobDuration,
}

// at follows a path of JSON names, the last of which may be a key of a map; a nil descriptor means that nothing is there.
func at(m protoreflect.Message, path []string) (protoreflect.Value, protoreflect.FieldDescriptor) {
	for i, name := range path {
		holder, fd := manifest.Field(m, name)
		if fd == nil || !holder.Has(fd) {
			return protoreflect.Value{}, nil
		}
		v := holder.Get(fd)
		if i == len(path)-1 {
			return v, fd
		}
		if fd.IsMap() && i == len(path)-2 && fd.MapKey().Kind() == protoreflect.StringKind {
			key := protoreflect.ValueOfString(path[i+1]).MapKey()
			if !v.Map().Has(key) {
				return protoreflect.Value{}, nil
			}
			return v.Map().Get(key), fd.MapValue()
		}
		if fd.Message() == nil || fd.IsList() || fd.IsMap() {
			return protoreflect.Value{}, nil
		}
		m = v.Message()
	}
	return protoreflect.Value{}, nil
}

// text is a scalar as it is, a message with a scalar JSON form as that.
func text(v protoreflect.Value, fd protoreflect.FieldDescriptor) string {
	if fd.IsList() {
		parts := make([]string, v.List().Len())
		for i := range parts {
			parts[i] = v.List().Get(i).String()
		}
		return strings.Join(parts, ",")
	}
	if fd.IsMap() {
		return selectorText(v, fd)
	}
	if fd.Message() != nil {
		return manifest.Text(v.Message())
	}
	return v.String()
}

func timestamp(v protoreflect.Value, fd protoreflect.FieldDescriptor) *timestamppb.Timestamp {
	if fd == nil || fd.Message() == nil {
		return nil
	}
	t, _ := v.Message().Interface().(*timestamppb.Timestamp)
	return t
}
