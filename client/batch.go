package client

import (
	"context"
	"fmt"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/genproto/googleapis/rpc/status"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	// batchOperations and batchBytes bound one call; the server takes no more operations, and larger messages would hold up others
	// on the connection.
	batchOperations = 1000
	batchBytes      = 1 << 20
)

// Batch gathers writes of any kinds, which Run then sends in few calls. It is no transaction: each write is authorized, admitted,
// validated and stored by itself, and one that fails keeps no other. The order of the results is that in which the writes were added.
// A batch may be run again, which does everything again. It is not for concurrent use.
type Batch struct {
	api        apiv1.ResourceServiceClient
	operations []*apiv1.BatchOperation
	// refused are the writes that could not even be encoded.
	refused map[int]error
}

// BatchOptions say how a batch is carried out. The zero value is many at a time, objects answered.
type BatchOptions struct {
	// Order: many at a time, but those on one object one after the other (the zero value); one after the other; or one after
	// the other until one fails, with those behind it not carried out.
	Order apiv1.BatchOrder
	// DryRun is ["All"] to store nothing.
	DryRun []string
	// OmitObjects leaves the stored objects out of the answer, for those who need to know only whether it worked.
	OmitObjects bool
}

// BatchResult is what became of one write.
type BatchResult struct {
	// Err is why it failed, an *apierror.Error as the method alone would have given; nil when it did not.
	Err error
	// Object is what was stored; nil after a delete, with OmitObjects, and for kinds that this program was not compiled with.
	Object kind.Object
	// UID of what was written or deleted, and the ResourceVersion at which it was stored, which is empty after a delete and a dry run.
	UID, ResourceVersion string
	// Warnings are what the server said of it, as WithWarnings tells of single calls.
	Warnings []string
}

// NewBatch makes an empty batch.
func NewBatch(c *Client) *Batch {
	return &Batch{api: apiv1.NewResourceServiceClient(c.conn), refused: map[int]error{}}
}

// Len is how many writes were added.
func (b *Batch) Len() int { return len(b.operations) }

// Create adds the storing of a new object; options may be nil.
func (b *Batch) Create(object kind.Object, options *metav1.CreateOptions) {
	packed, err := Pack(object)
	b.add(&apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Create{Create: &apiv1.ResourceServiceCreateRequest{Object: packed, Options: options}}}, err)
}

// Update adds the replacing of an object; options may be nil.
func (b *Batch) Update(object kind.Object, options *metav1.UpdateOptions) {
	packed, err := Pack(object)
	b.add(&apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Update{Update: &apiv1.ResourceServiceUpdateRequest{Object: packed, Options: options}}}, err)
}

// UpdateStatus adds the replacing of an object's status; options may be nil.
func (b *Batch) UpdateStatus(object kind.Object, options *metav1.UpdateOptions) {
	packed, err := Pack(object)
	b.add(&apiv1.BatchOperation{Operation: &apiv1.BatchOperation_UpdateStatus{UpdateStatus: &apiv1.ResourceServiceUpdateRequest{Object: packed, Options: options}}}, err)
}

// Patch adds a change of a part of an object of kind k.
func (b *Batch) Patch(k *kind.Kind, request *metav1.PatchRequest) {
	b.add(&apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Patch{Patch: &apiv1.ResourceServicePatchRequest{Type: string(k.Message), Request: request}}}, nil)
}

// Apply adds the declaring of an object's fields; see Resource.Apply.
func (b *Batch) Apply(k *kind.Kind, request *metav1.ApplyRequest) {
	b.add(&apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Apply{Apply: &apiv1.ResourceServiceApplyRequest{Type: string(k.Message), Request: request}}}, nil)
}

// Delete adds the removal of an object of kind k; options may be nil.
func (b *Batch) Delete(k *kind.Kind, namespace, name string, options *metav1.DeleteOptions) {
	request := &metav1.DeleteRequest{Namespace: namespace, Name: name, Options: options}
	b.add(&apiv1.BatchOperation{Operation: &apiv1.BatchOperation_Delete{Delete: &apiv1.ResourceServiceDeleteRequest{Type: string(k.Message), Request: request}}}, nil)
}

func (b *Batch) add(op *apiv1.BatchOperation, err error) {
	if err != nil {
		b.refused[len(b.operations)] = err
	}
	b.operations = append(b.operations, op)
}

// Run carries the writes out, in as few calls as their number and size allow, one call after the other. There is a result for each
// write. The error is set when a call as a whole failed; the writes of that call, which may or may not have been
// carried out, and those behind it, which have not, have it in their results too.
func (b *Batch) Run(ctx context.Context, options BatchOptions) ([]BatchResult, error) {
	results := make([]BatchResult, len(b.operations))
	if len(b.refused) > 0 {
		// Nothing is sent, as the writes that were meant to come one after the other would have a gap.
		for i := range results {
			results[i].Err = b.refused[i]
			if results[i].Err == nil {
				results[i].Err = canceled("not carried out: another write of the batch cannot be encoded")
			}
		}
		return results, apierror.BadRequest(fmt.Sprintf("%d of %d writes cannot be encoded", len(b.refused), len(results)))
	}
	tell, _ := ctx.Value(warningsKey{}).(func(string))
	for from := 0; from < len(results); {
		to := b.next(from)
		answer, err := b.api.Batch(ctx, &apiv1.ResourceServiceBatchRequest{
			Operations: b.operations[from:to], Order: options.Order, DryRun: options.DryRun, OmitObjects: options.OmitObjects,
		})
		if err == nil && len(answer.GetResults()) != to-from {
			err = apierror.Internal(fmt.Errorf("%d results for %d writes", len(answer.GetResults()), to-from))
		}
		if err != nil {
			err = apierror.FromStatus(err)
			for i := from; i < len(results); i++ {
				results[i].Err = err
			}
			return results, err
		}
		for i, r := range answer.GetResults() {
			results[from+i] = resultOf(r)
			for _, text := range r.GetWarnings() {
				if tell != nil {
					tell(text)
				}
			}
		}
		if options.Order == apiv1.BatchOrder_BATCH_ORDER_UNTIL_ERROR && answer.GetFailed() > 0 {
			for i := to; i < len(results); i++ {
				results[i].Err = canceled("not carried out: a write before it failed")
			}
			return results, nil
		}
		from = to
	}
	return results, nil
}

// next is where the call that begins with operation from ends.
func (b *Batch) next(from int) int {
	size := 0
	for i := from; i < len(b.operations); i++ {
		size += proto.Size(b.operations[i])
		if i > from && (size > batchBytes || i-from == batchOperations) {
			return i
		}
	}
	return len(b.operations)
}

func canceled(message string) error {
	return &apierror.Error{Reason: apierror.ReasonCanceled, Message: message}
}

func resultOf(r *apiv1.BatchResult) BatchResult {
	out := BatchResult{UID: r.GetUid(), ResourceVersion: r.GetResourceVersion(), Warnings: r.GetWarnings()}
	if e := r.GetError(); e != nil {
		out.Err = apierror.FromStatus(grpcstatus.FromProto(&status.Status{Code: e.GetCode(), Message: e.GetMessage(), Details: e.GetDetails()}).Err())
		return out
	}
	if r.GetObject() != nil && kind.ByMessage(r.GetObject().MessageName()) != nil {
		out.Object, out.Err = Unpack(r.GetObject())
	}
	return out
}
