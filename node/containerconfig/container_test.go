package containerconfig

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"kaji.dev/kaji/node/env"
	"kaji.dev/kaji/node/volumes"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestContainer(t *testing.T) {
	cfg := testConfig(t)
	container := &corev1.Container{
		Name: "main", Image: "web:1", Command: []string{"/web", "$(PORT)"}, Args: []string{"$$(PORT)"}, WorkingDir: "/srv",
		Stdin: true, StdinOnce: true, Tty: true,
		VolumeMounts: []*corev1.VolumeMount{{Name: "data", MountPath: "data/", BindMountOptions: []string{"noexec"}}, {Name: "cfg", MountPath: "/cfg", MountPropagation: ptr("HostToContainer")}},
		Lifecycle:    &corev1.Lifecycle{StopSignal: ptr("SIGUSR1")},
		SecurityContext: &corev1.SecurityContext{
			RunAsUser: ptr(int64(7)), ReadOnlyRootFilesystem: ptr(true), AllowPrivilegeEscalation: ptr(false),
			Capabilities: &corev1.Capabilities{Add: []string{"NET_ADMIN", "CAP_sys_time"}, Drop: []string{"ALL"}},
		},
		TerminationMessagePolicy: "FallbackToLogsOnError",
	}
	pod := with(newPod(container), func(s *corev1.PodSpec) { s.TerminationGracePeriodSeconds = ptr(int64(30)) })
	in := ContainerInput{
		Attempt: 4, Image: Image{Ref: "sha256:1"}, Env: []env.KeyValue{{Name: "PORT", Value: "80"}},
		Mounts:             []volumes.Mount{{HostPath: "/v/data", SELinuxRelabel: true}, {HostPath: "/v/cfg", ReadOnly: true}},
		HostsPath:          "/pods/hosts",
		TerminationLogPath: "/pods/log",
		Devices:            []Device{{HostPath: "/dev/fuse", ContainerPath: "/dev/fuse", Permissions: "rw"}},
	}
	got, err := cfg.Container(pod, container, in)
	if err != nil {
		t.Fatal(err)
	}
	want := &Container{
		Name: "main", Attempt: 4, Image: "sha256:1", ImageName: "web:1",
		Command: []string{"/web", "80"}, Args: []string{"$(PORT)"}, WorkingDir: "/srv",
		Env: []env.KeyValue{{Name: "PORT", Value: "80"}},
		Mounts: []Mount{
			{ContainerPath: "/data", HostPath: "/v/data", SELinuxRelabel: true, Propagation: PropagationPrivate, Options: []string{"noexec"}},
			{ContainerPath: "/cfg", HostPath: "/v/cfg", ReadOnly: true, Propagation: PropagationHostToContainer},
			{ContainerPath: "/etc/hosts", HostPath: "/pods/hosts", SELinuxRelabel: true, Propagation: PropagationPrivate},
			{ContainerPath: "/dev/termination-log", HostPath: "/pods/log", SELinuxRelabel: true, Propagation: PropagationPrivate},
		},
		Devices: in.Devices,
		Labels:  map[string]string{LabelPodName: "web", LabelPodNamespace: "shop", LabelPodUID: "6f1c-22", LabelNode: "n1", LabelContainerName: "main"},
		Annotations: map[string]string{
			AnnotationHash: Hash(container), AnnotationRestartCount: "4", AnnotationTerminationMessagePath: "",
			AnnotationTerminationMessagePolicy: "FallbackToLogsOnError", AnnotationTerminationGracePeriod: "30",
		},
		LogPath: "main/4.log", Stdin: true, StdinOnce: true, TTY: true,
		Resources: Resources{CPUShares: 2, OOMScoreAdj: 1000},
		Security: ContainerSecurity{
			AddCapabilities: []string{"NET_ADMIN", "SYS_TIME"}, DropCapabilities: []string{"ALL"},
			Namespaces: Namespaces{Network: NamespacePod, PID: NamespaceContainer, IPC: NamespacePod},
			RunAsUser:  ptr(int64(7)), ReadOnlyRootFilesystem: true, NoNewPrivileges: true,
			MaskedPaths: maskedPaths, ReadonlyPaths: readonlyPaths,
			Seccomp: &Profile{Type: ProfileUnconfined},
		},
		StopSignal: "SIGUSR1",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the container is\n%+v\nwant\n%+v", got, want)
	}
	got.Env[0].Value, got.Mounts[0].Options[0] = "changed", "changed"
	if in.Env[0].Value != "80" || container.VolumeMounts[0].BindMountOptions[0] != "noexec" {
		t.Error("what Container gives shares memory with what it was given")
	}
}

