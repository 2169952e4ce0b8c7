package apiserver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func namesOf[T kind.Object](items []T) []string {
	var out []string
	for _, o := range items {
		out = append(out, o.GetMetadata().GetName())
	}
	return out
}

func TestPagesAreOneSnapshot(t *testing.T) {
	for _, selector := range []string{"", "page=yes"} {
		t.Run("selector "+selector, func(t *testing.T) {
			s := apitest.Start(t, nil)
			ctx := context.Background()
			maps := client.Of[*corev1.ConfigMap](s.Client())
			var want []string
			for i := range 10 {
				m := configMap(fmt.Sprintf("m%d", i), nil)
				m.Metadata.Labels = map[string]string{"page": "yes"}
				check(maps.Create(ctx, m))(t)
				want = append(want, m.Metadata.Name)
			}
			options := &metav1.ListOptions{Limit: 3, LabelSelector: selector}
			var got []string
			version := ""
			for pages := 1; ; pages++ {
				items, meta, err := maps.List(ctx, "default", options)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, namesOf(items)...)
				if version == "" {
					version = meta.GetResourceVersion()
				}
				if meta.GetResourceVersion() != version {
					t.Errorf("page %d is of %s, the first was of %s", pages, meta.GetResourceVersion(), version)
				}
				if options.Continue = meta.GetContinue(); options.Continue == "" {
					break
				}
				if selector == "" && meta.GetRemainingItemCount() != int64(10-len(got)) {
					t.Errorf("page %d: %d remain, says the server", pages, meta.GetRemainingItemCount())
				}
				// What happens between pages is not seen: neither what goes nor what comes.
				if err := maps.Delete(ctx, "default", want[10-pages], nil); err != nil {
					t.Fatal(err)
				}
				late := configMap(fmt.Sprintf("m0%d", pages), nil)
				late.Metadata.Labels = map[string]string{"page": "yes"}
				check(maps.Create(ctx, late))(t)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestContinueAfterACompactionIsExpired(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	maps := client.Of[*corev1.ConfigMap](s.Client())
	for i := range 4 {
		check(maps.Create(ctx, configMap(fmt.Sprintf("m%d", i), nil)))(t)
	}
	_, meta, err := maps.List(ctx, "default", &metav1.ListOptions{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := maps.Delete(ctx, "default", "m3", nil); err != nil {
		t.Fatal(err)
	}
	// The cache has heard of it once it is gone: until then it may answer from memory.
	if _, err := maps.Get(ctx, "default", "m3"); !apierror.IsNotFound(err) {
		t.Fatal(err)
	}
	st := check(s.Store.Status(ctx, &storev1.StatusRequest{}))(t)
	check(s.Store.Compact(ctx, &storev1.CompactRequest{Revision: st.GetRevision()}))(t)
	_, _, err = maps.List(ctx, "default", &metav1.ListOptions{Limit: 2, Continue: meta.GetContinue()})
	var expired *apierror.Error
	if !errors.As(err, &expired) || !apierror.IsExpired(err) || expired.Continue == "" {
		t.Fatalf("got %v", err)
	}
	// The error has a way on: the rest as it is now, from then on of one revision again.
	for _, name := range []string{"m4", "m5"} {
		check(maps.Create(ctx, configMap(name, nil)))(t)
	}
	rest, more, err := maps.List(ctx, "default", &metav1.ListOptions{Limit: 2, Continue: expired.Continue})
	if err != nil || !slices.Equal(namesOf(rest), []string{"m2", "m4"}) || more.GetRemainingItemCount() != 1 {
		t.Errorf("the rest is %v (%v), %v", namesOf(rest), more, err)
	}
	if err := maps.Delete(ctx, "default", "m5", nil); err != nil {
		t.Fatal(err)
	}
	rest, more, err = maps.List(ctx, "default", &metav1.ListOptions{Limit: 2, Continue: more.GetContinue()})
	if err != nil || !slices.Equal(namesOf(rest), []string{"m5"}) || more.GetContinue() != "" {
		t.Errorf("the last is %v (%v), %v", namesOf(rest), more, err)
	}
	for name, token := range map[string]string{"nonsense": "nonsense", "of another collection": meta.GetContinue()} {
		namespace := "default"
		if token != name {
			namespace = "kube-system"
		}
		if _, _, err := maps.List(ctx, namespace, &metav1.ListOptions{Continue: token}); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
			t.Errorf("a token %s: %v", name, err)
		}
	}
}

func TestSelectors(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	pods := client.Of[*corev1.Pod](s.Client())
	for i, app := range []string{"web", "web", "db"} {
		p := newPod(fmt.Sprintf("%s-%d", app, i))
		p.Metadata.Labels = map[string]string{"app": app}
		check(pods.Create(ctx, p))(t)
	}
	bind(t, s, "web-0", "n1")
	for _, c := range []struct {
		labels, fields string
		want           []string
	}{
		{"", "", []string{"db-2", "web-0", "web-1"}},
		{"app=web", "", []string{"web-0", "web-1"}},
		{"app notin (web)", "", []string{"db-2"}},
		{"!app", "", nil},
		{"", "spec.nodeName=n1", []string{"web-0"}},
		{"", "spec.nodeName=", []string{"db-2", "web-1"}},
		{"", "spec.nodeName!=n1", []string{"db-2", "web-1"}},
		{"app=web", "spec.nodeName=", []string{"web-1"}},
		{"", "metadata.name=db-2,status.phase=Pending", []string{"db-2"}},
		{"", "metadata.name=db-2,status.phase=Running", nil},
	} {
		items, _, err := pods.List(ctx, "default", &metav1.ListOptions{LabelSelector: c.labels, FieldSelector: c.fields})
		if err != nil || !slices.Equal(namesOf(items), c.want) {
			t.Errorf("%q %q: %v, %v; want %v", c.labels, c.fields, namesOf(items), err, c.want)
		}
	}
	for _, o := range []*metav1.ListOptions{{LabelSelector: "a in"}, {FieldSelector: "spec.containers=x"}, {Limit: -1}, {ResourceVersion: "x"}} {
		if _, _, err := pods.List(ctx, "default", o); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
			t.Errorf("%v: %v", o, err)
		}
	}
}

func TestListsAtRevisions(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := context.Background()
	maps := client.Of[*corev1.ConfigMap](s.Client())
	first := check(maps.Create(ctx, configMap("a", nil)))(t).GetMetadata().GetResourceVersion()
	check(maps.Create(ctx, configMap("b", nil)))(t)
	items, meta, err := maps.List(ctx, "default", &metav1.ListOptions{ResourceVersion: first, ResourceVersionMatch: "Exact"})
	if err != nil || !slices.Equal(namesOf(items), []string{"a"}) || meta.GetResourceVersion() != first {
		t.Errorf("exactly at %s: %v at %s, %v", first, namesOf(items), meta.GetResourceVersion(), err)
	}
	for _, version := range []string{"0", first} {
		items, _, err = maps.List(ctx, "default", &metav1.ListOptions{ResourceVersion: version, ResourceVersionMatch: "NotOlderThan"})
		if err != nil || len(items) == 0 {
			t.Errorf("not older than %s: %v, %v", version, namesOf(items), err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	api := corev1.NewConfigMapServiceClient(s.Client().Conn())
	_, err = api.ListConfigMaps(ctx, &metav1.ListRequest{Options: &metav1.ListOptions{ResourceVersion: "999999999"}})
	if got := apierror.ReasonOf(apierror.FromStatus(err)); got != apierror.ReasonTimeout {
		t.Errorf("a revision that is not there yet: %v", err)
	}
}

// What one server acknowledged, every other server shows.
func TestReadsAreFreshAtEveryServer(t *testing.T) {
	first := apitest.Start(t, nil)
	other := apitest.Start(t, func(c *apiserver.Config) { c.Store = first.Store })
	ctx := context.Background()
	here, there := client.Of[*corev1.ConfigMap](first.Client()), client.Of[*corev1.ConfigMap](other.Client())
	for i := range 100 {
		made := check(here.Create(ctx, configMap(fmt.Sprintf("m%d", i), nil)))(t)
		if got := check(there.Get(ctx, "default", made.Metadata.Name))(t); !proto.Equal(got, made) {
			t.Fatalf("get: %v, want %v", got, made)
		}
		items, _, err := there.List(ctx, "default", nil)
		if err != nil || len(items) != 1 {
			t.Fatalf("list: %v, %v", namesOf(items), err)
		}
		if err := there.Delete(ctx, "default", made.Metadata.Name, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := here.Get(ctx, "default", made.Metadata.Name); !apierror.IsNotFound(err) {
			t.Fatalf("after the delete: %v", err)
		}
	}
}
