package registry

import (
	"context"
	"errors"
	"time"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// patience is how long a read waits for the caches before it asks the store or gives up.
const patience = 3 * time.Second

func (r *resource) get(ctx context.Context, req *metav1.GetRequest, subresource string) (*result, error) {
	if err := r.authorize(ctx, authz.Attributes{
		Verb: metav1.Verb_VERB_GET, Subresource: subresource, Namespace: req.GetNamespace(), Name: req.GetName(),
	}); err != nil {
		return nil, err
	}
	e, err := r.read(ctx, req.GetNamespace(), req.GetName(), req.GetOptions().GetResourceVersion())
	if err != nil {
		return nil, err
	}
	return r.shown(resultOf(e), nil)
}

// read finds one object: linearizably with an empty version, as the cache has it with "0", and otherwise at
// least as new as the version.
func (r *resource) read(ctx context.Context, namespace, name, version string) (*watchcache.Entry, error) {
	key, err := r.key(namespace, name)
	if err != nil {
		return nil, err
	}
	e, err := r.atLeast(ctx, key, version)
	if err == nil && e == nil {
		err = r.notFound(namespace, name)
	}
	return e, err
}

// newest finds the object under a key as it is in the store when this is called, or later; nil when there is none.
func (r *resource) newest(ctx context.Context, key string) (*watchcache.Entry, error) {
	return r.atLeast(ctx, key, "")
}

// atLeast reads the cache once that is as fresh as the version demands, and the store when that takes long.
func (r *resource) atLeast(ctx context.Context, key, version string) (*watchcache.Entry, error) {
	wait, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.await(wait, version); err != nil {
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return nil, err
		}
		// The watch of the store is late. The store itself is always fresh.
		return r.fetch(ctx, key)
	}
	return r.cache.Get(key), nil
}

// key is the store key of a named object; a request that names none is refused.
func (r *resource) key(namespace, name string) (string, error) {
	switch {
	case name == "":
		return "", apierror.BadRequest("the request names no object", apierror.FieldViolation{
			Field: "name", Description: "must not be empty", Reason: "FieldValueRequired"})
	case r.kind.Namespaced() && namespace == "":
		return "", apierror.BadRequest(r.kind.String()+" live in namespaces; the request names none", apierror.FieldViolation{
			Field: "namespace", Description: "must not be empty", Reason: "FieldValueRequired"})
	case !r.kind.Namespaced() && namespace != "":
		return "", apierror.BadRequest(r.kind.String()+" live in no namespace; the request names one", apierror.FieldViolation{
			Field: "namespace", Description: "must be empty", Reason: "FieldValueForbidden"})
	}
	return r.kind.Key(namespace, name), nil
}

// await returns when the caches are as fresh as the version demands.
func (r *resource) await(ctx context.Context, version string) error {
	switch version {
	case "":
		return storeError(r.cfg.Caches.Fresh(ctx))
	case "0":
		return r.cfg.Caches.Ready(ctx)
	}
	revision, err := parseVersion(version)
	if err != nil {
		return err
	}
	return r.cfg.Caches.Reach(ctx, revision)
}

// tooNew is the answer to a demand for a revision that does not come.
func tooNew(version string) error {
	return &apierror.Error{
		Reason:     apierror.ReasonTimeout,
		Message:    "resourceVersion " + version + " is larger than any seen here",
		RetryAfter: time.Second,
	}
}
