package self

import (
	"context"
	"maps"
	"sort"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"k8s.io/utils/clock"

	"kaji.dev/kaji/apierror"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/node/cri"
)

// Nodes is the part of the API that holds nodes.
type Nodes interface {
	Get(ctx context.Context, namespace, name string) (*corev1.Node, error)
	Create(ctx context.Context, n *corev1.Node) (*corev1.Node, error)
	Update(ctx context.Context, n *corev1.Node) (*corev1.Node, error)
	UpdateStatus(ctx context.Context, n *corev1.Node) (*corev1.Node, error)
}

// Leases is the part of the API that holds leases.
type Leases interface {
	Get(ctx context.Context, namespace, name string) (*coordinationv1.Lease, error)
	Create(ctx context.Context, l *coordinationv1.Lease) (*coordinationv1.Lease, error)
	Update(ctx context.Context, l *coordinationv1.Lease) (*coordinationv1.Lease, error)
}

// Runtime is asked how it is.
type Runtime interface {
	Version(ctx context.Context) (cri.Version, error)
	Health(ctx context.Context) (cri.Health, error)
	Images(ctx context.Context) ([]cri.Image, error)
}

// The rhythm of a node.
const (
	leaseNamespace = "kube-node-lease"
	leaseEvery     = 10 * time.Second
	leaseLasts     = 40 // seconds
	lookEvery      = 10 * time.Second
	statusEvery    = 5 * time.Minute
	retryEvery     = time.Second
	callLimit      = 10 * time.Second
)

// Keeper keeps the Node object. Make it with New; run it with Run.
type Keeper struct {
	cfg     Config
	nodes   Nodes
	leases  Leases
	runtime Runtime
	clock   clock.Clock
	log     hclog.Logger
	// poked asks for a look at once.
	poked chan struct{}

	// Used by Run's status goroutine only.
	node    *corev1.Node
	written time.Time

	mu  sync.Mutex
	uid string // of the node in the API
}

// New makes a keeper.
func New(cfg Config, nodes Nodes, leases Leases, runtime Runtime, clk clock.Clock, log hclog.Logger) *Keeper {
	return &Keeper{cfg: cfg, nodes: nodes, leases: leases, runtime: runtime, clock: clk, log: log, poked: make(chan struct{}, 1)}
}

// Poke makes the keeper look at the node soon: something has changed.
func (k *Keeper) Poke() {
	select {
	case k.poked <- struct{}{}:
	default:
	}
}

// Look sees how the node is now.
func (k *Keeper) Look(ctx context.Context) (Sight, error) {
	s := Sight{At: k.clock.Now()}
	var err error
	if s.Facts, err = ReadFacts(k.cfg.Root); err != nil {
		return s, err
	}
	if s.Pressure, err = ReadPressure(k.cfg.Root); err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if s.Version, s.Err = k.runtime.Version(ctx); s.Err != nil {
		return s, nil
	}
	if s.Health, s.Err = k.runtime.Health(ctx); s.Err != nil {
		return s, nil
	}
	if s.Images, err = k.runtime.Images(ctx); err != nil {
		k.log.Debug("cannot list the images", "error", err)
	}
	sort.Slice(s.Images, func(i, j int) bool {
		if s.Images[i].Size != s.Images[j].Size {
			return s.Images[i].Size > s.Images[j].Size
		}
		return s.Images[i].ID < s.Images[j].ID
	})
	return s, nil
}

// Run registers the node and keeps it and its lease until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { k.keepLease(ctx) })
	wg.Go(func() { k.keepStatus(ctx) })
	wg.Wait()
}

func (k *Keeper) keepStatus(ctx context.Context) {
	failing := false
	for {
		wait := lookEvery
		if err := k.pass(ctx); err != nil && ctx.Err() == nil {
			wait = retryEvery
			if !failing {
				k.log.Warn("cannot write the node's status", "error", err)
			}
			failing = true
		} else {
			failing = false
		}
		timer := k.clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		case <-k.poked:
			timer.Stop()
		}
	}
}

