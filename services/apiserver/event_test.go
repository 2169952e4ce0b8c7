package apiserver_test

import (
	"testing"
	"time"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver"
	"kaji.dev/kaji/services/apiserver/apitest"
)

// Events end by themselves; nothing else does.
func TestEventsExpire(t *testing.T) {
	s := apitest.Start(t, func(c *apiserver.Config) { c.EventTTL = time.Second })
	ctx := t.Context()
	events := client.Of[*corev1.Event](s.Client())
	check(client.Of[*corev1.ConfigMap](s.Client()).Create(ctx, configMap("lasting", nil)))(t)
	for _, name := range []string{"a", "b"} {
		check(events.Create(ctx, &corev1.Event{
			Metadata:       &metav1.ObjectMeta{Namespace: "default", Name: name},
			InvolvedObject: &corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: "web"},
			Reason:         "Testing", Type: "Normal",
		}))(t)
	}
	_, meta, err := events.List(ctx, "default", nil)
	if err != nil {
		t.Fatal(err)
	}
	w := check(events.Watch(ctx, "default", &metav1.ListOptions{ResourceVersion: meta.GetResourceVersion()}))(t)
	defer w.Stop()
	for gone := 0; gone < 2; {
		ev := check(w.Recv())(t)
		if ev.Type == metav1.EventType_EVENT_TYPE_DELETED {
			gone++
		}
	}
	if items, _, err := events.List(ctx, "default", nil); err != nil || len(items) != 0 {
		t.Errorf("%v are left, %v", namesOf(items), err)
	}
	check(client.Of[*corev1.ConfigMap](s.Client()).Get(ctx, "default", "lasting"))(t)
}
