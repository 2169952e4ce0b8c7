package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"kaji.dev/kaji/apierror"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/services/apiserver/authz"
	"kaji.dev/kaji/services/apiserver/watchcache"
)

const (
	// maxBindings bounds one call.
	maxBindings = 1000
	// maxBindBytes is about how much one transaction of bindings may write; more than that is split.
	maxBindBytes = 4 << 20
	// bindRounds is how often bindings are tried again when pods change meanwhile.
	bindRounds = 8
)

// binding is one binding on its way.
type binding struct {
	*corev1.PodBinding
	key     string
	current *watchcache.Entry // the pod as last seen
	fresh   bool              // current is the store's own
	value   []byte            // what to write, marked
	mark    uint64
	result  *corev1.PodBindingResult
}

// bindPods binds pods to nodes. The pods that can be bound are written in one transaction; those that cannot,
// or that change while it is under way, are told apart and do not hold up the others.
func (r *resource) bindPods(ctx context.Context, req *corev1.BindPodsRequest) (*corev1.BindPodsResponse, error) {
	start := time.Now()
	if n := len(req.GetBindings()); n > maxBindings {
		return nil, apierror.BadRequest(fmt.Sprintf("%d bindings in one call; at most %d are taken", n, maxBindings))
	}
	dry, err := dryRun(req)
	if err != nil {
		return nil, err
	}
	allowed := map[string]bool{}
	all := make([]*binding, len(req.GetBindings()))
	seen := map[string]bool{}
	for i, b := range req.GetBindings() {
		if !allowed[b.GetNamespace()] {
			if err := r.authorize(ctx, authz.Attributes{
				Verb: metav1.Verb_VERB_CREATE, Subresource: "binding", Namespace: b.GetNamespace(), Name: b.GetName(),
			}); err != nil {
				return nil, err
			}
			allowed[b.GetNamespace()] = true
		}
		one := &binding{PodBinding: b}
		all[i] = one
		key, err := r.key(b.GetNamespace(), b.GetName())
		switch {
		case err != nil:
			one.refuse(err)
		case b.GetNodeName() == "":
			one.refuse(apierror.BadRequest("the binding names no node", apierror.FieldViolation{
				Field: fmt.Sprintf("bindings[%d].nodeName", i), Description: "must not be empty", Reason: "FieldValueRequired"}))
		case seen[key]:
			one.refuse(apierror.Conflict(r.kind.String(), b.GetNamespace(), b.GetName(), "an earlier binding of the same call names it too"))
		default:
			seen[key] = true
			one.key, one.current = key, r.cache.Get(key)
		}
	}
	if err := r.bindAll(ctx, all, dry); err != nil {
		return nil, err
	}
	resp := &corev1.BindPodsResponse{Results: make([]*corev1.PodBindingResult, len(all))}
	taken := 0
	for i, b := range all {
		resp.Results[i] = b.result
		if b.result.GetCode() == int32(codes.OK) {
			taken++
		}
	}
	r.audit.Info("write", "verb", "create", "kind", "pods.core/binding", "identity", caller(ctx).String(),
		"bound", taken, "refused", len(all)-taken, "dry_run", dry, "duration", time.Since(start))
	return resp, nil
}

func (r *resource) bindAll(ctx context.Context, all []*binding, dry bool) error {
	for range bindRounds {
		var ready, stale []*binding
		for _, b := range all {
			if b.result != nil {
				continue
			}
			switch err := r.tryBinding(b); {
			case err == nil && dry && b.fresh:
				b.result = &corev1.PodBindingResult{}
			case err == nil && !dry:
				ready = append(ready, b)
			case err != nil && b.fresh:
				b.refuse(err)
			default:
				stale = append(stale, b)
			}
		}
		if len(ready)+len(stale) == 0 {
			return nil
		}
		if err := r.refresh(ctx, stale); err != nil {
			return err
		}
		for len(ready) > 0 {
			n, size := 0, 0
			for n < len(ready) && (n == 0 || size+len(ready[n].value) <= maxBindBytes) {
				size += len(ready[n].value)
				n++
			}
			if err := r.writeBindings(ctx, ready[:n]); err != nil {
				return err
			}
			ready = ready[n:]
		}
	}
	for _, b := range all {
		if b.result == nil {
			b.refuse(apierror.Conflict(r.kind.String(), b.GetNamespace(), b.GetName(), ""))
		}
	}
	return nil
}