func TestMounts(t *testing.T) {
	at := func(path string) []*corev1.VolumeMount {
		return []*corev1.VolumeMount{{Name: "v", MountPath: path}}
	}
	cfg := testConfig(t)
	in := ContainerInput{Mounts: []volumes.Mount{{HostPath: "/v"}}, HostsPath: "/h", TerminationLogPath: "/t"}
	paths := func(c *corev1.Container) string {
		t.Helper()
		mounts, err := cfg.mounts(c, in)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, m := range mounts {
			out = append(out, m.ContainerPath+"="+m.HostPath)
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct {
		container *corev1.Container
		want      string
	}{
		{&corev1.Container{VolumeMounts: at("/x")}, "/x=/v /etc/hosts=/h /dev/termination-log=/t"},
		{&corev1.Container{VolumeMounts: at("/etc/hosts")}, "/etc/hosts=/v /dev/termination-log=/t"},
		{&corev1.Container{VolumeMounts: at("/etc/hosts/")}, "/etc/hosts=/v /dev/termination-log=/t"},
		{&corev1.Container{VolumeMounts: at("/my/log"), TerminationMessagePath: "/my/log"}, "/my/log=/v /etc/hosts=/h"},
		{&corev1.Container{VolumeMounts: at("/x"), TerminationMessagePath: "/last/words"}, "/x=/v /etc/hosts=/h /last/words=/t"},
	} {
		if got := paths(c.container); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	in.HostsPath, in.TerminationLogPath = "", ""
	if got := paths(&corev1.Container{VolumeMounts: at("/x")}); got != "/x=/v" {
		t.Errorf("without managed files: %s", got)
	}
	for name, c := range map[string]*corev1.Container{
		"mounts do not match":      {},
		"propagation unknown":      {VolumeMounts: []*corev1.VolumeMount{{Name: "v", MountPath: "/x", MountPropagation: ptr("Sideways")}}},
		"propagation unprivileged": {VolumeMounts: []*corev1.VolumeMount{{Name: "v", MountPath: "/x", MountPropagation: ptr("Bidirectional")}}},
		"recursive unknown":        {VolumeMounts: []*corev1.VolumeMount{{Name: "v", MountPath: "/x", RecursiveReadOnly: ptr("Maybe")}}},
		"recursive not possible":   {VolumeMounts: []*corev1.VolumeMount{{Name: "v", MountPath: "/x", RecursiveReadOnly: ptr("Enabled")}}},
		"block device":             {VolumeMounts: at("/x"), VolumeDevices: []*corev1.VolumeDevice{{Name: "d"}}},
	} {
		c.Name = "main"
		if got, err := cfg.Container(newPod(c), c, in); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
	privileged := &corev1.Container{SecurityContext: &corev1.SecurityContext{Privileged: ptr(true)}, VolumeMounts: []*corev1.VolumeMount{{Name: "v", MountPath: "/x", MountPropagation: ptr("Bidirectional")}}}
	if m, err := cfg.mounts(privileged, in); err != nil || m[0].Propagation != PropagationBidirectional {
		t.Errorf("privileged: %+v, %v", m, err)
	}
}

func TestRecursiveReadOnly(t *testing.T) {
	for _, c := range []struct {
		able, readOnly    bool
		mode, propagation string
		want, ok          bool
	}{
		{true, true, "Enabled", "", true, true},
		{true, true, "IfPossible", "", true, true},
		{true, true, "Disabled", "", false, true},
		{true, false, "IfPossible", "", false, true},
		{true, false, "Enabled", "", false, false},
		{true, true, "Enabled", "HostToContainer", false, false},
		{false, true, "IfPossible", "", false, true},
		{false, true, "Enabled", "", false, false},
	} {
		cfg := testConfig(t, func(cfg *Config) { cfg.RecursiveReadOnly = c.able })
		vm := &corev1.VolumeMount{Name: "v", MountPath: "/x", RecursiveReadOnly: &c.mode}
		if c.propagation != "" {
			vm.MountPropagation = &c.propagation
		}
		m, err := cfg.mounts(&corev1.Container{VolumeMounts: []*corev1.VolumeMount{vm}}, ContainerInput{Mounts: []volumes.Mount{{HostPath: "/v", ReadOnly: c.readOnly}}})
		if (err == nil) != c.ok || (err == nil && m[0].RecursiveReadOnly != c.want) {
			t.Errorf("%+v: %+v, %v", c, m, err)
		}
	}
}

func TestUser(t *testing.T) {
	user := func(n int64) *int64 { return &n }
	pod := func(u *int64, g *int64, nonRoot *bool) *corev1.PodSecurityContext {
		return &corev1.PodSecurityContext{RunAsUser: u, RunAsGroup: g, RunAsNonRoot: nonRoot}
	}
	own := func(u *int64, g *int64, nonRoot *bool) *corev1.SecurityContext {
		return &corev1.SecurityContext{RunAsUser: u, RunAsGroup: g, RunAsNonRoot: nonRoot}
	}
	yes, no := ptr(true), ptr(false)
	for name, c := range map[string]struct {
		pod      *corev1.PodSecurityContext
		own      *corev1.SecurityContext
		image    Image
		user     *int64
		group    *int64
		username string
		refused  bool
	}{
		"root by default":            {nil, nil, Image{}, user(0), nil, "", false},
		"image's number":             {nil, nil, Image{UID: user(5)}, user(5), nil, "", false},
		"image's name":               {nil, nil, Image{Username: "nginx"}, nil, nil, "nginx", false},
		"pod's":                      {pod(user(6), user(60), nil), nil, Image{UID: user(5)}, user(6), user(60), "", false},
		"container's":                {pod(user(6), user(60), nil), own(user(7), user(70), nil), Image{Username: "nginx"}, user(7), user(70), "", false},
		"half and half":              {pod(user(6), user(60), nil), own(user(7), nil, nil), Image{}, user(7), user(60), "", false},
		"non-root image":             {pod(nil, nil, yes), nil, Image{UID: user(5)}, user(5), nil, "", false},
		"non-root, image is root":    {pod(nil, nil, yes), nil, Image{}, nil, nil, "", true},
		"non-root, image says 0":     {pod(nil, nil, yes), nil, Image{UID: user(0)}, nil, nil, "", true},
		"non-root, image has a name": {pod(nil, nil, yes), nil, Image{Username: "nginx"}, nil, nil, "", true},
		"non-root, asked for root":   {nil, own(user(0), nil, yes), Image{UID: user(5)}, nil, nil, "", true},
		"non-root, user given":       {pod(user(6), nil, yes), nil, Image{Username: "nginx"}, user(6), nil, "", false},
		"container may be root":      {pod(nil, nil, yes), own(nil, nil, no), Image{}, user(0), nil, "", false},
		"container must not be root": {pod(nil, nil, no), own(nil, nil, yes), Image{}, nil, nil, "", true},
	} {
		container := &corev1.Container{Name: "main", SecurityContext: c.own}
		p := with(newPod(container), func(s *corev1.PodSpec) { s.SecurityContext = c.pod })
		got, err := testConfig(t).Container(p, container, ContainerInput{Image: c.image})
		if c.refused {
			if !errors.Is(err, ErrRunAsNonRoot) {
				t.Errorf("%s: %v, want ErrRunAsNonRoot", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := got.Security
		if !reflect.DeepEqual(s.RunAsUser, c.user) || !reflect.DeepEqual(s.RunAsGroup, c.group) || s.RunAsUsername != c.username {
			t.Errorf("%s: user %v, group %v, name %q", name, s.RunAsUser, s.RunAsGroup, s.RunAsUsername)
		}
	}
}

func TestSeccomp(t *testing.T) {
	profile := func(kind, path string) *corev1.SeccompProfile {
		p := &corev1.SeccompProfile{Type: kind}
		if path != "" {
			p.LocalhostProfile = &path
		}
		return p
	}
	for name, c := range map[string]struct {
		pod, own   *corev1.SeccompProfile
		privileged bool
		byDefault  bool
		want       Profile
		refused    bool
	}{
		"none":                    {want: Profile{Type: ProfileUnconfined}},
		"none, by default":        {byDefault: true, want: Profile{Type: ProfileRuntimeDefault}},
		"pod's":                   {pod: profile("RuntimeDefault", ""), want: Profile{Type: ProfileRuntimeDefault}},
		"container's":             {pod: profile("RuntimeDefault", ""), own: profile("Unconfined", ""), byDefault: true, want: Profile{Type: ProfileUnconfined}},
		"localhost":               {own: profile("Localhost", "p/web.json"), want: Profile{ProfileLocalhost, "/var/lib/kaji/seccomp/p/web.json"}},
		"localhost leads out":     {own: profile("Localhost", "../x"), refused: true},
		"localhost absolute":      {own: profile("Localhost", "/x"), refused: true},
		"localhost without path":  {own: profile("Localhost", ""), refused: true},
		"unknown":                 {own: profile("Custom", ""), refused: true},
		"privileged is unlimited": {pod: profile("RuntimeDefault", ""), privileged: true, want: Profile{Type: ProfileUnconfined}},
	} {
		cfg := testConfig(t, func(cfg *Config) { cfg.SeccompDefault = c.byDefault })
		got, err := cfg.seccomp(c.pod, c.own, c.privileged)
		if c.refused != (err != nil) || (err == nil && *got != c.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestAppArmor(t *testing.T) {
	profile := func(kind, name string) *corev1.AppArmorProfile {
		p := &corev1.AppArmorProfile{Type: kind}
		if name != "" {
			p.LocalhostProfile = &name
		}
		return p
	}
	for name, c := range map[string]struct {
		host       bool
		pod, own   *corev1.AppArmorProfile
		privileged bool
		want       *Profile
		refused    bool
	}{
		"host has none":             {want: nil},
		"host has none, unconfined": {own: profile("Unconfined", ""), want: nil},
		"host has none, asked for":  {pod: profile("RuntimeDefault", ""), refused: true},
		"default":                   {host: true, want: &Profile{Type: ProfileRuntimeDefault}},
		"privileged":                {host: true, privileged: true, want: &Profile{Type: ProfileUnconfined}},
		"localhost":                 {host: true, pod: profile("RuntimeDefault", ""), own: profile("Localhost", "web"), want: &Profile{ProfileLocalhost, "web"}},
		"localhost without name":    {host: true, own: profile("Localhost", ""), refused: true},
		"unknown":                   {host: true, own: profile("X", ""), refused: true},
	} {
		got, err := testConfig(t, func(cfg *Config) { cfg.AppArmor = c.host }).appArmor(c.pod, c.own, c.privileged)
		if c.refused != (err != nil) || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestContainerSecurity(t *testing.T) {
	cfg := testConfig(t)
	security := func(s *corev1.SecurityContext, in ContainerInput) ContainerSecurity {
		t.Helper()
		c := &corev1.Container{Name: "main", SecurityContext: s}
		pod := with(newPod(c), func(spec *corev1.PodSpec) {
			spec.SecurityContext = &corev1.PodSecurityContext{FsGroup: ptr(int64(9)), SupplementalGroups: []int64{8}, SeLinuxOptions: &corev1.SELinuxOptions{Level: "pod"}}
		})
		got, err := cfg.containerSecurity(pod, c, in)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	plain := security(nil, ContainerInput{})
	if plain.NoNewPrivileges || len(plain.MaskedPaths) == 0 || plain.SELinux.Level != "pod" || !reflect.DeepEqual(plain.SupplementalGroups, []int64{8, 9}) {
		t.Errorf("plain: %+v", plain)
	}
	if s := security(&corev1.SecurityContext{ProcMount: ptr("Unmasked")}, ContainerInput{}); len(s.MaskedPaths)+len(s.ReadonlyPaths) != 0 {
		t.Errorf("unmasked: %+v", s)
	}
	if s := security(&corev1.SecurityContext{Privileged: ptr(true)}, ContainerInput{}); !s.Privileged || len(s.MaskedPaths) != 0 {
		t.Errorf("privileged: %+v", s)
	}
	if s := security(&corev1.SecurityContext{AllowPrivilegeEscalation: ptr(true), SeLinuxOptions: &corev1.SELinuxOptions{Level: "own"}}, ContainerInput{}); s.NoNewPrivileges || s.SELinux.Level != "own" {
		t.Errorf("escalation allowed: %+v", s)
	}
	if s := security(nil, ContainerInput{TargetID: "c9"}); s.Namespaces.PID != NamespaceTarget || s.Namespaces.TargetID != "c9" {
		t.Errorf("target: %+v", s.Namespaces)
	}
}

func TestHash(t *testing.T) {
	base := &corev1.Container{Name: "main", Image: "web:1"}
	for name, c := range map[string]struct {
		c    *corev1.Container
		same bool
	}{
		"image":     {&corev1.Container{Name: "main", Image: "web:2"}, false},
		"name":      {&corev1.Container{Name: "other", Image: "web:1"}, false},
		"a default": {&corev1.Container{Name: "main", Image: "web:1", TerminationMessagePath: "/dev/termination-log"}, true},
	} {
		if (Hash(c.c) == Hash(base)) != c.same {
			t.Errorf("%s: same = %v", name, !c.same)
		}
	}
	if got := Hash(base); got != "a66a1c606778457e" {
		t.Errorf("Hash = %s: a change of it restarts every container there is", got)
	}
}

func TestEphemeralContainer(t *testing.T) {
	got := EphemeralContainer(&corev1.EphemeralContainer{TargetContainerName: "main", EphemeralContainerCommon: &corev1.EphemeralContainerCommon{Name: "debug", Image: "busybox", Tty: true, Env: []*corev1.EnvVar{{Name: "A", Value: "1"}}}})
	if got.GetName() != "debug" || got.GetImage() != "busybox" || !got.GetTty() || got.GetEnv()[0].GetValue() != "1" {
		t.Errorf("%v", got)
	}
	// Nothing may be lost on the way: the two messages have the same fields.
	from, to := (&corev1.EphemeralContainerCommon{}).ProtoReflect().Descriptor().Fields(), got.ProtoReflect().Descriptor().Fields()
	for i := range from.Len() {
		f := from.Get(i)
		if other := to.ByNumber(f.Number()); other == nil || other.Name() != f.Name() || other.Kind() != f.Kind() {
			t.Errorf("field %s has no equal in Container", f.Name())
		}
	}
}
