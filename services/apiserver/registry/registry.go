package registry

import (
	"context"
	"fmt"
	"sync"
	"time"

	"buf.build/go/protovalidate"
	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kaji.dev/kaji/apierror"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest/managed"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/services/apiserver/admission"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/frame"
	"kaji.dev/kaji/services/apiserver/requests"
	"kaji.dev/kaji/services/apiserver/strategy"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

// Config is what the registry stands on.
type Config struct {
	// Store is where writes go.
	Store raftstore.Store
	// Caches hold every kind of Kinds; someone else runs them.
	Caches *watchcache.Caches
	// Kinds are the kinds to serve.
	Kinds []*kind.Kind
	// Authorizer says who may do what.
	Authorizer authz.Authorizer
	// Admission sees every write after the authorizer.
	Admission admission.Chain
	// Conversions are those of kinds with several versions, beside the ones that package strategy has.
	Conversions strategy.Conversions
	// Streams handles the streaming methods that belong to no verb, by full method name.
	Streams map[string]grpc.StreamHandler
	// Stopping ends watches when it is closed, so that clients go elsewhere before the server is gone.
	Stopping <-chan struct{}
	// EventTTL is how long an Event lives after it was last written; one hour when zero.
	EventTTL time.Duration
	// Bookmarks is how often a watch that wants bookmarks gets one; 20 s when zero.
	Bookmarks time.Duration
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// maxObjectBytes bounds one object as it is stored.
const maxObjectBytes = 3 << 20

// Registry serves all kinds.
type Registry struct {
	cfg       Config
	log       hclog.Logger
	audit     hclog.Logger
	validator protovalidate.Validator
	expiry    *expiry
	converter strategy.Conversions
	resources map[protoreflect.FullName]*resource
	order     []*resource
}

// New checks the descriptors of the kinds and makes their registry.
func New(cfg Config, log hclog.Logger) (*Registry, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Bookmarks == 0 {
		cfg.Bookmarks = 20 * time.Second
	}
	if cfg.EventTTL == 0 {
		cfg.EventTTL = time.Hour
	}
	validator, err := protovalidate.New()
	if err != nil {
		return nil, err
	}
	r := &Registry{
		cfg: cfg, log: log, audit: log.Named("audit"), validator: validator,
		expiry:    &expiry{store: cfg.Store, ttl: cfg.EventTTL, now: cfg.Now},
		converter: strategy.NewConversions(cfg.Conversions),
		resources: map[protoreflect.FullName]*resource{},
	}
	for _, k := range cfg.Kinds {
		if err := r.converter.Check(k); err != nil {
			return nil, err
		}
		if err := checkShape(k); err != nil {
			return nil, err
		}
		cache := cfg.Caches.Of(k)
		if cache == nil {
			return nil, fmt.Errorf("kind %s has no cache", k)
		}
		res := newResource(r, k, cache)
		for _, v := range res.versions() {
			if err := checkShape(v.kind); err != nil {
				return nil, err
			}
			r.resources[v.kind.Message] = v
			r.order = append(r.order, v)
		}
	}
	return r, nil
}

// Register adds the services to a server.
func (r *Registry) Register(s grpc.ServiceRegistrar) error {
	for _, res := range r.order {
		desc, err := res.serviceDesc()
		if err != nil {
			return err
		}
		s.RegisterService(desc, r)
	}
	s.RegisterService(r.genericDesc(), r)
	return nil
}

// resource finds a kind by the full name of its message.
func (r *Registry) resource(name string) (*resource, error) {
	if res := r.resources[protoreflect.FullName(name)]; res != nil {
		return res, nil
	}
	return nil, apierror.BadRequest(fmt.Sprintf("type %q is no kind that is served here; Discover lists those that are", name))
}

// Read gives other parts of the server one object, as fresh as a linearizable read. The object is shared.
func (r *Registry) Read(ctx context.Context, k *kind.Kind, namespace, name string) (kind.Object, error) {
	res, err := r.resource(string(k.Message))
	if err != nil {
		return nil, err
	}
	e, err := res.read(ctx, namespace, name, "")
	if err != nil {
		return nil, err
	}
	return e.Object, nil
}

// resource is one kind as it is served.
type resource struct {
	*Registry
	kind      *kind.Kind
	hub       *resource // the version of the kind that is stored, mostly itself
	tag       []byte    // what stored bytes begin with; empty when they name no version
	cache     *watchcache.Cache
	strategy  strategy.Strategy
	lifecycle lifecycle
	typeURL   string
	status    protoreflect.FieldDescriptor     // nil when the kind has none
	ruled     bool                             // the proto file has rules for objects of the kind
	managed   func(*kind.Kind) *managed.Schema // of a version; made when it is needed first
	reapplies reapplies
}

func newResource(r *Registry, k *kind.Kind, cache *watchcache.Cache) *resource {
	res := &resource{
		Registry: r, kind: k, cache: cache, strategy: strategy.For(k), lifecycle: lifecycleOf(k),
		typeURL: typeURL(k), ruled: requests.HasRules(k.New().ProtoReflect().Descriptor()),
	}
	res.hub = res
	schemas := sync.OnceValue(func() map[*kind.Kind]*managed.Schema { return managed.NewSchemas(k.Versions(), r.converter.To) })
	res.managed = func(v *kind.Kind) *managed.Schema { return schemas()[v] }
	if k.Options.GetUntaggedVersion() != "" {
		res.tag = frame.AppendVersion(nil, k.Version)
	}
	if k.Options.GetHasStatus() {
		res.status = k.New().ProtoReflect().Descriptor().Fields().ByName("status")
	}
	return res
}

func (r *resource) notFound(namespace, name string) error {
	return apierror.NotFound(r.kind.String(), namespace, name)
}

// Allow asks whether the caller of ctx may do this; for methods that are served elsewhere.
func (r *Registry) Allow(ctx context.Context, k *kind.Kind, verb metav1.Verb, subresource, namespace, name string) error {
	res, err := r.resource(string(k.Message))
	if err != nil {
		return err
	}
	return res.authorize(ctx, authz.Attributes{Verb: verb, Subresource: subresource, Namespace: namespace, Name: name})
}

// Create stores an object for another part of the server, as the caller of ctx.
func (r *Registry) Create(ctx context.Context, o kind.Object) (kind.Object, error) {
	res, err := r.resource(string(o.ProtoReflect().Descriptor().FullName()))
	if err != nil {
		return nil, err
	}
	made, err := res.create(ctx, clone(o), nil)
	if err != nil {
		return nil, err
	}
	return made.object, nil
}

// Delete removes an object for another part of the server, as the caller of ctx.
func (r *Registry) Delete(ctx context.Context, k *kind.Kind, namespace, name string) error {
	res, err := r.resource(string(k.Message))
	if err != nil {
		return err
	}
	_, err = res.delete(ctx, &metav1.DeleteRequest{Namespace: namespace, Name: name})
	return err
}
