package apiserver

import (
	"context"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	schedulingv1 "kaji.dev/kaji/gen/kaji/scheduling/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/admission"
	"kaji.dev/kaji/services/apiserver/registry"
	"kaji.dev/kaji/services/apiserver/strategy"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// prepare waits for the caches and makes what every cluster has. False when ctx ended first.
func prepare(ctx context.Context, api *registry.Registry, caches *watchcache.Caches, log hclog.Logger) bool {
	if caches.Ready(ctx) != nil {
		return false
	}
	self := identity.NewContext(ctx, identity.Identity{Name: identity.APIServer, Groups: []string{identity.GroupMasters}})
	delay := 100 * time.Millisecond
	for _, o := range systemObjects() {
		k, name := kind.Of(o), o.GetMetadata().GetName()
		for {
			_, err := api.Read(ctx, k, "", name)
			if apierror.IsNotFound(err) {
				_, err = api.Create(self, o)
			}
			if err == nil || apierror.IsAlreadyExists(err) {
				break
			}
			if ctx.Err() != nil {
				return false
			}
			log.Warn("an object of the system is not made yet", "kind", k.Name(), "name", name, "error", err, "duration", delay)
			select {
			case <-time.After(delay):
			case <-ctx.Done():
				return false
			}
			delay = min(2*delay, 5*time.Second)
		}
	}
	return true
}

// systemObjects are what every cluster has: namespaces, and the classes of the most important pods.
func systemObjects() []kind.Object {
	var out []kind.Object
	for _, name := range admission.SystemNamespaces {
		out = append(out, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: name}})
	}
	for name, value := range strategy.SystemPriorities() {
		out = append(out, &schedulingv1.PriorityClass{
			Metadata: &metav1.ObjectMeta{Name: name}, Value: value,
			Description: "For pods that the " + strings.TrimSuffix(strings.TrimPrefix(name, "system-"), "-critical") + " cannot do without.",
		})
	}
	return out
}
