package deployment

import (
	"fmt"
	"testing"
	"time"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"
)

func integer(n int32) *metav1.IntOrString { return &metav1.IntOrString{IntVal: n} }
func percent(n int) *metav1.IntOrString {
	return &metav1.IntOrString{Type: 1, StrVal: fmt.Sprint(n, "%")}
}
func template(image string) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{
		Metadata: &metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:     &corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Image: image}}},
	}
}

func newDeployment(replicas int32, surge, unavailable *metav1.IntOrString) *appsv1.Deployment {
	return &appsv1.Deployment{
		Metadata: &metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: &appsv1.DeploymentSpec{
			Replicas: proto.Int32(replicas),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: template("v1"),
			Strategy: &appsv1.DeploymentStrategy{Type: strategyRolling, RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: surge, MaxUnavailable: unavailable}},
		},
	}
}

// set makes a replica set; age orders them.
func set(name string, age int, size, available int32) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		Metadata: &metav1.ObjectMeta{Name: name, Uid: name, CreationTimestamp: timestamppb.New(time.Unix(int64(1000-age), 0)), Annotations: map[string]string{}},
		Spec:     &appsv1.ReplicaSetSpec{Replicas: proto.Int32(size), Template: template("old-" + name)},
		Status:   &appsv1.ReplicaSetStatus{Replicas: size, AvailableReplicas: available, ReadyReplicas: available},
	}
}

func TestFenceposts(t *testing.T) {
	for _, tc := range []struct {
		replicas           int32
		surge, unavailable *metav1.IntOrString
		wantSurge, wantUn  int32
	}{
		{10, percent(25), percent(25), 3, 2},
		{10, nil, nil, 3, 2},
		{3, percent(25), percent(25), 1, 0},
		{1, percent(25), percent(25), 1, 0},
		{10, integer(0), integer(0), 0, 1},
		{10, integer(0), percent(5), 0, 1},
		{4, integer(2), integer(9), 2, 4},
		{10, percent(100), percent(100), 10, 10},
		{0, percent(25), percent(25), 0, 0},
		{7, percent(1), integer(0), 1, 0},
	} {
		d := newDeployment(tc.replicas, tc.surge, tc.unavailable)
		if s, u := fenceposts(d); s != tc.wantSurge || u != tc.wantUn {
			t.Errorf("%d replicas, %v and %v: surge %d, unavailable %d; want %d and %d", tc.replicas, tc.surge, tc.unavailable, s, u, tc.wantSurge, tc.wantUn)
		}
	}
	d := newDeployment(10, nil, nil)
	d.Spec.Strategy.Type = strategyRecreate
	if s, u := fenceposts(d); s != 0 || u != 0 {
		t.Errorf("Recreate: %d and %d", s, u)
	}
}

func show(steps []scaling) string {
	text := ""
	for _, s := range steps {
		text += fmt.Sprintf("%s=%d ", s.rs.GetMetadata().GetName(), s.size)
	}
	return text
}

