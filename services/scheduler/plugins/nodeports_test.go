package plugins

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func TestNodePorts(t *testing.T) {
	const no = "node(s) didn't have free ports for the requested pod ports"
	n := st.NodeInfo(st.Node("n"), st.Pod("there", st.On("n"), st.HostPort("127.0.0.1", "TCP", 80), st.HostPort("", "UDP", 53)))
	for _, tc := range []struct {
		name string
		pod  st.PodOption
		want string
	}{
		{"no ports", st.Labels(), ""},
		{"same address", st.HostPort("127.0.0.1", "TCP", 80), no},
		{"other address", st.HostPort("127.0.0.2", "TCP", 80), ""},
		{"all addresses, against one", st.HostPort("", "TCP", 80), no},
		{"one address, against all", st.HostPort("10.0.0.1", "UDP", 53), no},
		{"other protocol", st.HostPort("", "TCP", 53), ""},
		{"TCP by default", st.HostPort("127.0.0.1", "", 80), no},
		{"other port", st.HostPort("", "TCP", 81), ""},
		{"of a sidecar", st.Spec(func(s *corev1.PodSpec) {
			c := sidecar("s")
			c.Ports = []*corev1.ContainerPort{{HostPort: 53, Protocol: "UDP"}}
			s.InitContainers = []*corev1.Container{c}
		}), no},
		{"of an init container, which is gone by then", st.Spec(func(s *corev1.PodSpec) {
			c := container("i")
			c.Ports = []*corev1.ContainerPort{{HostPort: 53, Protocol: "UDP"}}
			s.InitContainers = []*corev1.Container{c}
		}), ""},
		{"not a host port", st.Spec(func(s *corev1.PodSpec) {
			s.Containers[0].Ports = []*corev1.ContainerPort{{ContainerPort: 80, Protocol: "TCP"}}
		}), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			wantVerdicts(t, verdicts(NodePorts{}, st.PodInfo("p", tc.pod), n), map[string]string{"n": tc.want})
		})
	}
}

func TestNodePortsHints(t *testing.T) {
	p := st.PodInfo("p", st.HostPort("", "TCP", 80))
	web, dns := st.PodInfo("web", st.On("n"), st.HostPort("10.0.0.1", "TCP", 80)), st.PodInfo("dns", st.On("n"), st.HostPort("", "UDP", 53))
	if !helped(NodePorts{}, p, framework.AssignedPodChange(web, nil)) || helped(NodePorts{}, p, framework.AssignedPodChange(dns, nil)) {
		t.Error("a pod that goes helps when it had a port that is wanted, and only then")
	}
}