// tryBinding works out the bound pod, or why there will be none.
func (r *resource) tryBinding(b *binding) error {
	if b.current == nil {
		return r.notFound(b.GetNamespace(), b.GetName())
	}
	old := b.current.Object.(*corev1.Pod)
	refuse := func(message string) error {
		return apierror.FailedPrecondition(fmt.Sprintf("%s %q %s", r.kind, b.GetNamespace()+"/"+b.GetName(), message))
	}
	conflict := func(message string) error {
		return apierror.Conflict(r.kind.String(), b.GetNamespace(), b.GetName(), message)
	}
	switch {
	case b.GetUid() != "" && b.GetUid() != old.GetMetadata().GetUid():
		return conflict(fmt.Sprintf("its uid is %s, not %s: it is another pod of that name", old.GetMetadata().GetUid(), b.GetUid()))
	case old.GetSpec().GetNodeName() != "":
		return conflict(fmt.Sprintf("it is bound to node %q already", old.GetSpec().GetNodeName()))
	case old.GetMetadata().GetDeletionTimestamp() != nil:
		return refuse("is being deleted")
	case len(old.GetSpec().GetSchedulingGates()) > 0:
		var gates []string
		for _, g := range old.GetSpec().GetSchedulingGates() {
			gates = append(gates, g.GetName())
		}
		return refuse("is held back by scheduling gates: " + strings.Join(gates, ", "))
	}
	pod := clone(old).(*corev1.Pod)
	if pod.Spec == nil {
		pod.Spec = &corev1.PodSpec{}
	}
	pod.Spec.NodeName = b.GetNodeName()
	r.markScheduled(pod)
	value, err := r.encode(pod)
	if err != nil {
		return err
	}
	b.value, b.mark = r.marked(value)
	return nil
}

// markScheduled sets the condition that tells of the binding.
func (r *resource) markScheduled(pod *corev1.Pod) {
	if pod.Status == nil {
		pod.Status = &corev1.PodStatus{}
	}
	scheduled := &corev1.PodCondition{
		Type: "PodScheduled", Status: "True", LastTransitionTime: timestamp(r.cfg.Now()),
		ObservedGeneration: pod.GetMetadata().GetGeneration(),
	}
	at := slices.IndexFunc(pod.Status.Conditions, func(c *corev1.PodCondition) bool { return c.GetType() == scheduled.Type })
	if at < 0 {
		pod.Status.Conditions = append(pod.Status.Conditions, scheduled)
		return
	}
	pod.Status.Conditions[at] = scheduled
}

// refresh reads pods from the store, since what the cache has would have them refused.
func (r *resource) refresh(ctx context.Context, stale []*binding) error {
	if len(stale) == 0 {
		return nil
	}
	req := &storev1.TxnRequest{}
	for _, b := range stale {
		req.Success = append(req.Success, lookup(b.key))
	}
	resp, _, err := r.txn(ctx, req)
	if err != nil {
		return err
	}
	return r.look(stale, resp.GetResults())
}

func (r *resource) look(bindings []*binding, results []*storev1.OpResult) (err error) {
	for i, b := range bindings {
		if b.current, err = r.found(results[i]); err != nil {
			return err
		}
		b.fresh = true
	}
	return nil
}

// writeBindings writes all of them or none; when none, they have been read again.
func (r *resource) writeBindings(ctx context.Context, bindings []*binding) error {
	req := &storev1.TxnRequest{}
	for _, b := range bindings {
		op, err := r.put(ctx, b.key, b.value)
		if err != nil {
			return err
		}
		req.Compares = append(req.Compares, unchanged(b.key, b.current.Revision))
		req.Success = append(req.Success, op)
		req.Failure = append(req.Failure, lookup(b.key))
	}
	base := r.cfg.Caches.Revision() // the writes come after it
	resp, resent, err := r.txn(ctx, req)
	if err != nil {
		return err
	}
	if !resp.GetSucceeded() {
		for _, b := range bindings {
			if !resent {
				break
			}
			e, err := r.settle(ctx, b.key, base, b.mark, resp.GetRevision())
			if err != nil {
				return err
			}
			if e != nil {
				b.result = bound(e.Revision)
			}
		}
		return r.look(bindings, resp.GetResults())
	}
	for _, b := range bindings {
		b.result = bound(resp.GetRevision())
	}
	return nil
}

func bound(revision int64) *corev1.PodBindingResult {
	return &corev1.PodBindingResult{ResourceVersion: formatVersion(revision)}
}

func (b *binding) refuse(err error) {
	b.result = &corev1.PodBindingResult{
		Code: int32(apierror.Code(err)), Message: err.Error(), Reason: string(apierror.ReasonOf(err)),
	}
}
