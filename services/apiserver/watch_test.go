package apiserver_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

const (
	added    = metav1.EventType_EVENT_TYPE_ADDED
	bookmark = metav1.EventType_EVENT_TYPE_BOOKMARK
)

func version(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func watchMaps(ctx context.Context, t *testing.T, s *apitest.Server, o *metav1.ListOptions) corev1.ConfigMapService_WatchConfigMapsClient {
	t.Helper()
	return check(corev1.NewConfigMapServiceClient(s.Client().Conn()).WatchConfigMaps(ctx, &metav1.WatchRequest{Namespace: "default", Options: o}))(t)
}

func TestInitialEventsEndWithABookmark(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	maps := client.Of[*corev1.ConfigMap](s.Client())
	for _, name := range []string{"a", "b"} {
		check(maps.Create(ctx, configMap(name, nil)))(t)
	}
	stream := watchMaps(ctx, t, s, &metav1.ListOptions{
		SendInitialEvents: proto.Bool(true), AllowWatchBookmarks: true, ResourceVersionMatch: "NotOlderThan",
	})
	for _, want := range []string{"a", "b"} {
		ev := check(stream.Recv())(t)
		if ev.GetType() != added || ev.GetObject().GetMetadata().GetName() != want {
			t.Fatalf("got %v, want %s added", ev, want)
		}
	}
	ev := check(stream.Recv())(t)
	if ev.GetType() != bookmark || ev.GetObject().GetMetadata().GetAnnotations()["k8s.io/initial-events-end"] != "true" {
		t.Fatalf("got %v, want the bookmark that ends the initial events", ev)
	}
	late := check(maps.Create(ctx, configMap("c", nil)))(t)
	if ev := check(stream.Recv())(t); ev.GetType() != added || !proto.Equal(ev.GetObject(), late) {
		t.Errorf("got %v, want %v added", ev, late)
	}
}

func TestBookmarksMoveOnWhenOtherKindsChange(t *testing.T) {
	s := apitest.Start(t, func(c *apiserver.Config) { c.Bookmarks = 10 * time.Millisecond })
	ctx := t.Context()
	maps := client.Of[*corev1.ConfigMap](s.Client())
	from := check(maps.Create(ctx, configMap("a", nil)))(t).GetMetadata().GetResourceVersion()
	stream := watchMaps(ctx, t, s, &metav1.ListOptions{ResourceVersion: from, AllowWatchBookmarks: true})
	p := check(client.Of[*corev1.Pod](s.Client()).Create(ctx, newPod("other")))(t)
	for {
		ev := check(stream.Recv())(t)
		if ev.GetType() != bookmark {
			t.Fatalf("got %v", ev)
		}
		if version(t, ev.GetObject().GetMetadata().GetResourceVersion()) >= version(t, p.GetMetadata().GetResourceVersion()) {
			return
		}
	}
}

func TestAWatchFromAForgottenRevisionIsExpired(t *testing.T) {
	s := apitest.Start(t, func(c *apiserver.Config) { c.Cache = watchcache.Config{MaxEvents: 3} })
	ctx := t.Context()
	maps := client.Of[*corev1.ConfigMap](s.Client())
	from := check(maps.Create(ctx, configMap("a", nil)))(t).GetMetadata().GetResourceVersion()
	for range 5 {
		check(maps.Create(ctx, &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Namespace: "default", GenerateName: "m-"}}))(t)
	}
	_, err := watchMaps(ctx, t, s, &metav1.ListOptions{ResourceVersion: from}).Recv()
	if !apierror.IsExpired(apierror.FromStatus(err)) {
		t.Errorf("got %v", err)
	}
}

func TestAWatchEndsWithItsTimeout(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	check(client.Of[*corev1.ConfigMap](s.Client()).Create(ctx, configMap("a", nil)))(t)
	stream := watchMaps(ctx, t, s, &metav1.ListOptions{TimeoutSeconds: proto.Int64(1), AllowWatchBookmarks: true})
	var types []metav1.EventType
	for {
		ev, err := stream.Recv()
		if err != nil {
			if got := err.Error(); got != "EOF" {
				t.Errorf("it ended with %v", err)
			}
			break
		}
		types = append(types, ev.GetType())
	}
	if len(types) != 2 || types[0] != added || types[1] != bookmark {
		t.Errorf("got %v, want what there was and a bookmark", types)
	}
}

// A server that goes away tells its watchers how far they are, and another one goes on from there.
func TestWatchesGoOnAtAnotherServer(t *testing.T) {
	var second *apitest.Server
	first := apitest.Start(t, nil)
	second = apitest.Start(t, func(c *apiserver.Config) { c.Store = first.Store })
	ctx := t.Context()
	check(client.Of[*corev1.ConfigMap](first.Client()).Create(ctx, configMap("a", nil)))(t)
	stream := watchMaps(ctx, t, first, &metav1.ListOptions{AllowWatchBookmarks: true})
	check(stream.Recv())(t)
	first.Stop()
	var last string
	for {
		ev, err := stream.Recv()
		if err != nil {
			if !apierror.IsUnavailable(apierror.FromStatus(err)) {
				t.Errorf("the watch ended with %v", err)
			}
			break
		}
		last = ev.GetObject().GetMetadata().GetResourceVersion()
	}
	if last == "" {
		t.Fatal("no bookmark before the end")
	}
	made := check(client.Of[*corev1.ConfigMap](second.Client()).Create(ctx, configMap("b", nil)))(t)
	ev := check(watchMaps(ctx, t, second, &metav1.ListOptions{ResourceVersion: last}).Recv())(t)
	if ev.GetType() != added || !proto.Equal(ev.GetObject(), made) {
		t.Errorf("got %v, want %v added", ev, made)
	}
}
