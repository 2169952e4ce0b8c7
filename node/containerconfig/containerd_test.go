package containerconfig_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/env"
	"kaji.dev/kaji/node/internal/runtimetest"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/probes"
	"kaji.dev/kaji/node/volumes"
)

// machine is a real containerd; nil where there can be none.
var machine *runtimetest.Runtime

func TestMain(m *testing.M) {
	if err := runtimetest.Available(); err != nil {
		fmt.Println("tests with containers are left out:", err)
		os.Exit(m.Run())
	}
	var err error
	if machine, err = runtimetest.Start(7); err != nil {
		fmt.Println("no runtime:", err)
		if machine != nil {
			machine.Stop()
		}
		os.Exit(1)
	}
	code := m.Run()
	machine.Stop()
	os.Exit(code)
}

// getter holds one object of a kind.
type getter[T any] struct{ object T }

func (g getter[T]) Get(context.Context, string, string) (T, error) { return g.object, nil }

// lab runs pods on the real runtime, with what the agent does for them.
type lab struct {
	t       *testing.T
	cri     *cri.Client
	config  *containerconfig.Config
	volumes *volumes.Manager
	getters env.Getters
	image   containerconfig.Image
	score   string // this process' OOM score: no container may be below
}

func newLab(t *testing.T) *lab {
	t.Helper()
	if machine == nil {
		t.Skip("no container runtime")
	}
	client, err := machine.Client("lab")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	l := &lab{t: t, cri: client}
	configMaps := getter[*corev1.ConfigMap]{&corev1.ConfigMap{Data: map[string]string{"app.conf": "from the map"}}}
	secrets := getter[*corev1.Secret]{&corev1.Secret{Data: map[string][]byte{"pass": []byte("s3cret")}}}
	root := t.TempDir()
	l.getters = env.Getters{ConfigMaps: configMaps, Secrets: secrets}
	if l.volumes, err = volumes.New(volumes.Config{Root: root, ConfigMaps: configMaps, Secrets: secrets}, nil); err != nil {
		t.Fatal(err)
	}
	score, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	l.score = strings.TrimSpace(string(score))
	l.config = &containerconfig.Config{
		NodeName: "lab", LogRoot: filepath.Join(root, "logs"), ClusterDNS: []string{"10.96.0.10"}, ClusterDomain: "cluster.local",
		MemoryCapacity: 8 << 30, HugepageSizes: []string{"2MB"},
	}
	if _, err := fmt.Sscan(l.score, &l.config.MinOOMScoreAdj); err != nil {
		t.Fatal(err)
	}
	if err := l.config.Validate(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Pull(t.Context(), machine.Image, nil); err != nil {
		t.Fatal(err)
	}
	image, err := client.Image(t.Context(), machine.Image)
	if err != nil || image == nil {
		t.Fatal(err)
	}
	l.image = containerconfig.Image{Ref: image.ID, UID: image.UID, Username: image.Username}
	return l
}

// box is a pod's running sandbox.
type box struct {
	*lab
	pod    *corev1.Pod
	config *containerconfig.Sandbox
	id     string
	info   volumes.PodInfo
	made   map[string]volumes.Volume
}

func (l *lab) sandbox(pod *corev1.Pod) *box {
	l.t.Helper()
	ctx := l.t.Context()
	b := &box{lab: l, pod: pod, info: volumes.PodInfo{NodeName: "lab", HostIPs: []string{"192.0.2.1"}, Allocatable: map[string]resource.Quantity{"cpu": resource.MustParse("2"), "memory": resource.MustParse("1Gi")}}}
	var err error
	if b.made, err = l.volumes.Mount(ctx, pod, b.info); err != nil {
		l.t.Fatal(err)
	}
	if b.config, err = l.config.Sandbox(pod, containerconfig.SandboxInput{}); err != nil {
		l.t.Fatal(err)
	}
	if err := os.MkdirAll(b.config.LogDirectory, 0o755); err != nil {
		l.t.Fatal(err)
	}
	if b.id, err = l.cri.RunSandbox(ctx, b.config, ""); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() {
		ctx := context.Background()
		for _, err := range []error{l.cri.StopSandbox(ctx, b.id), l.cri.RemoveSandbox(ctx, b.id), l.volumes.Unmount(ctx, pod.GetMetadata().GetUid())} {
			if err != nil {
				l.t.Error(err)
			}
		}
	})
	seen, err := l.cri.Sandbox(ctx, b.id)
	if err != nil {
		l.t.Fatal(err)
	}
	b.info.PodIPs = seen.IPs
	return b
}

