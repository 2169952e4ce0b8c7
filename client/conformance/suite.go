// Package conformance is what every server of the API must do the same, real or in memory, as tests.
//
// It owns the behaviour that clients build on: names, conflicts, the status sub-resource, finalizers and graceful
// deletion, selectors, pages, watches. It makes a namespace of its own for each test and needs nothing else in the
// server. Tests run one after the other; servers may be shared between runs.
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
const patience = 20 * time.Second

// Run runs the suite against the server that the client speaks to.
func Run(t *testing.T, c *client.Client) {
	for name, test := range map[string]func(*testing.T, *suite){
		"create":            testCreate,
		"generate name":     testGenerateName,
		"conflict":          testConflict,
		"status":            testStatus,
		"patch":             testPatch,
		"selectors":         testSelectors,
		"pages":             testPages,
		"preconditions":     testPreconditions,
		"finalizers":        testFinalizers,
		"delete collection": testDeleteCollection,
		"apply":             testApply,
		"graceful deletion": testGracefulDeletion,
		"watch":             testWatch,
		"watch resumes":     testWatchResumes,
		"watch selects":     testWatchSelects,
		"informer":          testInformer,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			test(t, newSuite(ctx, t, c))
		})
	}
}

type suite struct {
	ctx       context.Context
	client    *client.Client
	maps      *client.Resource[*corev1.ConfigMap]
	pods      *client.Resource[*corev1.Pod]
	namespace string
}

func newSuite(ctx context.Context, t *testing.T, c *client.Client) *suite {
	namespaces := client.Of[*corev1.Namespace](c)
	ns, err := namespaces.Create(ctx, &corev1.Namespace{Metadata: &metav1.ObjectMeta{GenerateName: "conformance-"}})
	if err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	t.Cleanup(func() {
		if err := namespaces.Delete(context.WithoutCancel(ctx), "", ns.GetMetadata().GetName(), nil); err != nil {
			t.Errorf("delete the namespace: %v", err)
		}
	})
	return &suite{
		ctx: ctx, client: c, namespace: ns.GetMetadata().GetName(),
		maps: client.Of[*corev1.ConfigMap](c), pods: client.Of[*corev1.Pod](c),
	}
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
