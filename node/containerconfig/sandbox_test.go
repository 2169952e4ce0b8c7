package containerconfig

import (
	"reflect"
	"strings"
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestHostname(t *testing.T) {
	cfg := testConfig(t)
	long := strings.Repeat("a", 62) + "-" + strings.Repeat("b", 20)
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		want   string // in the kernel
		domain string
	}{
		"name":               {func(p *corev1.Pod) {}, "web", ""},
		"hostname":           {func(p *corev1.Pod) { p.Spec.Hostname = "db" }, "db", ""},
		"63 stay":            {func(p *corev1.Pod) { p.Metadata.Name = strings.Repeat("a", 63) }, strings.Repeat("a", 63), ""},
		"cut at 63":          {func(p *corev1.Pod) { p.Metadata.Name = strings.Repeat("a", 64) }, strings.Repeat("a", 63), ""},
		"no dash at the end": {func(p *corev1.Pod) { p.Metadata.Name = long }, strings.Repeat("a", 62), ""},
		"subdomain":          {func(p *corev1.Pod) { p.Spec.Subdomain = "peers" }, "web", "peers.shop.svc.cluster.local"},
		"FQDN":               {func(p *corev1.Pod) { p.Spec.Subdomain = "peers"; p.Spec.SetHostnameAsFqdn = ptr(true) }, "web.peers.shop.svc.cluster.local", "peers.shop.svc.cluster.local"},
		"FQDN, no domain":    {func(p *corev1.Pod) { p.Spec.SetHostnameAsFqdn = ptr(true) }, "web", ""},
		"override":           {func(p *corev1.Pod) { p.Spec.Subdomain = "peers"; p.Spec.HostnameOverride = ptr("other.example") }, "other.example", ""},
		"host network":       {func(p *corev1.Pod) { p.Spec.HostNetwork = true }, "", ""},
	} {
		pod := newPod()
		c.change(pod)
		got, err := cfg.kernelHostname(pod)
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
		if _, domain, _ := cfg.Hostname(pod); domain != c.domain {
			t.Errorf("%s: domain %q, want %q", name, domain, c.domain)
		}
	}
	pod := newPod()
	pod.Spec.Subdomain, pod.Spec.SetHostnameAsFqdn = strings.Repeat("s", 60), ptr(true)
	if got, err := cfg.kernelHostname(pod); err == nil {
		t.Errorf("an FQDN of %d characters was taken", len(got))
	}
	pod = newPod()
	pod.Metadata.Name = strings.Repeat("-", 70)
	if got, err := cfg.kernelHostname(pod); err == nil {
		t.Errorf("a name without anything usable gave %q", got)
	}
}

