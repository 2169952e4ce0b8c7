package raftstore

import (
	"context"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// Hash gives a checksum of what this member has applied. Whoever asks says with ctx how long it may take. Writes go on
// beside it: it walks a view.
func (m *Member) Hash(ctx context.Context, req *storev1.HashRequest) (*storev1.HashResponse, error) {
	// A second walk beside the first would only slow both down.
	select {
	case m.hashing <- struct{}{}:
		defer func() { <-m.hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := m.waitRevision(ctx, req.GetRevision()); err != nil {
		return nil, err
	}
	rev, sum, keys, err := m.state.View().Hash(ctx, req.GetRevision())
	if err != nil {
		return nil, err
	}
	return &storev1.HashResponse{MemberId: m.cfg.ID, Revision: rev, Sha256: sum, Keys: keys}, nil
}
