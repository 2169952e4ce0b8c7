package plugins

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func container(name string, requests ...string) *corev1.Container {
	return &corev1.Container{Name: name, Resources: &corev1.ResourceRequirements{Requests: st.Resources(requests...)}}
}

func sidecar(name string, requests ...string) *corev1.Container {
	c, always := container(name, requests...), "Always"
	c.RestartPolicy = &always
	return c
}

func TestNodeResourcesFit(t *testing.T) {
	spec := func(f func(*corev1.PodSpec)) []st.PodOption { return []st.PodOption{st.Spec(f)} }
	used := st.Pod("used", st.On("n"), st.Requests("cpu", "2", "memory", "6Gi", "ephemeral-storage", "1Gi", "example.com/gpu", "1"))
	small := st.Allocatable("cpu", "4", "memory", "8Gi", "ephemeral-storage", "2Gi", "example.com/gpu", "2", "pods", "2")
	for _, tc := range []struct {
		name string
		pod  []st.PodOption
		node []st.NodeOption
		want string
		code framework.Code
	}{
		{name: "fits to the last bit", pod: []st.PodOption{st.Requests("cpu", "2", "memory", "2Gi", "ephemeral-storage", "1Gi", "example.com/gpu", "1")}},
		{name: "asks for nothing"},
		{name: "cpu", pod: []st.PodOption{st.Requests("cpu", "2001m")}, want: "Insufficient cpu", code: framework.Unschedulable},
		{name: "more cpu than there is", pod: []st.PodOption{st.Requests("cpu", "5")}, want: "Insufficient cpu", code: framework.Unresolvable},
		{name: "memory", pod: []st.PodOption{st.Requests("memory", "3Gi")}, want: "Insufficient memory", code: framework.Unschedulable},
		{name: "storage", pod: []st.PodOption{st.Requests("ephemeral-storage", "1025Mi")}, want: "Insufficient ephemeral-storage", code: framework.Unschedulable},
		{name: "extended resource", pod: []st.PodOption{st.Requests("example.com/gpu", "2")}, want: "Insufficient example.com/gpu", code: framework.Unschedulable},
		{name: "extended resource the node lacks", pod: []st.PodOption{st.Requests("example.com/fpga", "1")}, want: "Insufficient example.com/fpga", code: framework.Unresolvable},
		{name: "several at once", pod: []st.PodOption{st.Requests("cpu", "3", "memory", "3Gi", "example.com/gpu", "2")},
			want: "Insufficient cpu, Insufficient memory, Insufficient example.com/gpu", code: framework.Unschedulable},
		{name: "no slot", node: []st.NodeOption{st.Allocatable("cpu", "4", "memory", "8Gi", "pods", "1")}, want: "Too many pods", code: framework.Unschedulable},
		{name: "containers add up", pod: spec(func(s *corev1.PodSpec) {
			s.Containers = []*corev1.Container{container("a", "cpu", "1"), container("b", "cpu", "1001m")}
		}), want: "Insufficient cpu", code: framework.Unschedulable},
		{name: "the greatest init container counts", pod: spec(func(s *corev1.PodSpec) {
			s.InitContainers = []*corev1.Container{container("i1", "cpu", "2"), container("i2", "cpu", "1")}
			s.Containers = []*corev1.Container{container("a", "cpu", "1")}
		})},
		{name: "sidecars stay beside the containers", pod: spec(func(s *corev1.PodSpec) {
			s.InitContainers = []*corev1.Container{sidecar("s", "cpu", "1500m")}
			s.Containers = []*corev1.Container{container("a", "cpu", "1")}
		}), want: "Insufficient cpu", code: framework.Unschedulable},
		{name: "sidecars stay beside later init containers", pod: spec(func(s *corev1.PodSpec) {
			s.InitContainers = []*corev1.Container{sidecar("s", "cpu", "1"), container("i", "cpu", "1500m")}
		}), want: "Insufficient cpu", code: framework.Unschedulable},
		{name: "sidecars are not beside earlier init containers", pod: spec(func(s *corev1.PodSpec) {
			s.InitContainers = []*corev1.Container{container("i", "cpu", "1500m"), sidecar("s", "cpu", "1")}
		})},
		{name: "overhead comes on top", pod: spec(func(s *corev1.PodSpec) {
			s.Containers = []*corev1.Container{container("a", "cpu", "2")}
			s.Overhead = st.Resources("cpu", "1m")
		}), want: "Insufficient cpu", code: framework.Unschedulable},
		{name: "requests of the whole pod replace the sum", pod: spec(func(s *corev1.PodSpec) {
			s.Containers = []*corev1.Container{container("a", "cpu", "3")}
			s.Resources = &corev1.ResourceRequirements{Requests: st.Resources("cpu", "2")}
		})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := st.NodeInfo(st.Node("n", append([]st.NodeOption{small}, tc.node...)...), used)
			got := NodeResourcesFit{}.Filter(nil, st.PodInfo("p", tc.pod...), n)
			if got.Message() != tc.want || got.GetCode() != tc.code {
				t.Errorf("%q (code %d), want %q (code %d)", got.Message(), got.GetCode(), tc.want, tc.code)
			}
		})
	}
}

