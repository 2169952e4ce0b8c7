package registry

import (
	"context"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/services/apiserver/strategy"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// Objects are converted at the edge: caches, strategies, admission and the store see the version that is stored alone. A
// resource of another version takes objects in and shows them in its own form, and has stored do the work.

// versions are the resources of all versions of a kind, the stored one first.
func (r *resource) versions() []*resource {
	out := []*resource{r}
	for _, k := range r.kind.Versions() {
		if k == r.kind {
			continue
		}
		v := &resource{
			Registry: r.Registry, kind: k, hub: r, cache: r.cache, strategy: strategy.For(k), lifecycle: r.lifecycle,
			typeURL: typeURL(k), managed: r.managed,
		}
		if r.status != nil {
			v.status = k.New().ProtoReflect().Descriptor().Fields().ByName("status")
		}
		out = append(out, v)
	}
	return out
}

// view is a stored object as this version has it. The object is left as it is.
func (r *resource) view(o kind.Object) (kind.Object, error) {
	if r.hub == r {
		return o, nil
	}
	seen, err := r.converter.To(o, r.kind)
	if err != nil {
		return nil, apierror.Internal(err)
	}
	return seen, nil
}

// taken is an object of this version as it is stored.
func (r *resource) taken(o kind.Object) (kind.Object, error) {
	if r.hub == r {
		return o, nil
	}
	r.strategy.Default(o)
	stored, err := r.converter.To(o, r.hub.kind)
	if err != nil {
		m := o.GetMetadata()
		return nil, apierror.Invalid(r.kind.String(), m.GetNamespace(), m.GetName(), []apierror.FieldViolation{{
			Description: err.Error(), Reason: "FieldValueInvalid"}})
	}
	return stored, nil
}

// shown is a result as this version has it.
func (r *resource) shown(res *result, err error) (*result, error) {
	if err != nil || r.hub == r {
		return res, err
	}
	o, err := r.view(res.object)
	if err != nil {
		return nil, err
	}
	raw, err := proto.Marshal(o)
	if err != nil {
		return nil, apierror.Internal(err)
	}
	return &result{object: o, raw: raw, revision: res.revision}, nil
}

// raw is the bytes of an entry as this version has them.
func (r *resource) raw(e *watchcache.Entry) ([]byte, error) {
	if r.hub == r {
		return e.Raw(), nil
	}
	res, err := r.shown(resultOf(e), nil)
	if err != nil {
		return nil, err
	}
	return res.raw, nil
}

type versionKey struct{}

// as notes that a write comes in this version.
func (r *resource) as(ctx context.Context) context.Context {
	if r.hub == r {
		return ctx
	}
	return context.WithValue(ctx, versionKey{}, r)
}

// version is the version in which a write came.
func (r *resource) version(ctx context.Context) *resource {
	if v, ok := ctx.Value(versionKey{}).(*resource); ok && v.hub == r {
		return v
	}
	return r
}
