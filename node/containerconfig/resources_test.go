package containerconfig

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func TestContainerResources(t *testing.T) {
	cfg := testConfig(t, func(c *Config) { c.HugepageSizes = []string{"1GB", "2MB"} })
	none := []HugepageLimit{{PageSize: "1GB"}, {PageSize: "2MB"}}
	for name, c := range map[string]struct {
		r    *corev1.ResourceRequirements
		want Resources
	}{
		"nothing":            {nil, Resources{CPUShares: 2, HugepageLimits: none, OOMScoreAdj: 1000}},
		"request":            {resourcesOf([]string{"cpu", "250m", "memory", "1Gi"}, nil), Resources{CPUShares: 256, HugepageLimits: none, OOMScoreAdj: 900}},
		"limit alone":        {resourcesOf(nil, []string{"cpu", "2"}), Resources{CPUShares: 2048, CPUQuota: 200000, CPUPeriod: 100000, HugepageLimits: none, OOMScoreAdj: 999}},
		"both":               {resourcesOf([]string{"cpu", "1"}, []string{"cpu", "1500m", "memory", "64Mi"}), Resources{CPUShares: 1024, CPUQuota: 150000, CPUPeriod: 100000, MemoryLimit: 64 << 20, HugepageLimits: none, OOMScoreAdj: 999}},
		"least":              {resourcesOf([]string{"cpu", "1m"}, []string{"cpu", "1m"}), Resources{CPUShares: 2, CPUQuota: 1000, CPUPeriod: 100000, HugepageLimits: none, OOMScoreAdj: 999}},
		"most":               {resourcesOf([]string{"cpu", "1000"}, nil), Resources{CPUShares: 262144, HugepageLimits: none, OOMScoreAdj: 999}},
		"zero request":       {resourcesOf([]string{"cpu", "0"}, []string{"cpu", "1"}), Resources{CPUShares: 2, CPUQuota: 100000, CPUPeriod: 100000, HugepageLimits: none, OOMScoreAdj: 999}},
		"huge pages":         {resourcesOf(nil, []string{"hugepages-2Mi", "64Mi"}), Resources{CPUShares: 2, HugepageLimits: []HugepageLimit{{PageSize: "1GB"}, {PageSize: "2MB", Limit: 64 << 20}}, OOMScoreAdj: 1000}},
		"guaranteed":         {resourcesOf([]string{"cpu", "1", "memory", "1Gi"}, []string{"cpu", "1", "memory", "1Gi"}), Resources{CPUShares: 1024, CPUQuota: 100000, CPUPeriod: 100000, MemoryLimit: 1 << 30, HugepageLimits: none, OOMScoreAdj: -997}},
		"guaranteed, in Gi ": {resourcesOf([]string{"cpu", "1000m", "memory", "1024Mi"}, []string{"cpu", "1", "memory", "1Gi"}), Resources{CPUShares: 1024, CPUQuota: 100000, CPUPeriod: 100000, MemoryLimit: 1 << 30, HugepageLimits: none, OOMScoreAdj: -997}},
	} {
		container := &corev1.Container{Name: "main", Resources: c.r}
		got, err := cfg.containerResources(newPod(container), container)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n%+v, %v\nwant\n%+v", name, got, err, c.want)
		}
	}
}

