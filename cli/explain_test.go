package cli_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/cli/apidoc"
	"kaji.dev/kaji/kind"
)

func TestExplain(t *testing.T) {
	s := newShell(t, nil)
	for args, want := range map[string][]string{
		"pods":                              {"KIND:       Pod\nVERSION:    v1\n\nDESCRIPTION:\n", "  apiVersion\t<string>\n", "  spec\t<PodSpec>\n"},
		"deployments.apps.spec.replicas":    {"KIND:       Deployment\nVERSION:    apps/v1\n\nFIELD: replicas <integer>\n"},
		"deploy.spec.template.spec":         {"FIELD: spec <PodSpec>", "  containers\t<[]Container>\n"},
		"pod.spec.containers[0].resources":  {"  limits\t<map[string]Quantity>\n"},
		"pod.spec.volumes":                  {"  name\t<string>\n", "  configMap\t<ConfigMapVolumeSource>\n"}, // inline in the proto
		"pod.spec.containers.livenessProbe": {"  httpGet\t<HTTPGetAction>\n"},
		"pod.metadata.creationTimestamp":    {"FIELD: creationTimestamp <Time>\n"},
		"svc.spec.ports.targetPort":         {"FIELD: targetPort <IntOrString>\n"},
		"pod.spec.containers --recursive":   {"  livenessProbe\t<Probe>\n    exec\t<ExecAction>\n      command\t<[]string>\n"},
		"configmap.binaryData":              {"FIELD: binaryData <map[string]string>\n"},
		"pod.spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution.weight": {"<integer>"},
	} {
		out := s.ok(append([]string{"explain"}, strings.Fields(args)...)...)
		for _, text := range want {
			if !strings.Contains(out, text) {
				t.Errorf("explain %s: no %q in\n%s", args, text, out)
			}
		}
		for _, line := range strings.Split(out, "\n") {
			if len([]rune(line)) > 120 {
				t.Errorf("explain %s: a long line: %s", args, line)
			}
		}
	}
	s.fails([]string{`pod.spec has no field "containres"`, `did you mean "containers"?`}, "explain", "pod.spec.containres")
	s.fails([]string{"plain value"}, "explain", "pod.spec.nodeName.x")
	s.fails([]string{`there is no kind "pdo"`}, "explain", "pdo.spec")
	s.fails([]string{"one KIND"}, "explain")
	same(t, strings.Split(s.ok("__complete", "explain", "pods.spec.nodeN"), "\n:")[0], "pods.spec.nodeName")
}

// TestEveryFieldIsExplained walks all kinds; a message that holds itself is walked once.
func TestEveryFieldIsExplained(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	var walk func(m protoreflect.MessageDescriptor)
	walk = func(m protoreflect.MessageDescriptor) {
		if m == nil || seen[m.FullName()] {
			return
		}
		seen[m.FullName()] = true
		for _, f := range apidoc.Fields(m) {
			if f.Text() == "" || f.Type() == "" {
				t.Errorf("%s.%s: text %q, type %q", m.FullName(), f.Name, f.Text(), f.Type())
			}
			walk(f.Message())
		}
	}
	for _, k := range kind.All() {
		walk(k.New().ProtoReflect().Descriptor())
	}
	if len(seen) < 100 {
		t.Errorf("only %d messages", len(seen))
	}
}