func TestResizedPodHoldsWhatItWasGiven(t *testing.T) {
	pod := st.Pod("p", st.On("n"), st.Requests("cpu", "1"), func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []*corev1.ContainerStatus{{Name: "main", AllocatedResources: st.Resources("cpu", "3")}}
	})
	if got := framework.NewPodInfo(pod).Requests.MilliCPU; got != 3000 {
		t.Errorf("a pod that asks for 1 core and was given 3 counts %dm", got)
	}
	pod = st.Pod("p", st.On("n"), st.Requests("cpu", "9"), func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []*corev1.ContainerStatus{{Name: "main", AllocatedResources: st.Resources("cpu", "3")}}
	})
	for reason, want := range map[string]int64{"Deferred": 9000, "Infeasible": 3000} {
		pod.Status.Conditions = []*corev1.PodCondition{{Type: "PodResizePending", Status: "True", Reason: reason}}
		if got := framework.NewPodInfo(pod).Requests.MilliCPU; got != want {
			t.Errorf("a pod that asks for 9 cores and has 3, %s, counts %dm, not %dm", reason, got, want)
		}
	}
}

func TestNodeResourcesFitHints(t *testing.T) {
	p := st.PodInfo("p", st.Requests("cpu", "2"))
	there := func(requests ...string) *framework.PodInfo {
		return st.PodInfo("there", st.On("n"), st.Requests(requests...))
	}
	cpu := func(n string) *corev1.Node {
		return st.Node("n", st.Allocatable("cpu", n, "memory", "1Gi", "pods", "10"))
	}
	for _, tc := range []struct {
		name   string
		change *framework.Change
		want   bool
	}{
		{"pod gone", framework.AssignedPodChange(there("memory", "1Gi"), nil), true},
		{"pod came", framework.AssignedPodChange(nil, there("cpu", "1")), false},
		{"pod asks for less cpu", framework.AssignedPodChange(there("cpu", "2"), there("cpu", "1")), true},
		{"pod asks for less memory", framework.AssignedPodChange(there("memory", "2Gi"), there("memory", "1Gi")), false},
		{"large node came", framework.NodeChange(nil, cpu("2")), true},
		{"small node came", framework.NodeChange(nil, cpu("1")), false},
		{"node grew", framework.NodeChange(cpu("1"), cpu("3")), true},
		{"node shrank", framework.NodeChange(cpu("4"), cpu("3")), false},
		{"node grew too little", framework.NodeChange(cpu("1"), cpu("1500m")), false},
		{"node labelled", framework.NodeChange(cpu("4"), st.Node("n", st.Zone("a"), st.Allocatable("cpu", "4", "memory", "1Gi", "pods", "10"))), false},
		{"heartbeat", framework.NodeChange(cpu("4"), cpu("4")), false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := helped(NodeResourcesFit{}, p, tc.change); got != tc.want {
				t.Errorf("helps: %v, want %v", got, tc.want)
			}
		})
	}
}
