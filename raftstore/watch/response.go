package watch

import (
	"google.golang.org/protobuf/encoding/protowire"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
)

// Response is what a watch, or several of a session, are told at one time.
type Response struct {
	// IDs are the watches of the session that it is for; none outside of one. It must not be changed.
	IDs []int64
	// Revision is the revision up to which everything has been told with it.
	Revision int64

	batches []*batch
}

// Message gives the response as the contract has it. The events are shared with others and must not be changed.
func (r *Response) Message() *storev1.WatchResponse {
	res := &storev1.WatchResponse{Revision: r.Revision}
	switch len(r.batches) {
	case 0:
	case 1:
		res.Events = r.batches[0].events
	default:
		n := 0
		for _, b := range r.batches {
			n += len(b.events)
		}
		res.Events = make([]*storev1.Event, 0, n)
		for _, b := range r.batches {
			res.Events = append(res.Events, b.events...)
		}
	}
	return res
}

// Wire gives the response as an encoded WatchResponse, in pieces that are shared with others and must not be changed.
func (r *Response) Wire() ([][]byte, error) {
	parts := make([][]byte, 1, 1+len(r.batches))
	parts[0] = protowire.AppendTag(make([]byte, 0, 12), fieldRevision, protowire.VarintType)
	parts[0] = protowire.AppendVarint(parts[0], uint64(r.Revision))
	for _, b := range r.batches {
		raw, err := b.wire()
		if err != nil {
			return nil, err
		}
		parts = append(parts, raw)
	}
	return parts, nil
}