// start starts a container of the pod.
func (b *box) start(c *corev1.Container) string {
	b.t.Helper()
	ctx := b.t.Context()
	vars, err := env.Resolve(ctx, b.pod, c, b.info, b.getters)
	if err != nil {
		b.t.Fatal(err)
	}
	mounts, err := b.volumes.ContainerMounts(ctx, b.pod, c, b.made, vars)
	if err != nil {
		b.t.Fatal(err)
	}
	hosts, err := b.lab.config.HostsFile(b.pod, b.info.PodIPs, "192.0.2.1 node\n")
	if err != nil {
		b.t.Fatal(err)
	}
	hostsPath, err := b.volumes.WriteHosts(b.pod.GetMetadata().GetUid(), hosts)
	if err != nil {
		b.t.Fatal(err)
	}
	last, err := b.volumes.TerminationLog(b.pod.GetMetadata().GetUid(), c.GetName(), 0)
	if err != nil {
		b.t.Fatal(err)
	}
	cfg, err := b.lab.config.Container(b.pod, c, containerconfig.ContainerInput{Image: b.image, Env: vars, Mounts: mounts, HostsPath: hostsPath, TerminationLogPath: last})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(b.config.LogDirectory, c.GetName()), 0o755); err != nil {
		b.t.Fatal(err)
	}
	id, err := b.cri.CreateContainer(ctx, b.id, cfg, b.config)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.cri.StartContainer(ctx, id); err != nil {
		b.t.Fatal(err)
	}
	return id
}

// run runs a container to its end and gives what it printed.
func (b *box) run(c *corev1.Container) string {
	b.t.Helper()
	id := b.start(c)
	deadline := time.Now().Add(30 * time.Second)
	for {
		// This runtime has no events: it must be asked.
		seen, err := b.cri.Container(b.t.Context(), id)
		if err != nil {
			b.t.Fatal(err)
		}
		if seen.State == observed.Exited {
			break
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("container %s does not end", c.GetName())
		}
		time.Sleep(20 * time.Millisecond)
	}
	data, err := os.ReadFile(filepath.Join(b.config.LogDirectory, containerconfig.LogPath(c.GetName(), 0)))
	if err != nil {
		b.t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(data)) {
		if f := strings.SplitN(line, " ", 4); len(f) == 4 { // time, stream, tag, text
			out.WriteString(f[3])
		}
	}
	return out.String()
}

// want holds what was printed against regular expressions, each for a line.
func (b *box) want(out string, lines ...string) {
	b.t.Helper()
	for _, l := range lines {
		if !regexp.MustCompile(`(?m)^` + l + `$`).MatchString(out) {
			b.t.Errorf("no line %s", l)
		}
	}
	if b.t.Failed() {
		b.t.Logf("printed was:\n%s", out)
	}
}

func ptr[T any](v T) *T { return &v }

func quantities(kv ...string) map[string]*metav1.Quantity {
	out := map[string]*metav1.Quantity{}
	for i := 0; i < len(kv); i += 2 {
		out[kv[i]] = &metav1.Quantity{String_: kv[i+1]}
	}
	return out
}

func podOf(uid string, spec *corev1.PodSpec) *corev1.Pod {
	return &corev1.Pod{Metadata: &metav1.ObjectMeta{Name: "web-" + uid, Namespace: "shop", Uid: "uid-" + uid, Labels: map[string]string{"app": "web"}}, Spec: spec}
}

func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