func TestRolling(t *testing.T) {
	for _, tc := range []struct {
		name               string
		replicas           int32
		surge, unavailable int32
		next               *appsv1.ReplicaSet
		old                []*appsv1.ReplicaSet
		want               string
	}{
		{"grows into the surge", 10, 2, 2, set("new", 0, 0, 0), []*appsv1.ReplicaSet{set("a", 9, 10, 10)}, "new=2 "},
		{"then shrinks the old", 10, 2, 2, set("new", 0, 2, 0), []*appsv1.ReplicaSet{set("a", 9, 10, 10)}, "a=8 "},
		{"grows into the room", 10, 2, 2, set("new", 0, 2, 0), []*appsv1.ReplicaSet{set("a", 9, 8, 8)}, "new=4 "},
		{"waits for availability", 10, 2, 2, set("new", 0, 4, 0), []*appsv1.ReplicaSet{set("a", 9, 8, 8)}, ""},
		{"goes on when some are available", 10, 2, 2, set("new", 0, 4, 3), []*appsv1.ReplicaSet{set("a", 9, 8, 8)}, "a=5 "},
		{"unhealthy old ones go first", 10, 2, 2, set("new", 0, 2, 0), []*appsv1.ReplicaSet{set("a", 9, 5, 5), set("b", 8, 5, 3)}, "b=3 "},
		{"oldest first", 10, 0, 2, set("new", 0, 2, 2), []*appsv1.ReplicaSet{set("a", 9, 4, 4), set("b", 8, 4, 4)}, "a=2 "},
		{"a stale status does not count twice", 10, 0, 2, set("new", 0, 0, 0), []*appsv1.ReplicaSet{set("a", 9, 8, 10)}, "new=2 "},
		{"ends", 3, 1, 0, set("new", 0, 3, 3), []*appsv1.ReplicaSet{set("a", 9, 1, 1)}, "a=0 "},
		{"new too large", 3, 1, 0, set("new", 0, 5, 5), nil, "new=3 "},
		{"nothing to do", 3, 1, 0, set("new", 0, 3, 3), []*appsv1.ReplicaSet{set("a", 9, 0, 0)}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := rollout{d: newDeployment(tc.replicas, integer(tc.surge), integer(tc.unavailable)), next: tc.next, old: tc.old}
			if got := show(rolling(r)); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// model is the pods of replica sets as they truly are; what the sets report lags behind.
type model struct {
	t    *rapid.T
	r    rollout
	real map[string]int32 // available pods
}

func (m *model) available() (n int32) {
	for _, a := range m.real {
		n += a
	}
	return n
}

func (m *model) apply(steps []scaling) {
	for _, s := range steps {
		s.rs.Spec.Replicas = proto.Int32(s.size)
		// Pods that are not available go first.
		name := s.rs.GetMetadata().GetName()
		m.real[name] = min(m.real[name], s.size)
	}
}

func (m *model) report(rs *appsv1.ReplicaSet) {
	rs.Status.Replicas, rs.Status.AvailableReplicas = size(rs), m.real[rs.GetMetadata().GetName()]
}

// A rolling update never goes below what must be available nor above the surge, however late the sets report, and it ends.
func TestRollingKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		replicas := rapid.Int32Range(1, 20).Draw(t, "replicas")
		d := newDeployment(replicas, integer(rapid.Int32Range(0, 5).Draw(t, "surge")), integer(rapid.Int32Range(0, 5).Draw(t, "unavailable")))
		surge, unavailable := fenceposts(d)
		m := &model{t: t, real: map[string]int32{}}
		m.r = rollout{d: d, next: set("new", 0, 0, 0)}
		rest := replicas
		for i := range rapid.IntRange(1, 3).Draw(t, "old sets") {
			n := rapid.Int32Range(0, rest).Draw(t, "size")
			if i == 0 {
				n = rest - min(rest, n/2)
			}
			n = min(n, rest)
			rest -= n
			m.r.old = append(m.r.old, set(string(rune('a'+i)), 9-i, n, n))
			m.real[string(rune('a'+i))] = n
		}
		// What is left is in the new set already, available.
		m.r.next.Spec.Replicas, m.r.next.Status.Replicas, m.r.next.Status.AvailableReplicas = proto.Int32(rest), rest, rest
		m.real["new"] = rest
		check := func() {
			if n := total(m.r.all()); n > replicas+surge {
				t.Fatalf("%d pods, at most %d", n, replicas+surge)
			}
			if n := m.available(); n < replicas-unavailable {
				t.Fatalf("%d available, at least %d", n, replicas-unavailable)
			}
		}
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			rs := rapid.SampledFrom(m.r.all()).Draw(t, "set")
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				m.apply(rolling(m.r))
			case 1:
				if name := rs.GetMetadata().GetName(); m.real[name] < size(rs) {
					m.real[name]++
				}
			case 2:
				m.report(rs)
			}
			check()
		}
		for range 200 {
			m.apply(rolling(m.r))
			check()
			for _, rs := range m.r.all() {
				m.real[rs.GetMetadata().GetName()] = size(rs)
				m.report(rs)
			}
		}
		if size(m.r.next) != replicas || total(m.r.old) != 0 {
			t.Fatalf("ended with %d new and %d old, want %d and 0", size(m.r.next), total(m.r.old), replicas)
		}
	})
}

// Scaling in the middle of an update comes out at the right total, keeps every share, and does not move the update.
func TestProportionalScaling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := rapid.Int32Range(2, 40).Draw(t, "before"), rapid.Int32Range(0, 60).Draw(t, "after")
		d := newDeployment(before, integer(rapid.Int32Range(0, 6).Draw(t, "surge")), integer(1))
		surge, _ := fenceposts(d)
		a := rapid.Int32Range(1, before-1).Draw(t, "old")
		r := rollout{d: d, old: []*appsv1.ReplicaSet{set("a", 9, a, a)}, next: set("new", 0, before+surge-a, 0)}
		for _, rs := range r.all() {
			rs.Metadata.Annotations = sized(d, nil)
		}
		if resized(r) {
			t.Fatal("resized before anything changed")
		}
		d.Spec.Replicas = proto.Int32(after)
		afterSurge, _ := fenceposts(d)
		if resized(r) != (before != after) {
			t.Fatalf("resized: %v", resized(r))
		}
		if before == after {
			return
		}
		steps := scale(r)
		want := after + afterSurge
		if after == 0 {
			want = 0
		}
		sum := int32(0)
		for _, s := range steps {
			if s.size < 0 {
				t.Fatalf("negative size: %s", show(steps))
			}
			sum += s.size
			if after > before && s.size < size(s.rs) || after < before && s.size > size(s.rs) {
				t.Fatalf("from %d to %d replicas, %s changed the wrong way from %d", before, after, show(steps), size(s.rs))
			}
		}
		if sum != want {
			t.Fatalf("%s: %d in all, want %d", show(steps), sum, want)
		}
	})
}

