package cli

import (
	"fmt"
	"strings"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/manifest"
)

// envText is a variable and where its value comes from. Values of Secrets are not shown.
func envText(e *corev1.EnvVar) string {
	from := e.GetValueFrom()
	switch {
	case from.GetFieldRef() != nil:
		return fmt.Sprintf("%s=<field %s>", e.GetName(), from.GetFieldRef().GetFieldPath())
	case from.GetResourceFieldRef() != nil:
		return fmt.Sprintf("%s=<resource %s>", e.GetName(), from.GetResourceFieldRef().GetResource())
	case from.GetConfigMapKeyRef() != nil:
		r := from.GetConfigMapKeyRef()
		return fmt.Sprintf("%s=<key %s of config map %s>", e.GetName(), r.GetKey(), r.GetLocalObjectReference().GetName())
	case from.GetSecretKeyRef() != nil:
		r := from.GetSecretKeyRef()
		return fmt.Sprintf("%s=<key %s of secret %s>", e.GetName(), r.GetKey(), r.GetLocalObjectReference().GetName())
	case from.GetFileKeyRef() != nil:
		r := from.GetFileKeyRef()
		return fmt.Sprintf("%s=<key %s of file %s in volume %s>", e.GetName(), r.GetKey(), r.GetPath(), r.GetVolumeName())
	}
	return e.GetName() + "=" + e.GetValue()
}

func quantities(m map[string]*metav1.Quantity) map[string]string {
	out := make(map[string]string, len(m))
	for key, q := range m {
		out[key] = q.GetString_()
	}
	return out
}

// portText is a port by number or name.
func portText(p *metav1.IntOrString) string {
	if p == nil {
		return ""
	}
	return manifest.Text(p.ProtoReflect())
}

func probeText(p *corev1.Probe) string {
	h := p.GetHandler()
	var how string
	switch {
	case h.GetExec() != nil:
		how = "exec " + strings.Join(h.GetExec().GetCommand(), " ")
	case h.GetHttpGet() != nil:
		g := h.GetHttpGet()
		scheme := strings.ToLower(g.GetScheme())
		if scheme == "" {
			scheme = "http"
		}
		how = fmt.Sprintf("%s-get %s://%s:%s%s", scheme, scheme, g.GetHost(), portText(g.GetPort()), g.GetPath())
	case h.GetTcpSocket() != nil:
		how = fmt.Sprintf("tcp-socket %s:%s", h.GetTcpSocket().GetHost(), portText(h.GetTcpSocket().GetPort()))
	case h.GetGrpc() != nil:
		how = fmt.Sprintf("grpc :%d %s", h.GetGrpc().GetPort(), h.GetGrpc().GetService())
	}
	return fmt.Sprintf("%s delay=%ds timeout=%ds period=%ds #success=%d #failure=%d", how,
		p.GetInitialDelaySeconds(), p.GetTimeoutSeconds(), p.GetPeriodSeconds(), p.GetSuccessThreshold(), p.GetFailureThreshold())
}

func tolerationText(t *corev1.Toleration) string {
	text := t.GetKey()
	if t.GetValue() != "" {
		text += "=" + t.GetValue()
	}
	if t.GetEffect() != "" {
		text += ":" + t.GetEffect()
	}
	if t.GetOperator() == "Exists" {
		text = strings.TrimSpace(text + " op=Exists")
	}
	if t.TolerationSeconds != nil {
		text += fmt.Sprintf(" for %ds", t.GetTolerationSeconds())
	}
	return text
}

func taintText(t *corev1.Taint) string {
	text := t.GetKey()
	if t.GetValue() != "" {
		text += "=" + t.GetValue()
	}
	return text + ":" + t.GetEffect()
}

func describeVolumes(w *description, volumes []*corev1.Volume) {
	rows := [][]string{{"Name", "Type", "Source"}}
	for _, v := range volumes {
		sort, text := volumeText(v.GetVolumeSource())
		rows = append(rows, []string{v.GetName(), sort, text})
	}
	w.table(0, "Volumes", rows)
}

func volumeText(s *corev1.VolumeSource) (sort, text string) {
	switch {
	case s.GetEmptyDir() != nil:
		return "emptyDir", strings.TrimSpace(s.GetEmptyDir().GetMedium() + " " + s.GetEmptyDir().GetSizeLimit().GetString_())
	case s.GetHostPath() != nil:
		return "hostPath", s.GetHostPath().GetPath()
	case s.GetConfigMap() != nil:
		return "configMap", s.GetConfigMap().GetLocalObjectReference().GetName()
	case s.GetSecret() != nil:
		return "secret", s.GetSecret().GetSecretName()
	case s.GetPersistentVolumeClaim() != nil:
		return "persistentVolumeClaim", s.GetPersistentVolumeClaim().GetClaimName()
	case s.GetDownwardApi() != nil:
		var items []string
		for _, i := range s.GetDownwardApi().GetItems() {
			items = append(items, i.GetPath())
		}
		return "downwardAPI", strings.Join(items, ", ")
	case s.GetProjected() != nil:
		var parts []string
		for _, p := range s.GetProjected().GetSources() {
			switch {
			case p.GetSecret() != nil:
				parts = append(parts, "secret "+p.GetSecret().GetLocalObjectReference().GetName())
			case p.GetConfigMap() != nil:
				parts = append(parts, "configMap "+p.GetConfigMap().GetLocalObjectReference().GetName())
			case p.GetDownwardApi() != nil:
				parts = append(parts, "downwardAPI")
			case p.GetServiceAccountToken() != nil:
				parts = append(parts, "serviceAccountToken")
			default:
				parts = append(parts, "other")
			}
		}
		return "projected", strings.Join(parts, ", ")
	}
	// Any other source: its name, and its fields as JSON.
	b := manifest.MarshalMessage(s)
	name, rest, ok := strings.Cut(strings.Trim(string(b), "{}"), ":")
	if !ok {
		return "", ""
	}
	return strings.Trim(name, `"`), rest
}

// describeTemplate writes a pod template, as rollout history and describe show it.
func describeTemplate(w *description, t *corev1.PodTemplateSpec) {
	w.heading(0, "Pod Template")
	w.pairs(1, "Labels", t.GetMetadata().GetLabels())
	if len(t.GetMetadata().GetAnnotations()) > 0 {
		w.pairs(1, "Annotations", t.GetMetadata().GetAnnotations())
	}
	w.some(1, "Service Account", t.GetSpec().GetServiceAccountName())
	for _, one := range []struct {
		name string
		all  []*corev1.Container
	}{{"Init Containers", t.GetSpec().GetInitContainers()}, {"Containers", t.GetSpec().GetContainers()}} {
		if len(one.all) > 0 {
			w.heading(0, one.name)
		}
		for _, c := range one.all {
			w.heading(1, c.GetName())
			w.field(2, "Image", c.GetImage())
			describeContainer(w, c)
		}
	}
	describeVolumes(w, t.GetSpec().GetVolumes())
}