// A restricted container with every sort of volume gets what its spec says, as it sees it
// itself.
func TestRestrictedContainerOnContainerd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	c := &corev1.Container{
		Name: "main", WorkingDir: "/tmp",
		Command: sh(`
id
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
echo "oom $(cat /proc/self/oom_score_adj)"
echo "host $(hostname)"
echo "pwd $PWD"
cat /etc/resolv.conf /etc/hosts
echo "port $(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)"
echo x > /x 2>/dev/null && echo "root is writable"
echo x > /cfg/x 2>/dev/null && echo "config is writable"
echo "cfg $(cat /cfg/app.conf)"; echo "one $(cat /one)"; echo "secret $(cat /sec/pass)"; echo "labels $(cat /self/labels)"
echo data > /work/f && echo "work $(cat /work/f)"
echo data > /log/f && echo "log $(cat /work/logs/web-restricted/f)"
echo "memory $(grep ' /mem ' /proc/mounts)"
echo "greeting $GREETING"
[ -s /proc/kcore ] && echo "kcore is readable"
echo x 2>/dev/null > /proc/sysrq-trigger && echo "sysrq is writable"
for f in cpu/cpu.shares cpu/cpu.cfs_quota_us memory/memory.limit_in_bytes; do [ -f /sys/fs/cgroup/$f ] && echo "$f $(cat /sys/fs/cgroup/$f)"; done
echo goodbye > /dev/termination-log`),
		Env: []*corev1.EnvVar{
			{Name: "POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
			{Name: "IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
			{Name: "MEM", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.memory", Divisor: &metav1.Quantity{String_: "1Mi"}}}},
			{Name: "GREETING", Value: "$(POD)/$(IP)/$(MEM)"},
		},
		Resources: &corev1.ResourceRequirements{Requests: quantities("cpu", "250m", "memory", "64Mi"), Limits: quantities("cpu", "500m", "memory", "64Mi")},
		VolumeMounts: []*corev1.VolumeMount{
			{Name: "cfg", MountPath: "/cfg"}, {Name: "cfg", MountPath: "/one", SubPath: "app.conf"}, {Name: "sec", MountPath: "/sec"},
			{Name: "self", MountPath: "/self"}, {Name: "work", MountPath: "/work"}, {Name: "work", MountPath: "/log", SubPathExpr: "logs/$(POD)"}, {Name: "mem", MountPath: "/mem"},
		},
		SecurityContext: &corev1.SecurityContext{
			ReadOnlyRootFilesystem: ptr(true), AllowPrivilegeEscalation: ptr(false), RunAsNonRoot: ptr(true),
			Capabilities:   &corev1.Capabilities{Drop: []string{"ALL"}, Add: []string{"NET_BIND_SERVICE"}},
			SeccompProfile: &corev1.SeccompProfile{Type: "RuntimeDefault"},
		},
	}
	pod := podOf("restricted", &corev1.PodSpec{
		Containers: []*corev1.Container{c}, Subdomain: "peers", HostAliases: []*corev1.HostAlias{{Ip: "192.0.2.7", Hostnames: []string{"db"}}},
		SecurityContext: &corev1.PodSecurityContext{
			RunAsUser: ptr(int64(1000)), RunAsGroup: ptr(int64(3000)), FsGroup: ptr(int64(2000)), SupplementalGroups: []int64{4000},
			Sysctls: []*corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "99"}},
		},
		Volumes: []*corev1.Volume{
			{Name: "cfg", VolumeSource: &corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: &corev1.LocalObjectReference{Name: "c"}}}},
			{Name: "sec", VolumeSource: &corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s", DefaultMode: ptr(int32(0o400))}}},
			{Name: "self", VolumeSource: &corev1.VolumeSource{DownwardApi: &corev1.DownwardAPIVolumeSource{Items: []*corev1.DownwardAPIVolumeFile{{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}}}}}},
			{Name: "work", VolumeSource: &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			{Name: "mem", VolumeSource: &corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: "Memory", SizeLimit: &metav1.Quantity{String_: "1Mi"}}}},
		},
	})
	b := l.sandbox(pod)
	out := b.run(c)
	ip := b.info.PodIPs[0]
	b.want(out,
		`uid=1000 gid=3000 groups=2000,3000,4000`,
		`CapBnd:\s+0000000000000400`, `NoNewPrivs:\s+1`, `Seccomp:\s+2`,
		`host web-restricted`, `pwd /tmp`, `nameserver 10.96.0.10`, `search shop.svc.cluster.local svc.cluster.local cluster.local.*`, `options ndots:5`,
		regexp.QuoteMeta(ip)+`\tweb-restricted.peers.shop.svc.cluster.local\tweb-restricted`, `192.0.2.7\tdb`,
		`port 99`, `cfg from the map`, `one from the map`, `secret s3cret`, `labels app="web"`, `work data`, `log data`,
		`memory tmpfs /mem tmpfs .*size=1024k.*`, `greeting web-restricted/`+regexp.QuoteMeta(ip)+`/64`,
	)
	for _, wrong := range []string{"is writable", "is readable"} {
		if strings.Contains(out, wrong) {
			t.Errorf("printed %q:\n%s", wrong, out)
		}
	}
	// 1000 - 1000·64Mi/8Gi = 993, never below this process.
	want := max(993, l.config.MinOOMScoreAdj)
	b.want(out, fmt.Sprintf("oom %d", want))
	if strings.Contains(out, "cpu.shares") { // cgroup v1 shows the figures as they were asked for
		b.want(out, `cpu/cpu.shares 256`, `cpu/cpu.cfs_quota_us 50000`, `memory/memory.limit_in_bytes 67108864`)
	}
	if last, err := l.volumes.ReadTerminationLog(pod.GetMetadata().GetUid(), "main", 0); err != nil || last != "goodbye\n" {
		t.Errorf("the termination message is %q, %v", last, err)
	}
}