// pass looks, and writes what has changed, or everything when it is time.
func (k *Keeper) pass(ctx context.Context) error {
	sight, err := k.Look(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if err := k.reread(ctx); err != nil {
		return err
	}
	if k.node == nil {
		if k.node, err = k.register(ctx, sight); err != nil {
			return err
		}
		k.mu.Lock()
		k.uid = k.node.GetMetadata().GetUid()
		k.mu.Unlock()
	}
	next := k.cfg.Status(sight, k.node.GetStatus())
	if sameButTime(next, k.node.GetStatus()) && k.clock.Now().Sub(k.written) < statusEvery {
		return nil
	}
	node := &corev1.Node{Metadata: k.node.GetMetadata(), Spec: k.node.GetSpec(), Status: next}
	written, err := k.nodes.UpdateStatus(ctx, node)
	if apierror.IsConflict(err) || apierror.IsNotFound(err) {
		// Others write the node too (taints, labels): take theirs and go on.
		if k.node, err = k.register(ctx, sight); err != nil {
			k.node = nil
			return err
		}
		node = &corev1.Node{Metadata: k.node.GetMetadata(), Spec: k.node.GetSpec(), Status: k.cfg.Status(sight, k.node.GetStatus())}
		written, err = k.nodes.UpdateStatus(ctx, node)
	}
	if err != nil {
		k.node = nil
		return err
	}
	k.node, k.written = written, k.clock.Now()
	return nil
}

// reread takes in what others have written. The node controller writes that nothing is known of a node that was
// silent; only a comparison with that shows that there is something to say.
func (k *Keeper) reread(ctx context.Context) error {
	if k.node == nil {
		return nil
	}
	have, err := k.nodes.Get(ctx, "", k.cfg.Name)
	if apierror.IsNotFound(err) {
		k.node = nil
		return nil
	}
	if err == nil {
		k.node = have
	}
	return err
}

// register makes the node, or takes over the one that is there, with its labels.
func (k *Keeper) register(ctx context.Context, s Sight) (*corev1.Node, error) {
	have, err := k.nodes.Get(ctx, "", k.cfg.Name)
	if apierror.IsNotFound(err) {
		made, err := k.nodes.Create(ctx, k.cfg.Object(s))
		if !apierror.IsAlreadyExists(err) {
			if err == nil {
				k.log.Info("registered", "node", k.cfg.Name)
			}
			return made, err
		}
		have, err = k.nodes.Get(ctx, "", k.cfg.Name)
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	want := k.cfg.own(s.Facts)
	maps.Copy(want, k.cfg.Labels)
	labels := maps.Clone(have.GetMetadata().GetLabels())
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, want)
	if maps.Equal(labels, have.GetMetadata().GetLabels()) {
		return have, nil
	}
	next := proto.CloneOf(have)
	next.Metadata.Labels = labels
	return k.nodes.Update(ctx, next)
}

// sameButTime compares statuses without the times at which they were seen, and
// without what always moves.
func sameButTime(a, b *corev1.NodeStatus) bool {
	strip := func(s *corev1.NodeStatus) *corev1.NodeStatus {
		s = proto.CloneOf(s)
		for _, c := range s.GetConditions() {
			c.LastHeartbeatTime, c.LastTransitionTime = nil, nil
		}
		s.Phase = ""
		return s
	}
	if a == nil || b == nil {
		return false
	}
	return proto.Equal(strip(a), strip(b))
}

func (k *Keeper) keepLease(ctx context.Context) {
	var lease *coordinationv1.Lease
	for {
		wait := leaseEvery
		var err error
		if lease, err = k.renew(ctx, lease); err != nil && ctx.Err() == nil {
			k.log.Debug("cannot renew the node's lease", "error", err)
			wait = retryEvery
		}
		timer := k.clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
	}
}

// renew writes the lease anew. What it returns is the lease to renew next time; nil
// if that has to be read first.
func (k *Keeper) renew(ctx context.Context, lease *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	k.mu.Lock()
	uid := k.uid
	k.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if lease == nil {
		have, err := k.leases.Get(ctx, leaseNamespace, k.cfg.Name)
		switch {
		case apierror.IsNotFound(err):
			made, err := k.leases.Create(ctx, k.lease(&coordinationv1.Lease{Metadata: &metav1.ObjectMeta{Name: k.cfg.Name, Namespace: leaseNamespace}}, uid))
			if err != nil {
				return nil, err
			}
			return made, nil
		case err != nil:
			return nil, err
		}
		lease = have
	}
	next, err := k.leases.Update(ctx, k.lease(lease, uid))
	if err != nil {
		return nil, err
	}
	return next, nil
}

// lease is a lease renewed now.
func (k *Keeper) lease(old *coordinationv1.Lease, nodeUID string) *coordinationv1.Lease {
	l := proto.CloneOf(old)
	if l.Spec == nil {
		l.Spec = &coordinationv1.LeaseSpec{}
	}
	lasts := int32(leaseLasts)
	l.Spec.HolderIdentity, l.Spec.LeaseDurationSeconds = &k.cfg.Name, &lasts
	l.Spec.RenewTime = timestamppb.New(k.clock.Now().Truncate(time.Microsecond))
	if nodeUID != "" && len(l.GetMetadata().GetOwnerReferences()) == 0 {
		l.Metadata.OwnerReferences = []*metav1.OwnerReference{{ApiVersion: "v1", Kind: "Node", Name: k.cfg.Name, Uid: nodeUID}}
	}
	return l
}
