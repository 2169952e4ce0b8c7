// Package leader elects one of several processes by a Lease.
//
// It owns the Lease's spec while it leads: holderIdentity, acquireTime, renewTime, leaseTransitions; and, when an address
// is given, the annotation kaji.dev/address by which others reach the leader. It promises that at most one process leads
// at a time as long as clocks run at about the same rate: it never compares its clock with times that others wrote. A
// lease has expired when this process has seen it unchanged for the whole duration, by its monotonic clock. A leader's context
// ends when no renewal that was begun within the renew deadline, which is shorter, has succeeded, even if a call hangs; time that
// the machine slept counts. So the leader has the difference of the two to return. A wall clock that jumps changes nothing.
//
// It does not fence writes: a process that is stopped between a look at its context and a write may write late, so what the
// leader writes must be safe under optimistic concurrency. And who deletes the Lease while somebody leads lets a candidate that
// has never seen it in: do not.
//
// An Elector runs once, in one goroutine.
package leader

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// AddressAnnotation holds where the leader serves, for those who call it.
const AddressAnnotation = "kaji.dev/address"

// ErrLost ends Run when leadership was lost.
var ErrLost = errors.New("leader: the lease was lost")

// Config says what is contended for, and by whom.
type Config struct {
	// Namespace and Name of the Lease, e.g. kaji-system/kaji-controllers.
	Namespace, Name string
	// Identity of this process; unique among the candidates.
	Identity string
	// Address where this process serves; written to the Lease when not empty.
	Address string
	// LeaseDuration is how long others wait after the last renewal they saw; 15 s when 0.
	LeaseDuration time.Duration
	// RenewDeadline is how long the leader tries to renew before it stops; 10 s when 0. Less than LeaseDuration.
	RenewDeadline time.Duration
	// RetryPeriod is the time between attempts; 2 s when 0. Less than RenewDeadline.
	RetryPeriod time.Duration
	// OnNewLeader is told who leads when that changes; optional.
	OnNewLeader func(identity string)
}

// Validate fills defaults and reports what is missing or contradictory.
func (c *Config) Validate() error {
	if c.LeaseDuration == 0 {
		c.LeaseDuration = 15 * time.Second
	}
	if c.RenewDeadline == 0 {
		c.RenewDeadline = 10 * time.Second
	}
	if c.RetryPeriod == 0 {
		c.RetryPeriod = 2 * time.Second
	}
	switch {
	case c.Namespace == "" || c.Name == "":
		return errors.New("leader: namespace and name of the lease are required")
	case c.Identity == "":
		return errors.New("leader: an identity is required")
	case c.RetryPeriod <= 0 || c.RetryPeriod >= c.RenewDeadline || c.RenewDeadline >= c.LeaseDuration:
		return fmt.Errorf("leader: want retry period (%v) < renew deadline (%v) < lease duration (%v)", c.RetryPeriod, c.RenewDeadline, c.LeaseDuration)
	}
	return nil
}

// Elector contends for a Lease.
type Elector struct {
	config Config
	leases *client.Resource[*coordinationv1.Lease]
	log    hclog.Logger
	clock  clock

	seen    *coordinationv1.Lease // as last read or written
	changed time.Time             // when seen was first seen, by the local monotonic clock
	leader  string                // who was reported last

	renewed atomic.Pointer[moment] // when the last renewal that succeeded was begun; read by the guard too
}

// New makes an elector. The configuration's defaults are filled.
func New(c *client.Client, config Config, log hclog.Logger) (*Elector, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	return &Elector{
		config: config,
		leases: client.Of[*coordinationv1.Lease](c),
		clock:  clock{slept: sinceBoot},
		log:    log.With("lease", config.Namespace+"/"+config.Name, "identity", config.Identity),
	}, nil
}

// Run waits for leadership, runs lead with a context that ends when leadership does, waits for lead to return, and gives the
// lease up. It returns lead's error, ErrLost when leadership was lost, or nil when ctx ended. A process that lost
// leadership usually exits and starts anew; calling Run again is also right. lead must return soon after its context ends: within
// the difference of lease duration and renew deadline, from which on others may lead.
func (e *Elector) Run(ctx context.Context, lead func(context.Context) error) error {
	if !e.acquire(ctx) {
		return nil
	}
	e.log.Info("became leader")
	leading, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan error, 1)
	go func() { ended <- lead(leading) }()
	var guard sync.WaitGroup
	guard.Go(func() { e.guard(leading, stop) })
	running, err := e.hold(leading, ended)
	stop(err)
	guard.Wait()
	if running {
		if leadErr := <-ended; err == nil {
			err = leadErr
		}
	}
	if errors.Is(err, ErrLost) {
		e.log.Error("leadership lost")
		return err
	}
	// Not under ctx, which has ended: the next one need not wait for the lease to run out.
	releasing, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.config.RetryPeriod)
	defer cancel()
	e.release(releasing)
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// acquire contends until it holds the lease; false when ctx ended first.
func (e *Elector) acquire(ctx context.Context) bool {
	for {
		// Jitter spreads candidates that started together.
		wait := e.config.RetryPeriod + rand.N(e.config.RetryPeriod/5+1)
		// Leadership counts from here: the write may reach the store long before its answer comes.
		began := e.clock.now()
		attempt, cancel := context.WithTimeout(ctx, e.config.RenewDeadline)
		held := e.try(attempt)
		cancel()
		if held && e.clock.since(began) < e.config.RenewDeadline {
			e.renewed.Store(&began)
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(wait):
		}
	}
}

