package managed_test

import (
	"testing"

	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest/managed"
)

// BenchmarkApply merges the same Deployment into itself: the whole of the work, which the registry spares for what it knows.
func BenchmarkApply(b *testing.B) {
	const config = `{"metadata":{"name":"web","labels":{"app":"web","team":"a"}},"spec":{"replicas":3,"selector":{"matchLabels":{"app":"web"}},
		"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"registry.example/web:1",
		"args":["--listen=:8080","--config=/etc/web.yaml"],"ports":[{"name":"http","containerPort":8080}],
		"env":[{"name":"A","value":"1"},{"name":"B","value":"2"},{"name":"C","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}],
		"resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"cpu":"1","memory":"256Mi"}},
		"readinessProbe":{"httpGet":{"path":"/readyz","port":"http"}},
		"volumeMounts":[{"name":"config","mountPath":"/etc/web"}]}],"volumes":[{"name":"config","configMap":{"name":"web"}}]}}}}`
	s := managed.NewSchema(kind.Lookup("deployments"))
	o, entries, err := s.Apply(&appsv1.Deployment{}, []byte(config), "ci", false, now)
	if err != nil {
		b.Fatal(err)
	}
	kind.Metadata(o).ManagedFields, kind.Metadata(o).Uid = entries, "1"
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Apply(o, []byte(config), "ci", false, now); err != nil {
			b.Fatal(err)
		}
	}
}