func TestScale(t *testing.T) {
	r := rollout{d: newDeployment(15, integer(3), integer(2)), next: set("new", 0, 5, 2), old: []*appsv1.ReplicaSet{set("a", 9, 8, 8)}}
	was := newDeployment(10, integer(3), integer(2))
	for _, rs := range r.all() {
		rs.Metadata.Annotations = sized(was, nil)
	}
	// The example of Kubernetes' documentation: 8 and 5 of 10 (+3) become 11 and 7 of 15 (+3).
	if got := show(scale(r)); got != "a=11 new=7 " {
		t.Errorf("%q", got)
	}
	if got := show(scale(rollout{d: newDeployment(4, nil, nil), old: []*appsv1.ReplicaSet{set("a", 9, 0, 0), set("b", 8, 0, 0)}})); got != "b=4 " {
		t.Errorf("with nothing running: %q", got)
	}
	full := set("new", 0, 4, 4)
	full.Metadata.Annotations = sized(newDeployment(4, nil, nil), nil)
	if got := show(scale(rollout{d: newDeployment(4, nil, nil), next: full, old: []*appsv1.ReplicaSet{set("a", 9, 2, 2)}})); got != "a=0 " {
		t.Errorf("saturated: %q", got)
	}
}

func TestRecreate(t *testing.T) {
	d := newDeployment(3, nil, nil)
	d.Spec.Strategy.Type = strategyRecreate
	for _, tc := range []struct {
		name    string
		next    *appsv1.ReplicaSet
		old     []*appsv1.ReplicaSet
		pods    bool
		want    string
		proceed bool
	}{
		{"ends the old", nil, []*appsv1.ReplicaSet{set("a", 9, 3, 3)}, true, "a=0 ", false},
		{"waits for their end", nil, []*appsv1.ReplicaSet{set("a", 9, 0, 0)}, true, "", false},
		{"goes on", nil, []*appsv1.ReplicaSet{set("a", 9, 0, 0)}, false, "", true},
		{"sizes the new", set("new", 0, 0, 0), []*appsv1.ReplicaSet{set("a", 9, 0, 0)}, false, "new=3 ", true},
		{"done", set("new", 0, 3, 3), nil, false, "", true},
	} {
		steps, proceed := recreate(rollout{d: d, next: tc.next, old: tc.old}, tc.pods)
		if show(steps) != tc.want || proceed != tc.proceed {
			t.Errorf("%s: %q, proceed %v", tc.name, show(steps), proceed)
		}
	}
}

func TestAnnotate(t *testing.T) {
	d := newDeployment(1, nil, nil)
	d.Metadata.Annotations = map[string]string{"note": "x", revisionAnnotation: "7", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
	first := annotate(d, nil, 1)
	if len(first) != 2 || first["note"] != "x" || first[revisionAnnotation] != "1" {
		t.Errorf("first %v", first)
	}
	back := annotate(d, first, 3)
	if back[revisionAnnotation] != "3" || back[revisionHistoryAnnotation] != "1" {
		t.Errorf("rolled back to %v", back)
	}
	if again := annotate(d, back, 2); again[revisionAnnotation] != "3" || again[revisionHistoryAnnotation] != "1" {
		t.Errorf("the revision went down: %v", again)
	}
	for i := range int64(2000) {
		back = annotate(d, back, i+4)
	}
	if n := len(back[revisionHistoryAnnotation]); n > historyMost || n < historyMost/2 {
		t.Errorf("a history of %d bytes", n)
	}
}

func TestExpired(t *testing.T) {
	with := func(name string, age int, size int32, revision string) *appsv1.ReplicaSet {
		rs := set(name, age, size, size)
		rs.Metadata.Annotations[revisionAnnotation] = revision
		return rs
	}
	d := newDeployment(1, nil, nil)
	d.Spec.RevisionHistoryLimit = proto.Int32(2)
	old := []*appsv1.ReplicaSet{with("a", 9, 0, "7"), with("b", 8, 0, "2"), with("c", 7, 1, "3"), with("d", 6, 0, "4")}
	var names []string
	for _, rs := range expired(rollout{d: d, old: old}) {
		names = append(names, rs.GetMetadata().GetName())
	}
	if fmt.Sprint(names) != "[b]" {
		t.Errorf("expired %v, want b: c has a pod, d and a are the last two", names)
	}
}

func TestTemplatesAndHashes(t *testing.T) {
	a, b := template("v1"), template("v1")
	b.Metadata.Labels[hashLabel] = "abc"
	if !sameTemplate(a, b) || sameTemplate(a, template("v2")) {
		t.Error("templates are compared wrongly")
	}
	bare := &corev1.PodTemplateSpec{}
	labelled := &corev1.PodTemplateSpec{Metadata: &metav1.ObjectMeta{Labels: map[string]string{hashLabel: "abc"}}}
	if !sameTemplate(bare, labelled) {
		t.Error("a template without metadata differs from itself")
	}
	first, _ := templateHash(a, nil)
	second, _ := templateHash(template("v1"), nil)
	third, _ := templateHash(a, proto.Int32(1))
	fourth, _ := templateHash(a, proto.Int32(2))
	if first != second || first == third || third == fourth {
		t.Errorf("hashes %s %s %s %s", first, second, third, fourth)
	}
}