// guard ends leadership when the renew deadline passes without a renewal, whatever the renewal waits for. It looks more often
// than that to find out soon that the machine slept.
func (e *Elector) guard(ctx context.Context, stop context.CancelCauseFunc) {
	for {
		left := e.config.RenewDeadline - e.clock.since(*e.renewed.Load())
		if left <= 0 {
			stop(ErrLost)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(min(left, e.config.RetryPeriod/4)):
		}
	}
}

// hold renews until lead ends, ctx ends, or leadership is lost. running tells whether lead still runs.
func (e *Elector) hold(ctx context.Context, ended <-chan error) (running bool, err error) {
	ticker := time.NewTicker(e.config.RetryPeriod)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			return false, err
		case <-ctx.Done():
			return true, lost(ctx)
		case <-ticker.C:
		}
		began := e.clock.now()
		held := e.try(ctx)
		switch {
		case ctx.Err() != nil:
			return true, lost(ctx)
		case held:
			e.renewed.Store(&began)
		case e.heldByOther():
			return true, ErrLost
		}
	}
}

// lost is ErrLost when that is why a context ended.
func lost(ctx context.Context) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrLost) {
		return cause
	}
	return nil
}

// try reads the lease and takes or renews it where it may. It tells whether this process holds it now.
func (e *Elector) try(ctx context.Context) bool {
	lease, err := e.leases.Get(ctx, e.config.Namespace, e.config.Name)
	switch {
	case apierror.IsNotFound(err):
		// Deleted under a leader, who will make it again: until its time is over it leads.
		if e.seen.GetSpec().GetHolderIdentity() != "" && e.heldByOther() && time.Since(e.changed) < duration(e.seen) {
			return false
		}
		return e.store(ctx, &coordinationv1.Lease{Metadata: &metav1.ObjectMeta{Namespace: e.config.Namespace, Name: e.config.Name}}, e.leases.Create)
	case err != nil:
		e.failed("reading the lease", err)
		return false
	}
	e.observe(lease)
	holder := lease.GetSpec().GetHolderIdentity()
	if holder != "" && holder != e.config.Identity && time.Since(e.changed) < duration(lease) {
		return false
	}
	return e.store(ctx, lease, e.leases.Update)
}

// store writes the lease with this process as its holder.
func (e *Elector) store(ctx context.Context, lease *coordinationv1.Lease, write func(context.Context, *coordinationv1.Lease) (*coordinationv1.Lease, error)) bool {
	next := proto.CloneOf(lease)
	if next.Spec == nil {
		next.Spec = &coordinationv1.LeaseSpec{}
	}
	now := timestamppb.New(time.Now().Truncate(time.Microsecond))
	if next.Spec.GetHolderIdentity() != e.config.Identity {
		if lease.GetMetadata().GetUid() != "" {
			next.Spec.LeaseTransitions = proto.Int32(next.Spec.GetLeaseTransitions() + 1)
		}
		next.Spec.AcquireTime = now
	}
	next.Spec.HolderIdentity = proto.String(e.config.Identity)
	next.Spec.LeaseDurationSeconds = proto.Int32(int32((e.config.LeaseDuration + time.Second - 1) / time.Second))
	next.Spec.RenewTime = now
	m := kind.Metadata(next)
	if e.config.Address != "" {
		if m.Annotations == nil {
			m.Annotations = map[string]string{}
		}
		m.Annotations[AddressAnnotation] = e.config.Address
	}
	stored, err := write(ctx, next)
	if err != nil {
		e.failed("writing the lease", err)
		return false
	}
	e.observe(stored)
	return true
}

// release gives the lease up, so that another takes it at once.
func (e *Elector) release(ctx context.Context) {
	if e.heldByOther() {
		return
	}
	next := proto.CloneOf(e.seen)
	next.Spec.HolderIdentity = proto.String("")
	next.Spec.LeaseDurationSeconds = proto.Int32(1)
	delete(next.GetMetadata().GetAnnotations(), AddressAnnotation)
	if _, err := e.leases.Update(ctx, next); err != nil {
		e.failed("giving the lease up", err)
		return
	}
	e.log.Info("gave up leadership")
}

// observe notes when the lease changed, by the local clock.
func (e *Elector) observe(lease *coordinationv1.Lease) {
	if !proto.Equal(e.seen, lease) {
		e.seen, e.changed = lease, time.Now()
	}
	if holder := lease.GetSpec().GetHolderIdentity(); holder != "" && holder != e.leader {
		e.leader = holder
		if e.config.OnNewLeader != nil {
			e.config.OnNewLeader(holder)
		}
	}
}

func (e *Elector) heldByOther() bool {
	return e.seen.GetSpec().GetHolderIdentity() != e.config.Identity
}

func (e *Elector) failed(doing string, err error) {
	// Losing a race for the lease is everyday life.
	if apierror.IsConflict(err) || apierror.IsAlreadyExists(err) || apierror.ReasonOf(err) == apierror.ReasonCanceled {
		e.log.Debug(doing, "error", err)
		return
	}
	e.log.Warn(doing, "error", err)
}

func duration(lease *coordinationv1.Lease) time.Duration {
	return time.Duration(lease.GetSpec().GetLeaseDurationSeconds()) * time.Second
}
