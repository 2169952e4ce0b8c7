package apiserver

import (
	"context"
	"time"

	"github.com/hashicorp/go-hclog"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/admission"
	"kaji.dev/kaji/services/apiserver/registry"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// prepare waits for the caches and makes the system's namespaces. False when ctx ended first.
func prepare(ctx context.Context, api *registry.Registry, caches *watchcache.Caches, log hclog.Logger) bool {
	if caches.Ready(ctx) != nil {
		return false
	}
	self := identity.NewContext(ctx, identity.Identity{Name: identity.APIServer, Groups: []string{identity.GroupMasters}})
	delay := 100 * time.Millisecond
	for _, name := range admission.SystemNamespaces {
		for {
			_, err := api.Read(ctx, kind.Of(&corev1.Namespace{}), "", name)
			if apierror.IsNotFound(err) {
				_, err = api.Create(self, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: name}})
			}
			if err == nil || apierror.IsAlreadyExists(err) {
				break
			}
			if ctx.Err() != nil {
				return false
			}
			log.Warn("system namespace not made yet", "namespace", name, "error", err, "duration", delay)
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
