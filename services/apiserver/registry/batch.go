package registry

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"kaji.dev/kaji/apierror"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/kind"
)

const (
	// writers bounds how many operations of a batch are under way at once: enough for the store to put them into few commits.
	writers = 64
	// maxBatch is how many operations a batch may have; the proto file has it too, for those who come through gRPC.
	maxBatch = 1000
)

// operation is one write of a batch.
type operation struct {
	index  int
	target string // what it writes; empty when that is not known beforehand
	do     func(ctx context.Context) (*result, string, error)
}

// batch carries out many writes, each as its own method does it. It is no transaction.
func (r *Registry) batch(ctx context.Context, m proto.Message) (any, error) {
	req := m.(*apiv1.ResourceServiceBatchRequest)
	if n := len(req.GetOperations()); n > maxBatch {
		return nil, apierror.BadRequest(fmt.Sprintf("%d operations in one batch; at most %d are taken", n, maxBatch))
	}
	if _, err := dryRun(req); err != nil {
		return nil, err
	}
	resp := &apiv1.ResourceServiceBatchResponse{Results: make([]*apiv1.BatchResult, len(req.GetOperations()))}
	operations := make([]operation, len(resp.Results))
	for i, op := range req.GetOperations() {
		operations[i] = r.operation(op, req.GetDryRun())
		operations[i].index = i
	}
	carry := func(op operation) bool {
		one := r.carryOut(ctx, op, req.GetOmitObjects())
		resp.Results[op.index] = one
		return one.GetError() == nil
	}
	switch req.GetOrder() {
	case apiv1.BatchOrder_BATCH_ORDER_UNSPECIFIED:
		atOnce(operations, carry)
	default:
		for i, op := range operations {
			if !carry(op) && req.GetOrder() == apiv1.BatchOrder_BATCH_ORDER_UNTIL_ERROR {
				notCarriedOut(resp.Results, i)
				break
			}
		}
	}
	for _, one := range resp.Results {
		if one.GetError() != nil {
			resp.Failed++
		}
	}
	return resp, nil
}

// notCarriedOut marks the operations behind one that failed.
func notCarriedOut(results []*apiv1.BatchResult, failed int) {
	for i := failed + 1; i < len(results); i++ {
		results[i] = &apiv1.BatchResult{Error: operationError(&apierror.Error{
			Reason: apierror.ReasonCanceled, Message: fmt.Sprintf("not carried out: operation %d failed before it", failed),
		})}
	}
}

// atOnce carries out operations many at a time, those with the same target one after the other.
func atOnce(operations []operation, carry func(operation) bool) {
	chains, byTarget := make([][]operation, 0, len(operations)), map[string]int{}
	for _, op := range operations {
		at, known := byTarget[op.target]
		if op.target == "" || !known {
			byTarget[op.target] = len(chains)
			chains = append(chains, []operation{op})
			continue
		}
		chains[at] = append(chains[at], op)
	}
	var (
		running sync.WaitGroup
		next    atomic.Int64
	)
	for range min(writers, len(chains)) {
		running.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(chains) {
					return
				}
				for _, op := range chains[i] {
					carry(op)
				}
			}
		})
	}
	running.Wait()
}

// carryOut does one write. A panic is that write's error: it must not take the server along.
func (r *Registry) carryOut(ctx context.Context, op operation, omit bool) (out *apiv1.BatchResult) {
	out = &apiv1.BatchResult{}
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("panic in a batch", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			out = &apiv1.BatchResult{Error: operationError(status.Error(codes.Internal, "internal error: the operation panicked; see the server's log"))}
		}
	}()
	if err := ctx.Err(); err != nil {
		out.Error = operationError(err)
		return out
	}
	ctx, warned := collectWarnings(ctx)
	res, url, err := op.do(ctx)
	out.Warnings = warned()
	if err != nil {
		out.Error = operationError(err)
		return out
	}
	out.Uid = res.object.GetMetadata().GetUid()
	if url == "" {
		return out
	}
	if res.revision > 0 {
		out.ResourceVersion = formatVersion(res.revision)
	}
	if !omit {
		out.Object = &anypb.Any{TypeUrl: url, Value: res.raw}
	}
	return out
}

// operationError is an error as the method alone would have ended with.
func operationError(err error) *apiv1.OperationError {
	s := status.Convert(apierror.ToStatus(err)).Proto()
	return &apiv1.OperationError{Code: s.GetCode(), Message: s.GetMessage(), Details: s.GetDetails()}
}

