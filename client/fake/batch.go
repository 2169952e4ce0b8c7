package fake

import (
	"context"
	"fmt"

	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/kind"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// maxBatch is how many operations a batch may have, as in the proto file.
const maxBatch = 1000

// batch carries out writes one after the other, whatever the order asked for: all orders allow that.
func (s *Server) batch(ctx context.Context, r *apiv1.ResourceServiceBatchRequest) (proto.Message, error) {
	if n := len(r.GetOperations()); n == 0 || n > maxBatch {
		return nil, apierror.BadRequest(fmt.Sprintf("%d operations in one batch; 1 to %d are taken", n, maxBatch))
	}
	response := &apiv1.ResourceServiceBatchResponse{}
	for i, op := range r.GetOperations() {
		result := s.operation(ctx, op, r)
		response.Results = append(response.Results, result)
		if result.GetError() == nil {
			continue
		}
		response.Failed++
		if r.GetOrder() == apiv1.BatchOrder_BATCH_ORDER_UNTIL_ERROR {
			for range r.GetOperations()[i+1:] {
				response.Failed++
				response.Results = append(response.Results, &apiv1.BatchResult{Error: operationError(&apierror.Error{
					Reason: apierror.ReasonCanceled, Message: fmt.Sprintf("not carried out: operation %d failed before it", i),
				})})
			}
			break
		}
	}
	return response, nil
}

func (s *Server) operation(ctx context.Context, op *apiv1.BatchOperation, r *apiv1.ResourceServiceBatchRequest) *apiv1.BatchResult {
	request, subresource := single(op, r.GetDryRun())
	if request == nil {
		return &apiv1.BatchResult{Error: operationError(apierror.BadRequest("the operation says nothing to do"))}
	}
	answer, err := s.generic(ctx, subresource, request)
	if err != nil {
		return &apiv1.BatchResult{Error: operationError(err)}
	}
	result := &apiv1.BatchResult{}
	switch a := answer.(type) {
	case *metav1.Status: // of a delete
		result.Uid = a.GetDetails().GetUid()
		return result
	case *anypb.Any:
		if op.GetDelete() == nil && !r.GetOmitObjects() {
			result.Object = a
		}
		answer, err = a.UnmarshalNew()
		if err != nil {
			return &apiv1.BatchResult{Error: operationError(apierror.Internal(err))}
		}
	}
	if object, ok := answer.(kind.Object); ok {
		result.Uid = object.GetMetadata().GetUid()
		if op.GetDelete() == nil {
			result.ResourceVersion = object.GetMetadata().GetResourceVersion()
			s.mu.Lock()
			if s.warnings != nil {
				result.Warnings = s.warnings(object)
			}
			s.mu.Unlock()
		}
	}
	return result
}

// single is the request of an operation by itself, a copy, with the dry run of the whole batch if it has one.
func single(op *apiv1.BatchOperation, dry []string) (request proto.Message, subresource string) {
	op = proto.CloneOf(op)
	var options *[]string
	switch o := op.GetOperation().(type) {
	case *apiv1.BatchOperation_Create:
		if o.Create.Options == nil {
			o.Create.Options = &metav1.CreateOptions{}
		}
		request, options = o.Create, &o.Create.Options.DryRun
	case *apiv1.BatchOperation_Update:
		if o.Update.Options == nil {
			o.Update.Options = &metav1.UpdateOptions{}
		}
		request, options = o.Update, &o.Update.Options.DryRun
	case *apiv1.BatchOperation_UpdateStatus:
		if o.UpdateStatus.Options == nil {
			o.UpdateStatus.Options = &metav1.UpdateOptions{}
		}
		request, options, subresource = o.UpdateStatus, &o.UpdateStatus.Options.DryRun, "status"
	case *apiv1.BatchOperation_Patch:
		if o.Patch.GetRequest().GetOptions() == nil {
			o.Patch.Request.Options = &metav1.PatchOptions{}
		}
		request, options = o.Patch, &o.Patch.Request.Options.DryRun
	case *apiv1.BatchOperation_Apply:
		if o.Apply.GetRequest().GetOptions() == nil {
			o.Apply.Request.Options = &metav1.ApplyOptions{}
		}
		request, options = o.Apply, &o.Apply.Request.Options.DryRun
	case *apiv1.BatchOperation_Delete:
		if o.Delete.GetRequest().GetOptions() == nil {
			o.Delete.Request.Options = &metav1.DeleteOptions{}
		}
		request, options = o.Delete, &o.Delete.Request.Options.DryRun
	}
	if len(dry) > 0 && options != nil {
		*options = dry
	}
	return request, subresource
}

// operationError is an error as the method alone would have ended with.
func operationError(err error) *apiv1.OperationError {
	s := status.Convert(apierror.ToStatus(err)).Proto()
	return &apiv1.OperationError{Code: s.GetCode(), Message: s.GetMessage(), Details: s.GetDetails()}
}