// A guaranteed pod's score would be -997: it must start all the same where that may not be set.
func TestGuaranteedPodOnContainerd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	all := quantities("cpu", "100m", "memory", "32Mi")
	c := &corev1.Container{Name: "main", Command: sh("cat /proc/self/oom_score_adj"), Resources: &corev1.ResourceRequirements{Requests: all, Limits: all}}
	b := l.sandbox(podOf("guaranteed", &corev1.PodSpec{Containers: []*corev1.Container{c}}))
	b.want(b.run(c), fmt.Sprint(max(-997, l.config.MinOOMScoreAdj)))
}

func TestHostNamespacesOnContainerd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	own := func(ns string) string {
		link, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil {
			t.Fatal(err)
		}
		return regexp.QuoteMeta(link)
	}
	see := sh(`for n in net pid ipc; do /bin/busybox readlink /proc/self/ns/$n; done; grep -E '^CapEff' /proc/self/status; cat /etc/hosts; /bin/busybox mount -t tmpfs none /tmp && echo mounted`)
	c := &corev1.Container{Name: "main", Command: see, SecurityContext: &corev1.SecurityContext{Privileged: ptr(true)}}
	b := l.sandbox(podOf("host", &corev1.PodSpec{Containers: []*corev1.Container{c}, HostNetwork: true, HostPid: true, HostIpc: true}))
	b.want(b.run(c), own("net"), own("pid"), own("ipc"), `192.0.2.1 node`, `mounted`)

	plain := &corev1.Container{Name: "plain", Command: see}
	other := l.sandbox(podOf("own", &corev1.PodSpec{Containers: []*corev1.Container{plain}}))
	out := other.run(plain)
	for _, ns := range []string{"net", "pid", "ipc"} {
		if regexp.MustCompile(own(ns)).MatchString(out) {
			t.Errorf("the pod shares the host's %s namespace", ns)
		}
	}
	if strings.Contains(out, "mounted") {
		t.Error("an unprivileged container can mount")
	}
}

// Probes and hooks through the real runtime; and a container that sees its neighbour's
// processes.
func TestExecOnContainerd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	sleeper := &corev1.Container{Name: "sleeper", Command: sh(`trap 'exit 0' TERM; touch /tmp/ok; while true; do sleep 0.2; done`)}
	looker := &corev1.Container{Name: "looker", Command: sh(`for i in $(seq 50); do ps | grep -q 'while [t]rue' && echo "sees the neighbour" && exit; sleep 0.1; done`)}
	pod := podOf("exec", &corev1.PodSpec{Containers: []*corev1.Container{sleeper, looker}, ShareProcessNamespace: ptr(true)})
	b := l.sandbox(pod)
	id := b.start(sleeper)
	b.want(b.run(looker), "sees the neighbour")

	m, err := probes.New(probes.Config{Exec: l.cri}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	command := func(script string) *corev1.ProbeHandler {
		return &corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: sh(script)}}
	}
	ref := probes.PodRef{UID: "u", Namespace: "shop", Name: "web"}
	for kind, script := range map[string]string{"good": "test -f /tmp/ok", "bad": "echo no; exit 3", "slow": "sleep 5"} {
		c := &corev1.Container{Name: kind, LivenessProbe: &corev1.Probe{Handler: command(script), FailureThreshold: 1, PeriodSeconds: 1, TimeoutSeconds: 1}}
		if kind == "good" {
			c.LivenessProbe, c.ReadinessProbe = nil, c.LivenessProbe
		}
		m.Ensure(ref, c, id, "")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got := map[string]probes.Result{}
	for len(got) < 3 {
		select {
		case r := <-m.Results():
			got[r.Container] = r
		case <-ctx.Done():
			t.Fatalf("results are %v", got)
		}
	}
	if !got["good"].OK || got["bad"].OK || got["slow"].OK || got["bad"].Message != "command exited with 3: no" || !strings.Contains(got["slow"].Message, "timed out") {
		t.Errorf("results are %+v", got)
	}
	hook := func(script string) *corev1.Container {
		return &corev1.Container{Name: "sleeper", Lifecycle: &corev1.Lifecycle{PostStart: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: sh(script)}}}}
	}
	if err := m.RunPostStart(ctx, ref, hook("touch /tmp/hook"), id, ""); err != nil {
		t.Error(err)
	}
	if _, _, code, err := l.cri.ExecSync(ctx, id, []string{"test", "-f", "/tmp/hook"}, time.Second); err != nil || code != 0 {
		t.Errorf("the hook left nothing: %d, %v", code, err)
	}
	if err := m.RunPostStart(ctx, ref, hook("exit 4"), id, ""); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a hook that fails: %v", err)
	}
}
