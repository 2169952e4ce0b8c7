// Package conformance is what every implementation of the API must do the same, as tests: any server, real or in memory, through
// any way in.
//
// It owns the behaviour that clients build on, each promise a test of its own name: names, freshness, conflicts, the status
// sub-resource, patches, applying, finalizers and graceful deletion, selectors, pages, watches and their end. It makes a namespace of
// its own for each test and needs nothing else in the server. Tests run one after the other; servers may be shared
// between runs.
package conformance

import (
	"context"
	"testing"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/client"
)

// patience bounds a test: what has not happened by then is taken for not happening.
const patience = 30 * time.Second

// Options are what the suite cannot do through the API.
type Options struct {
	// Compact makes the server forget everything that was superseded up to now. Connections may break.
	Compact func(context.Context) error
	// Client, when set, is the SDK on the same server: what only the SDK has is tested too.
	Client *client.Client
}

// Run runs the suite against an implementation.
func Run(t *testing.T, api API, options Options) {
	if options.Compact == nil {
		t.Fatal("conformance: without Compact nothing is known of what expires")
	}
	tests := everything()
	if options.Client != nil {
		tests = append(tests, ofTheSDK()...)
	}
	for _, one := range tests {
		t.Run(one.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			one.run(t, newSuite(ctx, t, api, options))
		})
	}
}

type test struct {
	name string
	run  func(*testing.T, *suite)
}

func everything() []test {
	return []test{
		{"create fills metadata", testCreate},
		{"create says what is wrong", testCreateInvalid},
		{"create by generated name", testGenerateName},
		{"get as fresh as asked", testGetFresh},
		{"get of another namespace", testNamespaces},
		{"objects are copies", testImmutability},
		{"unknown fields are kept", testUnknownFields},
		{"update and its conflicts", testConflict},
		{"update by many at once", testCompareAndSwap},
		{"status is apart", testStatus},
		{"dry runs store nothing", testDryRun},
		{"patch by merge", testPatch},
		{"patch by JSON", testJSONPatch},
		{"patch by strategic merge", testStrategicPatch},
		{"patch says what is wrong", testPatchInvalid},
		{"apply and its conflicts", testApply},
		{"apply over updates", testApplyOverUpdates},
		{"list by selectors", testSelectors},
		{"list in pages", testPages},
		{"list at a revision", testListAtRevision},
		{"list says what is wrong", testListInvalid},
		{"list in expired pages", testPagesExpire},
		{"delete with preconditions", testPreconditions},
		{"delete says what is wrong", testDeleteInvalid},
		{"delete waits for finalizers", testFinalizers},
		{"delete says what becomes of dependents", testPropagation},
		{"delete of pods with grace", testGracefulDeletion},
		{"delete of a collection", testDeleteCollection},
		{"watch", testWatch},
		{"watch resumes", testWatchResumes},
		{"watch selects", testWatchSelects},
		{"watch with initial events", testInitialEvents},
		{"watch ends with a bookmark", testBookmark},
		{"watch from a revision to come", testWatchTooNew},
		{"watch from a compacted revision", testWatchExpires},
	}
}

type suite struct {
	ctx        context.Context
	api        API
	options    Options
	maps       objects[*corev1.ConfigMap]
	pods       objects[*corev1.Pod]
	namespaces objects[*corev1.Namespace]
	namespace  string
}

func newSuite(ctx context.Context, t *testing.T, api API, options Options) *suite {
	s := &suite{
		ctx: ctx, api: api, options: options,
		maps: of[*corev1.ConfigMap](api), pods: of[*corev1.Pod](api), namespaces: of[*corev1.Namespace](api),
	}
	s.namespace = s.newNamespace(t)
	return s
}

// newNamespace makes a namespace that goes when the test ends.
func (s *suite) newNamespace(t *testing.T) string {
	t.Helper()
	ns := must(s.namespaces.Create(s.ctx, &corev1.Namespace{Metadata: &metav1.ObjectMeta{GenerateName: "conformance-"}}))(t)
	t.Cleanup(func() {
		if err := s.namespaces.Delete(context.WithoutCancel(s.ctx), "", ns.GetMetadata().GetName(), nil); err != nil {
			t.Errorf("delete the namespace: %v", err)
		}
	})
	return ns.GetMetadata().GetName()
}

func (s *suite) newMap(name string, labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: s.namespace, Name: name, Labels: labels}, Data: map[string]string{"key": "value"}}
}

func (s *suite) createMap(t *testing.T, name string, labels map[string]string) *corev1.ConfigMap {
	t.Helper()
	return must(s.maps.Create(s.ctx, s.newMap(name, labels)))(t)
}

func (s *suite) createPod(t *testing.T, name string) *corev1.Pod {
	t.Helper()
	return must(s.pods.Create(s.ctx, &corev1.Pod{
		Metadata: &metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:     &corev1.PodSpec{Containers: []*corev1.Container{{Name: "c", Image: "registry.example/image:1"}}},
	}))(t)
}

// must unwraps a result, or ends the test.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
