package plugins

import (
	"testing"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/services/scheduler/framework"
	st "kaji.dev/kaji/services/scheduler/schedulertest"
)

func image(name string) st.PodOption {
	return st.Spec(func(s *corev1.PodSpec) { s.Containers[0].Image = name })
}

func TestImageLocality(t *testing.T) {
	const mib = 1 << 20
	nodes := []*framework.NodeInfo{
		node("has", st.Image(1000*mib, "reg/web:1", "reg/web@sha256:aa"), st.Image(46*mib, "tool:latest")),
		node("has-not", st.Image(46*mib, "tool:latest")),
	}
	// Half of the nodes have it, so it counts half: (500-23) of (1000-23).
	wantScores(t, scores(ImageLocality{}, st.PodInfo("p", image("reg/web:1")), nodes...), 48, 0)
	// By digest as well.
	wantScores(t, scores(ImageLocality{}, st.PodInfo("p", image("reg/web@sha256:aa")), nodes...), 48, 0)
	// No tag means latest; all nodes have it: (46-23) of (1000-23).
	wantScores(t, scores(ImageLocality{}, st.PodInfo("p", image("tool")), nodes...), 2, 2)
	if got := scores(ImageLocality{}, st.PodInfo("p", image("reg:5000/other")), nodes...); got != nil {
		t.Errorf("scores %v for an image nobody has", got)
	}
}

func TestWithTag(t *testing.T) {
	for in, want := range map[string]string{
		"web": "web:latest", "web:1": "web:1", "reg:5000/web": "reg:5000/web:latest", "reg:5000/web:1": "reg:5000/web:1", "reg/web@sha256:aa": "reg/web@sha256:aa",
	} {
		if got := withTag(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
