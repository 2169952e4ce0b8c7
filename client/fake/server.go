// Package fake is the API in memory, for tests: the same calls, the same semantics, no process and no network.
//
// It owns what every kind has in common: names and generateName, uid, generation, resourceVersion and conflicts, the status
// sub-resource, patches, applying, finalizers and graceful deletion, selectors, pages, watches that resume or expire; and
// of the sub-resources, scale and pod bindings. It refuses what needs a node (logs, exec) and does not default or validate:
// a test hands in what the API server would have stored. Conformance (client/conformance) holds it and the real server
// to the same behaviour.
//
// A Server and its clients may be used concurrently.
package fake

import (
	"context"
	"strconv"
	"sync"
	"time"

	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Call is one request as an interceptor sees it.
type Call struct {
	Kind        *kind.Kind
	Verb        metav1.Verb
	Subresource string
	Namespace   string
	Name        string
	// Object is what is to be written; nil for other verbs. Read only.
	Object kind.Object
}

// Server is the API in memory.
type Server struct {
	now func() time.Time

	mu           sync.Mutex
	revision     int64
	compacted    int64 // revisions up to this one are forgotten
	objects      map[string]kind.Object
	history      []change
	changed      chan struct{} // closed and replaced at every change
	broken       chan struct{} // closed and replaced to end all watches
	bookmarks    int64         // revision that watches shall be told of
	pages        map[string]page
	interceptors []func(context.Context, Call) error
	warnings     func(kind.Object) []string
}

// change is one write. Objects are immutable.
type change struct {
	revision   int64
	kind       *kind.Kind
	key        string
	before     kind.Object // nil for a new object
	after      kind.Object // nil for a removed one
	lastBefore kind.Object // before, with the revision of its end
}

// New makes a client of a new server that holds the objects.
func New(objects ...kind.Object) *client.Client {
	return NewServer(objects...).Client()
}

// NewServer makes a server that holds the objects as they are given, status and all; uid, creation time and generation are filled where empty.
func NewServer(objects ...kind.Object) *Server {
	s := &Server{
		now: time.Now,
		// As a store's: a list at revision 0 could not be told from one that says no revision.
		revision: 1,
		objects:  map[string]kind.Object{},
		changed:  make(chan struct{}),
		broken:   make(chan struct{}),
		pages:    map[string]page{},
	}
	s.Seed(objects...)
	return s
}

// Client makes a client of the server.
func (s *Server) Client() *client.Client { return client.New(s) }

// SetNow replaces the clock that creation and deletion times come from.
func (s *Server) SetNow(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// Seed stores objects as they are given, replacing those of the same name.
func (s *Server) Seed(objects ...kind.Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range objects {
		o = proto.CloneOf(o)
		m := kind.Metadata(o)
		if m.Uid == "" {
			m.Uid = newUID()
		}
		if m.CreationTimestamp == nil {
			m.CreationTimestamp = s.timestamp()
		}
		if m.Generation == 0 {
			m.Generation = 1
		}
		s.commit(kind.Of(o), o)
	}
}

// Intercept adds a function that sees every call before it is served, and fails it by returning an error.
func (s *Server) Intercept(f func(context.Context, Call) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interceptors = append(s.interceptors, f)
}

// Warn has the server warn of objects that it answers with, as the real one does of fields that nothing acts on. Texts are ASCII.
func (s *Server) Warn(of func(kind.Object) []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = of
}

// BreakWatches ends every watch with Unavailable.
func (s *Server) BreakWatches() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.broken)
	s.broken = make(chan struct{})
}

// Compact forgets all that happened up to now: watches from older revisions and pages of older lists expire.
func (s *Server) Compact() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compacted = s.revision
	s.history = nil
	s.pages = map[string]page{}
}

// Bookmark sends the current revision to every watch that wants bookmarks.
func (s *Server) Bookmark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.revision++
	s.bookmarks = s.revision
	s.wake()
}

// Revision is that of the last write.
func (s *Server) Revision() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// commit stores an object under a new revision and returns it. Callers hold mu and give the object away.
func (s *Server) commit(k *kind.Kind, o kind.Object) kind.Object {
	m := kind.Metadata(o)
	key := k.Key(m.GetNamespace(), m.GetName())
	s.revision++
	m.ResourceVersion = strconv.FormatInt(s.revision, 10)
	before := s.objects[key]
	s.objects[key] = o
	s.record(k, key, before, o)
	return o
}

// remove drops an object under a new revision and returns it with that revision. Callers hold mu.
func (s *Server) remove(k *kind.Kind, key string) kind.Object {
	before := s.objects[key]
	s.revision++
	delete(s.objects, key)
	s.record(k, key, before, nil)
	return s.history[len(s.history)-1].lastBefore
}

func (s *Server) record(k *kind.Kind, key string, before, after kind.Object) {
	c := change{revision: s.revision, kind: k, key: key, before: before, after: after}
	if before != nil {
		c.lastBefore = proto.CloneOf(before)
		kind.Metadata(c.lastBefore).ResourceVersion = strconv.FormatInt(s.revision, 10)
	}
	s.history = append(s.history, c)
	s.wake()
}

func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// lookup reads an object. Callers hold mu and do not change it.
func (s *Server) lookup(k *kind.Kind, namespace, name string) (kind.Object, error) {
	if o := s.objects[k.Key(namespace, name)]; o != nil {
		return o, nil
	}
	return nil, apierror.NotFound(k.String(), namespace, name)
}

var _ grpc.ClientConnInterface = (*Server)(nil)

func statusField(o kind.Object) protoreflect.FieldDescriptor {
	return o.ProtoReflect().Descriptor().Fields().ByName("status")
}