func TestResourceOptions(t *testing.T) {
	container := &corev1.Container{Name: "main", Resources: resourcesOf([]string{"memory", "64Mi"}, []string{"cpu", "1"})}
	get := func(change func(*Config)) Resources {
		t.Helper()
		r, err := testConfig(t, change).containerResources(newPod(container), container)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := get(func(c *Config) { c.DisableCPUQuota = true }); r.CPUQuota != 0 || r.CPUPeriod != 0 {
		t.Errorf("without quota: %+v", r)
	}
	if r := get(func(c *Config) { c.MemoryQoS = true }); r.Unified != nil {
		t.Errorf("cgroup v1 has no unified files: %v", r.Unified)
	}
	if r := get(func(c *Config) { c.MemoryQoS, c.CgroupV2 = true, true }); r.Unified["memory.min"] != "67108864" {
		t.Errorf("cgroup v2: %v", r.Unified)
	}
	// A limit of the pod holds containers that have none.
	pod := with(newPod(&corev1.Container{Name: "main"}), func(s *corev1.PodSpec) {
		s.Resources = resourcesOf(nil, []string{"cpu", "2", "memory", "1Gi"})
	})
	r, err := testConfig(t).containerResources(pod, pod.Spec.Containers[0])
	if err != nil || r.MemoryLimit != 1<<30 || r.CPUQuota != 200000 || r.CPUShares != 2 {
		t.Errorf("limit of the pod: %+v, %v", r, err)
	}
	bad := &corev1.Container{Name: "main", Resources: resourcesOf(nil, []string{"memory", "x"})}
	if _, err := testConfig(t).containerResources(newPod(bad), bad); err == nil {
		t.Error("a quantity that cannot be read was taken")
	}
}

func TestPodResources(t *testing.T) {
	c := func(cpu, limit string) *corev1.Container {
		r := &corev1.ResourceRequirements{Requests: quantities("cpu", cpu)}
		if limit != "" {
			r.Limits = quantities("cpu", limit)
		}
		return &corev1.Container{Name: "c", Resources: r}
	}
	sidecar := c("100m", "100m")
	sidecar.RestartPolicy = ptr("Always")
	for name, x := range map[string]struct {
		init, main     []*corev1.Container
		request, limit int64
	}{
		"sum":                     {nil, []*corev1.Container{c("100m", "1"), c("200m", "2")}, 300, 3000},
		"init is larger":          {[]*corev1.Container{c("900m", "4")}, []*corev1.Container{c("100m", "1")}, 900, 4000},
		"sidecar counts with all": {[]*corev1.Container{sidecar, c("900m", "4")}, []*corev1.Container{c("100m", "1")}, 1000, 4100},
		"sidecar after init":      {[]*corev1.Container{c("150m", "1"), sidecar}, []*corev1.Container{c("100m", "1")}, 200, 1100},
		"one unlimited":           {nil, []*corev1.Container{c("100m", "1"), c("200m", "")}, 300, 0},
	} {
		pod := newPod(x.main...)
		pod.Spec.InitContainers = x.init
		got, err := podResources(pod)
		if err != nil || got.requests["cpu"] != x.request || got.limits["cpu"] != x.limit {
			t.Errorf("%s: %+v, %v; want %d, %d", name, got, err, x.request, x.limit)
		}
	}
	own := newPod(c("100m", "1"))
	own.Spec.Resources = resourcesOf([]string{"cpu", "2"}, []string{"cpu", "4"})
	if got, err := podResources(own); err != nil || got.requests["cpu"] != 2000 || got.limits["cpu"] != 4000 {
		t.Errorf("the pod's own: %+v, %v", got, err)
	}
}

func TestQOSClass(t *testing.T) {
	full := []string{"cpu", "1", "memory", "1Gi"}
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		want string
	}{
		"nothing":              {newPod(), BestEffort},
		"equal":                {newPod(&corev1.Container{Resources: resourcesOf(full, full)}), Guaranteed},
		"limits alone":         {newPod(&corev1.Container{Resources: resourcesOf(nil, full)}), Guaranteed},
		"requests alone":       {newPod(&corev1.Container{Resources: resourcesOf(full, nil)}), Burstable},
		"one resource":         {newPod(&corev1.Container{Resources: resourcesOf(full[:2], full[:2])}), Burstable},
		"less than the limit":  {newPod(&corev1.Container{Resources: resourcesOf([]string{"cpu", "1", "memory", "1Mi"}, full)}), Burstable},
		"one container bare":   {newPod(&corev1.Container{Resources: resourcesOf(full, full)}, &corev1.Container{}), Burstable},
		"init container bare":  {with(newPod(&corev1.Container{Resources: resourcesOf(full, full)}), func(s *corev1.PodSpec) { s.InitContainers = []*corev1.Container{{}} }), Burstable},
		"other resources only": {newPod(&corev1.Container{Resources: resourcesOf([]string{"example.com/gpu", "1"}, nil)}), BestEffort},
		"the pod's own":        {with(newPod(), func(s *corev1.PodSpec) { s.Resources = resourcesOf(full, full) }), Guaranteed},
	} {
		if got := QOSClass(c.pod); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	pod := newPod()
	pod.Status = &corev1.PodStatus{QosClass: Guaranteed}
	if got := QOSClass(pod); got != Guaranteed {
		t.Errorf("what the status says must count, got %s", got)
	}
}

func TestOOMScoreAdj(t *testing.T) {
	critical := with(newPod(), func(s *corev1.PodSpec) { s.Priority = ptr(int32(2_000_001_000)) })
	side := &corev1.Container{Name: "proxy", RestartPolicy: ptr("Always")}
	withSide := with(newPod(&corev1.Container{Name: "main", Resources: resourcesOf([]string{"memory", "5Gi"}, nil)}), func(s *corev1.PodSpec) { s.InitContainers = []*corev1.Container{side} })
	whole := with(newPod(&corev1.Container{Name: "a"}, &corev1.Container{Name: "b"}), func(s *corev1.PodSpec) { s.Resources = resourcesOf([]string{"memory", "4Gi"}, nil) })
	giant := newPod(&corev1.Container{Name: "main", Resources: resourcesOf([]string{"memory", "20Gi"}, nil)})
	for name, c := range map[string]struct {
		pod       *corev1.Pod
		container *corev1.Container
		least     int64
		want      int64
	}{
		"best effort":                {newPod(), nil, -1000, 1000},
		"critical":                   {critical, nil, -1000, -997},
		"critical, clamped":          {critical, nil, 0, 0},
		"clamped to the agent's own": {critical, nil, 200, 200},
		"not clamped above":          {newPod(), nil, 200, 1000},
		"half of the node":           {withSide, withSide.Spec.Containers[0], -1000, 500},
		"sidecar as its main":        {withSide, side, -1000, 500},
		"share of the pod's":         {whole, whole.Spec.Containers[0], -1000, 800},
		"more than the node":         {giant, giant.Spec.Containers[0], -1000, 3},
	} {
		container := c.container
		if container == nil {
			container = c.pod.Spec.Containers[0]
		}
		if got := testConfig(t, func(cfg *Config) { cfg.MinOOMScoreAdj = c.least }).OOMScoreAdj(c.pod, container); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Whatever a container asks for, its score is between the guaranteed and the best-effort
// ones, and asking for more memory never makes it likelier to be killed.
func TestOOMScoreProperty(t *testing.T) {
	cfg := testConfig(t)
	rapid.Check(t, func(rt *rapid.T) {
		cfg.MinOOMScoreAdj = rapid.Int64Range(-1000, 1000).Draw(rt, "min")
		score := func(mib int64) int64 {
			c := &corev1.Container{Name: "main", Resources: resourcesOf([]string{"memory", fmt.Sprintf("%dMi", mib)}, nil)}
			return cfg.OOMScoreAdj(newPod(c), c)
		}
		less := rapid.Int64Range(1, 1<<20).Draw(rt, "less")
		more := less + rapid.Int64Range(0, 1<<20).Draw(rt, "more")
		a, b := score(less), score(more)
		if b > a || a < cfg.MinOOMScoreAdj || a > max(999, cfg.MinOOMScoreAdj) || b < max(3, cfg.MinOOMScoreAdj) {
			rt.Fatalf("%d MiB → %d, %d MiB → %d, at least %d", less, a, more, b, cfg.MinOOMScoreAdj)
		}
	})
}
