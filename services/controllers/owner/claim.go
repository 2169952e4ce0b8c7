package owner

import (
	"context"
	"errors"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/kind"

	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/labels"
)

// Names of the indexes that Claim reads.
const (
	IndexController = "controller"
	IndexOrphans    = "orphans"
)

// AddIndexes gives an informer the indexes that Claim reads.
func AddIndexes[T kind.Object](i *client.Informer[T]) {
	i.AddIndex(IndexController, ByController[T])
	i.AddIndex(IndexOrphans, Orphans[T])
}

// Claim returns the objects that a controller object controls, after it has adopted the orphans that its selector matches and
// released what it no longer matches. Before the first adoption, fresh reads the owner from the API, not from a cache: an
// owner that was deleted, or replaced by another of its name, must not take anything. The objects are shared with the
// informer but for those adopted just now.
func Claim[T kind.Object](ctx context.Context, children *client.Informer[T], by kind.Object, selector labels.Selector, fresh func(context.Context) (kind.Object, error)) ([]T, error) {
	m := by.GetMetadata()
	ending := m.GetDeletionTimestamp() != nil
	var claimed []T
	var errs []error
	for _, child := range children.ByIndex(IndexController, m.GetUid()) {
		if child.GetMetadata().GetNamespace() != m.GetNamespace() {
			continue
		}
		if ending || selector.Matches(labels.Set(child.GetMetadata().GetLabels())) || child.GetMetadata().GetDeletionTimestamp() != nil {
			claimed = append(claimed, child)
			continue
		}
		if err := release(ctx, children.Resource(), child, m.GetUid()); err != nil {
			errs = append(errs, err)
		}
	}
	if ending {
		return claimed, errors.Join(errs...)
	}
	checked := false
	for _, child := range children.ByIndex(IndexOrphans, m.GetNamespace()) {
		if child.GetMetadata().GetDeletionTimestamp() != nil || !selector.Matches(labels.Set(child.GetMetadata().GetLabels())) {
			continue
		}
		if !checked {
			now, err := fresh(ctx)
			if err != nil {
				return claimed, errors.Join(append(errs, err)...)
			}
			if now.GetMetadata().GetUid() != m.GetUid() || now.GetMetadata().GetDeletionTimestamp() != nil {
				return claimed, errors.Join(errs...)
			}
			checked = true
		}
		adopted, err := adopt(ctx, children.Resource(), child, by)
		switch {
		case err == nil:
			claimed = append(claimed, adopted)
		case !apierror.IsNotFound(err):
			errs = append(errs, err)
		}
	}
	return claimed, errors.Join(errs...)
}

func adopt[T kind.Object](ctx context.Context, r *client.Resource[T], child T, by kind.Object) (T, error) {
	next := proto.Clone(child).(T)
	m := kind.Metadata(next)
	m.OwnerReferences = append(m.OwnerReferences, Reference(by))
	return r.Update(ctx, next)
}

func release[T kind.Object](ctx context.Context, r *client.Resource[T], child T, uid string) error {
	next := proto.Clone(child).(T)
	m := kind.Metadata(next)
	m.OwnerReferences = Without(m.OwnerReferences, uid)
	_, err := r.Update(ctx, next)
	if apierror.IsNotFound(err) {
		return nil
	}
	return err
}
