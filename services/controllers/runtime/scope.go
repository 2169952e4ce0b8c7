package runtime

import (
	"context"
	"fmt"
	"sync"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/events"
	"kaji.dev/kaji/kind"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Scope is what the controllers of one term of leadership share: the client, one informer per kind, event recorders. It is made
// when leadership begins, so its caches are read after the leader before has stopped, and nothing is remembered of an
// earlier term. Build it in one goroutine, then Run it once.
type Scope struct {
	Client  *client.Client
	Metrics *Metrics
	Log     hclog.Logger
	// Host is written to events as their source.
	Host string

	informers map[protoreflect.FullName]any
	runners   []func(context.Context) error
}

// NewScope makes an empty scope.
func NewScope(c *client.Client, host string, metrics *Metrics, log hclog.Logger) *Scope {
	return &Scope{Client: c, Metrics: metrics, Log: log, Host: host, informers: map[protoreflect.FullName]any{}}
}

// Informer is the scope's informer of a kind.
func Informer[T kind.Object](s *Scope) *client.Informer[T] {
	r := client.Of[T](s.Client)
	if i, ok := s.informers[r.Kind().Message]; ok {
		return i.(*client.Informer[T])
	}
	i := client.NewInformer(r, client.InformerOptions{Transform: client.WithoutManagedFields, Log: s.Log.Named("informer")})
	s.informers[r.Kind().Message] = i
	s.Add(i.Run)
	return i
}

// Recorder makes a recorder of events for a component; the scope runs it.
func (s *Scope) Recorder(component string) *events.Recorder {
	r := events.New(s.Client, component, s.Host, s.Log.Named("events"))
	s.Add(r.Run)
	return r
}

// Add has the scope run something, e.g. a controller's Run.
func (s *Scope) Add(run func(context.Context) error) { s.runners = append(s.runners, run) }

// Run runs all that was added until ctx ends or one fails, and returns when every one has.
func (s *Scope) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for _, run := range s.runners {
		group.Go(func() {
			if err := run(ctx); err != nil {
				cancel(fmt.Errorf("controllers: %w", err))
			}
		})
	}
	group.Wait()
	if cause := context.Cause(ctx); cause != ctx.Err() {
		return cause
	}
	return nil
}