// operation reads a write. What is wrong with it is its own error.
func (r *Registry) operation(op *apiv1.BatchOperation, dry []string) operation {
	if len(dry) > 0 {
		op = onlyTried(op, dry)
	}
	switch o := op.GetOperation().(type) {
	case *apiv1.BatchOperation_Create:
		return r.onObject(o.Create.GetObject(), func(ctx context.Context, res *resource, object kind.Object) (*result, error) {
			return res.create(ctx, object, o.Create.GetOptions())
		})
	case *apiv1.BatchOperation_Update:
		return r.onObject(o.Update.GetObject(), func(ctx context.Context, res *resource, object kind.Object) (*result, error) {
			return res.update(ctx, object, "", o.Update.GetOptions())
		})
	case *apiv1.BatchOperation_UpdateStatus:
		return r.onObject(o.UpdateStatus.GetObject(), func(ctx context.Context, res *resource, object kind.Object) (*result, error) {
			if res.status == nil {
				return nil, apierror.BadRequest(res.kind.String() + " have no status to update")
			}
			return res.update(ctx, object, statusSubresource, o.UpdateStatus.GetOptions())
		})
	case *apiv1.BatchOperation_Patch:
		req := o.Patch.GetRequest()
		return r.onName(o.Patch.GetType(), req, func(ctx context.Context, res *resource) (*result, error) { return res.patch(ctx, req) })
	case *apiv1.BatchOperation_Apply:
		req := o.Apply.GetRequest()
		return r.onName(o.Apply.GetType(), req, func(ctx context.Context, res *resource) (*result, error) { return res.apply(ctx, req) })
	case *apiv1.BatchOperation_Delete:
		req := o.Delete.GetRequest()
		one := r.onName(o.Delete.GetType(), req, func(ctx context.Context, res *resource) (*result, error) { return res.remove(ctx, req) })
		do := one.do
		one.do = func(ctx context.Context) (*result, string, error) {
			res, _, err := do(ctx)
			return res, "", err // there is no object left to answer
		}
		return one
	}
	return refused(apierror.BadRequest("the operation says nothing to do"))
}

func refused(err error) operation {
	return operation{do: func(context.Context) (*result, string, error) { return nil, "", err }}
}

// onObject is a write of an object that comes with it.
func (r *Registry) onObject(a *anypb.Any, write func(context.Context, *resource, kind.Object) (*result, error)) operation {
	res, o, err := r.unpack(a)
	if err != nil {
		return refused(err)
	}
	op := operation{do: func(ctx context.Context) (*result, string, error) {
		out, err := write(ctx, res, o)
		return out, res.typeURL, err
	}}
	if m := o.GetMetadata(); m.GetName() != "" {
		op.target = res.kind.Key(m.GetNamespace(), m.GetName())
	}
	return op
}

// named are the requests that name one object.
type named interface {
	GetNamespace() string
	GetName() string
}

// onName is a write of an object that its request names.
func (r *Registry) onName(message string, req named, write func(context.Context, *resource) (*result, error)) operation {
	res, err := r.resource(message)
	if err != nil {
		return refused(err)
	}
	return operation{
		target: res.kind.Key(req.GetNamespace(), req.GetName()),
		do: func(ctx context.Context) (*result, string, error) {
			out, err := write(ctx, res)
			return out, res.typeURL, err
		},
	}
}

// onlyTried is an operation with the dry run of the whole batch.
func onlyTried(op *apiv1.BatchOperation, dry []string) *apiv1.BatchOperation {
	op = proto.CloneOf(op)
	switch o := op.GetOperation().(type) {
	case *apiv1.BatchOperation_Create:
		if o.Create.Options == nil {
			o.Create.Options = &metav1.CreateOptions{}
		}
		o.Create.Options.DryRun = dry
	case *apiv1.BatchOperation_Update:
		o.Update.Options = triedUpdate(o.Update.GetOptions(), dry)
	case *apiv1.BatchOperation_UpdateStatus:
		o.UpdateStatus.Options = triedUpdate(o.UpdateStatus.GetOptions(), dry)
	case *apiv1.BatchOperation_Patch:
		if o.Patch.Request.Options == nil {
			o.Patch.Request.Options = &metav1.PatchOptions{}
		}
		o.Patch.Request.Options.DryRun = dry
	case *apiv1.BatchOperation_Apply:
		if o.Apply.Request.Options == nil {
			o.Apply.Request.Options = &metav1.ApplyOptions{}
		}
		o.Apply.Request.Options.DryRun = dry
	case *apiv1.BatchOperation_Delete:
		if o.Delete.Request.Options == nil {
			o.Delete.Request.Options = &metav1.DeleteOptions{}
		}
		o.Delete.Request.Options.DryRun = dry
	}
	return op
}

func triedUpdate(o *metav1.UpdateOptions, dry []string) *metav1.UpdateOptions {
	if o == nil {
		o = &metav1.UpdateOptions{}
	}
	o.DryRun = dry
	return o
}