func TestHostsFile(t *testing.T) {
	cfg := testConfig(t)
	aliases := []*corev1.HostAlias{{Ip: "192.0.2.7", Hostnames: []string{"db", "db.example"}}}
	pod := with(newPod(), func(s *corev1.PodSpec) { s.Subdomain, s.HostAliases = "peers", aliases })
	got, err := cfg.HostsFile(pod, []string{"10.0.0.1", "fd00::1"}, "192.0.2.1 node\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"127.0.0.1\tlocalhost", "10.0.0.1\tweb.peers.shop.svc.cluster.local\tweb", "fd00::1\tweb.peers.shop.svc.cluster.local\tweb", "192.0.2.7\tdb\tdb.example"} {
		if !strings.Contains(string(got), line+"\n") {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
	if strings.Contains(string(got), "node") && strings.Contains(string(got), "192.0.2.1 node") {
		t.Error("the node's file is in a pod with a network of its own")
	}
	pod.Spec.HostNetwork = true
	got, err = cfg.HostsFile(pod, []string{"192.0.2.1"}, "192.0.2.1 node")
	if err != nil || !strings.Contains(string(got), "\n192.0.2.1 node\n") || !strings.Contains(string(got), "192.0.2.7\tdb\tdb.example\n") || strings.Contains(string(got), "web") {
		t.Errorf("on the host's network: %v\n%s", err, got)
	}
	plain, err := cfg.HostsFile(newPod(), []string{"10.0.0.1"}, "")
	if err != nil || !strings.HasSuffix(string(plain), "10.0.0.1\tweb\n") {
		t.Errorf("plain: %v\n%s", err, plain)
	}
}

func TestSandbox(t *testing.T) {
	cfg := testConfig(t, func(c *Config) { c.CgroupRoot, c.SupplementalGroupsPolicy = "/kaji", true })
	pod := with(newPod(
		&corev1.Container{Name: "main", Resources: resourcesOf([]string{"cpu", "500m", "memory", "64Mi"}, []string{"memory", "128Mi"}), Ports: []*corev1.ContainerPort{
			{ContainerPort: 80, HostPort: 8080, HostIp: "192.0.2.1"}, {ContainerPort: 81}, {ContainerPort: 53, HostPort: 53, Protocol: "UDP"}}},
		&corev1.Container{Name: "side", SecurityContext: &corev1.SecurityContext{Privileged: ptr(true)}},
	), func(s *corev1.PodSpec) {
		s.InitContainers = []*corev1.Container{
			{Name: "once", Ports: []*corev1.ContainerPort{{ContainerPort: 1, HostPort: 1}}},
			{Name: "proxy", RestartPolicy: ptr("Always"), Ports: []*corev1.ContainerPort{{ContainerPort: 15, HostPort: 15, Protocol: "SCTP"}}},
		}
		s.Overhead = quantities("cpu", "250m", "memory", "120Mi")
		s.SecurityContext = &corev1.PodSecurityContext{
			RunAsUser: ptr(int64(1000)), RunAsGroup: ptr(int64(3000)), FsGroup: ptr(int64(2000)), SupplementalGroups: []int64{4, 2000}, SupplementalGroupsPolicy: ptr("Strict"),
			SeLinuxOptions: &corev1.SELinuxOptions{Level: "s0:c1"},
			Sysctls:        []*corev1.Sysctl{{Name: "net.ipv4.ip_forward", Value: "1"}, {Name: "net/ipv4/conf/eth0.1/rp_filter", Value: "2"}},
		}
	})
	got, err := cfg.Sandbox(pod, SandboxInput{Attempt: 2})
	if err != nil {
		t.Fatal(err)
	}
	want := &Sandbox{
		Name: "web", Namespace: "shop", UID: "6f1c-22", Attempt: 2, Hostname: "web",
		LogDirectory: "/var/log/pods/shop_web_6f1c-22",
		DNS:          &DNS{[]string{"10.96.0.10"}, []string{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "corp.example"}, []string{"ndots:5"}},
		PortMappings: []PortMapping{{SCTP, 15, 15, ""}, {TCP, 80, 8080, "192.0.2.1"}, {UDP, 53, 53, ""}},
		Labels:       map[string]string{"app": "web", LabelPodName: "web", LabelPodNamespace: "shop", LabelPodUID: "6f1c-22", LabelNode: "n1"},
		Annotations:  map[string]string{"note": "x"},
		CgroupParent: "/kaji/burstable/pod6f1c-22",
		Sysctls:      map[string]string{"net.ipv4.ip_forward": "1", "net.ipv4.conf.eth0/1.rp_filter": "2"},
		Overhead:     &Resources{CPUShares: 256, CPUPeriod: 100000, CPUQuota: 25000, MemoryLimit: 120 << 20},
		Resources:    &Resources{CPUShares: 512},
		Security: SandboxSecurity{
			Namespaces: Namespaces{Network: NamespacePod, PID: NamespaceContainer, IPC: NamespacePod},
			SELinux:    &SELinux{Level: "s0:c1"}, RunAsUser: ptr(int64(1000)), RunAsGroup: ptr(int64(3000)),
			SupplementalGroups: []int64{4, 2000}, StrictSupplementalGroups: true, Privileged: true,
			Seccomp: &Profile{Type: ProfileRuntimeDefault},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the sandbox is\n%+v\nwant\n%+v", got, want)
	}
}

func TestSandboxOnHost(t *testing.T) {
	cfg := testConfig(t)
	pod := with(newPod(&corev1.Container{Name: "main", Ports: []*corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}}), func(s *corev1.PodSpec) {
		s.HostNetwork, s.HostPid, s.HostIpc = true, true, true
		s.SecurityContext = &corev1.PodSecurityContext{RunAsGroup: ptr(int64(3000))}
	})
	got, err := cfg.Sandbox(pod, SandboxInput{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Security.Namespaces != (Namespaces{Network: NamespaceNode, PID: NamespaceNode, IPC: NamespaceNode}) {
		t.Errorf("namespaces are %+v", got.Security.Namespaces)
	}
	if got.Hostname != "" || len(got.PortMappings) != 0 {
		t.Errorf("on the host's network: hostname %q, ports %v", got.Hostname, got.PortMappings)
	}
	if got.Security.RunAsGroup != nil {
		t.Error("a group without a user: runtimes refuse that")
	}
	if got.CgroupParent != "" || got.Overhead != nil || got.Resources != nil {
		t.Errorf("nothing was asked for: %+v", got)
	}
	shared, err := cfg.Sandbox(with(newPod(), func(s *corev1.PodSpec) { s.ShareProcessNamespace = ptr(true) }), SandboxInput{})
	if err != nil || shared.Security.Namespaces.PID != NamespacePod {
		t.Errorf("shareProcessNamespace: %+v, %v", shared.Security.Namespaces, err)
	}
}

func TestCgroupParent(t *testing.T) {
	guaranteed := resourcesOf([]string{"cpu", "1", "memory", "1Gi"}, []string{"cpu", "1", "memory", "1Gi"})
	for _, c := range []struct {
		root    string
		systemd bool
		r       *corev1.ResourceRequirements
		want    string
	}{
		{"/kaji", false, nil, "/kaji/besteffort/pod6f1c-22"},
		{"kaji/pods", false, guaranteed, "/kaji/pods/pod6f1c-22"},
		{"kaji", true, nil, "kaji-besteffort-pod6f1c_22.slice"},
		{"/kaji.slice", true, guaranteed, "kaji-pod6f1c_22.slice"},
	} {
		cfg := testConfig(t, func(cfg *Config) { cfg.CgroupRoot, cfg.SystemdCgroup = c.root, c.systemd })
		if got := cfg.cgroupParent(newPod(&corev1.Container{Name: "main", Resources: c.r})); got != c.want {
			t.Errorf("%s (systemd %v): %q, want %q", c.root, c.systemd, got, c.want)
		}
	}
}

func TestUnsupportedPods(t *testing.T) {
	strict := func(s *corev1.PodSpec) {
		s.SecurityContext = &corev1.PodSecurityContext{SupplementalGroupsPolicy: ptr("Strict")}
	}
	for name, change := range map[string]func(*corev1.PodSpec){
		"user namespace": func(s *corev1.PodSpec) { s.HostUsers = ptr(false) },
		"windows":        func(s *corev1.PodSpec) { s.Os = &corev1.PodOS{Name: "windows"} },
		"strict groups":  strict,
	} {
		if got, err := testConfig(t).Sandbox(with(newPod(), change), SandboxInput{}); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
	if _, err := testConfig(t).Sandbox(with(newPod(), func(s *corev1.PodSpec) { s.HostUsers, s.Os = ptr(true), &corev1.PodOS{Name: "linux"} }), SandboxInput{}); err != nil {
		t.Error(err)
	}
	if _, err := testConfig(t, func(c *Config) { c.SupplementalGroupsPolicy = true }).Sandbox(with(newPod(), strict), SandboxInput{}); err != nil {
		t.Error(err)
	}
}

func TestSandboxErrors(t *testing.T) {
	cfg := testConfig(t)
	for name, pod := range map[string]*corev1.Pod{
		"quantity": newPod(&corev1.Container{Name: "main", Resources: resourcesOf([]string{"cpu", "many"}, nil)}),
		"overhead": with(newPod(), func(s *corev1.PodSpec) { s.Overhead = quantities("memory", "x") }),
	} {
		if got, err := cfg.Sandbox(pod, SandboxInput{}); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]Config{
		"no node name":   {},
		"relative logs":  {NodeName: "n", LogRoot: "logs"},
		"relative rules": {NodeName: "n", SeccompRoot: "s"},
		"score":          {NodeName: "n", MinOOMScoreAdj: 1001},
		"memory":         {NodeName: "n", MemoryCapacity: -1},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
