package strategy

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kaji.dev/kaji/kind"
)

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		name, base, patch string
		want              []string
	}{
		{"defaults give none", basePod, `{}`, nil},
		{"defaults of a template give none", baseDeployment, `{}`, nil},
		{"a volume", basePod, spec(`{volumes: [{name: a}, {name: b, persistentVolumeClaim: {claimName: c}}]}`), []string{"spec.volumes[1].persistentVolumeClaim"}},
		{"a source of a projected volume", basePod, spec(`{volumes: [{name: a, projected: {sources: [{configMap: {name: c}}, {serviceAccountToken: {path: t}}]}}]}`),
			[]string{"spec.volumes[0].projected.sources[1].serviceAccountToken"}},
		{"fields of containers", basePod, container(`{securityContext: {windowsOptions: {hostProcess: true}}}`),
			[]string{"spec.containers[0].securityContext.windowsOptions"}},
		{"fields of a template", baseDeployment, `spec: {template: {spec: {schedulingGroup: {podGroupName: g}}}}`, []string{"spec.template.spec.schedulingGroup"}},
		{"a priority class", basePod, spec(`{priorityClassName: high}`), nil},
		{"automounting switched off", basePod, spec(`{automountServiceAccountToken: false}`), nil},
		{"automounting switched on", basePod, spec(`{automountServiceAccountToken: true}`), []string{"spec.automountServiceAccountToken"}},
		{"a bound of a volume in memory", basePod, spec(`{volumes: [{name: a, emptyDir: {medium: Memory, sizeLimit: 1Mi}}]}`), nil},
		{"a bound of a volume on disk", basePod, spec(`{volumes: [{name: a, emptyDir: {sizeLimit: 1Mi}}]}`), []string{"spec.volumes[0].emptyDir.sizeLimit"}},
		{"limits", basePod, container(`{resources: {limits: {cpu: 1, memory: 1Gi}}}`), nil},
		{"a limit of disk", basePod, container(`{resources: {limits: {cpu: 1, ephemeral-storage: 1Gi}}}`), []string{"spec.containers[0].resources.limits"}},
		{"linux", basePod, spec(`{os: {name: linux}}`), nil},
		{"windows", basePod, spec(`{os: {name: windows}}`), []string{"spec.os.name"}},
		{"a service", baseService, `{}`, []string{"spec"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, s := build(t, c.base, c.patch)
			var got []string
			for _, w := range s.Warnings(o) {
				path, why, ok := strings.Cut(w, ": ")
				if !ok || why == "" {
					t.Errorf("a warning without a reason: %q", w)
				}
				got = append(got, path)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestUnsupportedNamesFields expects every entry of the table to be a field that a user can reach.
func TestUnsupportedNamesFields(t *testing.T) {
	seen := map[protoreflect.FullName]bool{}
	for _, g := range Unsupported() {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(g.Message)
		if err != nil {
			t.Errorf("%s: %v", g.Message, err)
			continue
		}
		if g.Field == "" {
			if kind.ByMessage(g.Message) == nil {
				t.Errorf("%s is no kind", g.Message)
			}
		} else if d.(protoreflect.MessageDescriptor).Fields().ByName(g.Field) == nil {
			t.Errorf("%s has no field %s", g.Message, g.Field)
		}
		if g.Why == "" {
			t.Errorf("%s.%s has no reason", g.Message, g.Field)
		}
		name := g.Message + "." + protoreflect.FullName(g.Field)
		if seen[name] {
			t.Errorf("%s.%s is listed twice", g.Message, g.Field)
		}
		seen[name] = true
	}
}

// TestIdleKindsWarn expects an object of each kind that nothing acts on to say so, first.
func TestIdleKindsWarn(t *testing.T) {
	for _, g := range idleKinds() {
		k := kind.ByMessage(g.Message)
		got := For(k).Warnings(k.New())
		if len(got) == 0 || got[0] != "nothing acts on a "+k.Name()+" yet: "+g.Why {
			t.Errorf("%s: %q", k, got)
		}
	}
}
