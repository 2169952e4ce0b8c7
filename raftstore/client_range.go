package raftstore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// errNoStream says that a member knows Range alone.
var errNoStream = errors.New("the member does not stream ranges")

// RangeStream implements Store. When the member is lost the rest is read at another, at the same revision.
func (c *Client) RangeStream(ctx context.Context, req *storev1.RangeRequest) iter.Seq2[*storev1.RangeResponse, error] {
	return func(yield func(*storev1.RangeResponse, error) bool) {
		c.streamRange(ctx, req, 0, yield)
	}
}

// Range implements Store.
func (c *Client) Range(ctx context.Context, req *storev1.RangeRequest) (*storev1.RangeResponse, error) {
	if !largeRange(req) {
		return c.rangeOnce(ctx, req)
	}
	// What may be large comes in pieces, which are decoded while the next ones are on their way.
	res := &storev1.RangeResponse{}
	var failed error
	c.streamRange(ctx, req, mvcc.MaxRangeBytes, func(piece *storev1.RangeResponse, err error) bool {
		if failed = err; err == nil {
			res.Revision, res.Count, res.More = piece.Revision, piece.Count, piece.More
			res.Kvs = append(res.Kvs, piece.Kvs...)
		}
		return true
	})
	if failed != nil {
		return nil, failed
	}
	return res, nil
}

func (c *Client) rangeOnce(ctx context.Context, req *storev1.RangeRequest) (*storev1.RangeResponse, error) {
	if req.GetMaxStaleness().AsDuration() > 0 {
		// The leader has enough to do; it is asked when the other member cannot help.
		if r, err := c.rangeAtFollower(ctx, req); !errors.Is(err, ErrUnavailable) {
			return r, err
		}
	}
	return retryVia(ctx, c, func(address string, client storev1.StoreServiceClient) (*storev1.RangeResponse, error) {
		r, err := c.exchanges.get(ctx, address, req, c.cfg.AttemptTimeout, neverGone)
		if !errors.Is(err, errUnary) {
			return r, err
		}
		return attempt(ctx, c, address, client, false, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.RangeResponse, error) {
			return s.Range(ctx, req)
		})
	})
}

// rangeAtFollower asks a member that does not lead, always the same one while members and leader stay.
func (c *Client) rangeAtFollower(ctx context.Context, req *storev1.RangeRequest) (*storev1.RangeResponse, error) {
	leader, _, err := c.target(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	followers := slices.DeleteFunc(slices.Clone(c.addresses), func(address string) bool { return address == leader || address == c.leader })
	c.mu.Unlock()
	if len(followers) == 0 {
		return nil, ErrUnavailable
	}
	address := followers[c.choice%len(followers)]
	conn, err := c.peers.get(address)
	if err != nil {
		return nil, &Error{Reason: Unavailable, Message: err.Error()}
	}
	r, err := c.exchanges.get(ctx, address, req, c.cfg.AttemptTimeout, neverGone)
	if !errors.Is(err, errUnary) {
		return r, err
	}
	return attempt(ctx, c, address, storev1.NewStoreServiceClient(conn), false, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.RangeResponse, error) {
		return s.Range(ctx, req)
	})
}

// streamRange reads a range of at most maxBytes, when that is not 0, in pieces.
func (c *Client) streamRange(ctx context.Context, req *storev1.RangeRequest, maxBytes int64, yield func(*storev1.RangeResponse, error) bool) {
	if err := mvcc.ValidateRange(req.GetKey(), req.GetRangeEnd()); err != nil {
		yield(nil, err)
		return
	}
	r := &rangeReader{client: c, ask: &storev1.RangeStreamRequest{Range: proto.CloneOf(req), MaxBytes: maxBytes}, yield: yield}
	begin := time.Now()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		address, client, err := c.target(ctx)
		if err == nil {
			before := r.told
			err = r.read(ctx, client)
			if r.told > before {
				begin, pause = time.Now(), firstPause
			}
		}
		switch {
		case err == nil:
			return
		case errors.Is(err, errNoStream):
			r.readPages(ctx)
			return
		case !errors.Is(err, ErrUnavailable):
			yield(nil, err)
			return
		}
		c.failed(address)
		if time.Since(begin) > c.cfg.Patience {
			yield(nil, err)
			return
		}
		if err := sleep(ctx, pause); err != nil {
			yield(nil, err)
			return
		}
	}
}

// rangeReader reads one range, at one member after the other if need be.
type rangeReader struct {
	client *Client
	// ask is for what has not been read yet.
	ask   *storev1.RangeStreamRequest
	yield func(*storev1.RangeResponse, error) bool
	// told counts the keys read, before those of them that the member that is read from was not asked for. revision is what
	// all of them are of.
	told, before, revision int64
	// full: there can be no more keys, and what is left to be known is the count. counting: that is what is asked for now.
	full, counting bool
}

// read reads from a member until it has sent the last piece, or the caller wants no more.
func (r *rangeReader) read(ctx context.Context, client storev1.StoreServiceClient) error {
	callCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.before, r.counting = r.told, r.full
	// A member that hangs is given up; a caller that takes its time is not.
	patience := time.AfterFunc(r.client.cfg.AttemptTimeout, cancel)
	defer patience.Stop()
	stream, err := client.RangeStream(callCtx, r.ask, grpc.ForceCodecV2(rangeCodec{newCodec()}))
	if err != nil {
		return fromStatus(ctx, err, true, false)
	}
	for {
		res, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return &Error{Reason: Unavailable, Message: "the member ended the range before its last piece"}
		case status.Code(err) == codes.Unimplemented:
			return errNoStream
		case err != nil:
			return fromStatus(ctx, err, true, false)
		}
		patience.Stop()
		if !r.take(res) || res.Last {
			return nil
		}
		patience.Reset(r.client.cfg.AttemptTimeout)
	}
}

// readPages reads from members that know Range alone, which ends an answer by itself.
func (r *rangeReader) readPages(ctx context.Context) {
	for {
		r.before = r.told
		left := r.ask.Range.Limit
		res, err := r.client.rangeOnce(ctx, r.ask.Range)
		if err != nil {
			r.yield(nil, err)
			return
		}
		last := !res.More || r.ask.MaxBytes > 0 || (left > 0 && int64(len(res.Kvs)) >= left)
		if !r.take(&storev1.RangeStreamResponse{Revision: res.Revision, Kvs: res.Kvs, More: res.More, Count: res.Count, Last: last}) || last {
			return
		}
	}
}

// take hands a piece to the caller, and asks no more for what is in it. It says whether the caller wants more.
func (r *rangeReader) take(piece *storev1.RangeStreamResponse) bool {
	if r.revision == 0 {
		r.revision = piece.Revision
	}
	res := &storev1.RangeResponse{Revision: r.revision, Kvs: piece.Kvs}
	if piece.Last {
		res.More, res.Count = piece.More || (r.counting && piece.Count > 0), piece.Count+r.before
	}
	r.told += int64(len(piece.Kvs))
	r.advance(piece)
	return r.yield(res, nil)
}

// advance makes the request one for what comes after a piece, at the same revision, should it have to be sent again.
func (r *rangeReader) advance(piece *storev1.RangeStreamResponse) {
	ask := r.ask.Range
	if ask.Revision == 0 {
		ask.Revision = r.revision
	}
	ask.Serializable = false // A member that lags may not have got to the revision.
	if len(piece.Kvs) == 0 {
		return
	}
	ask.Key = append(bytes.Clone(piece.Kvs[len(piece.Kvs)-1].Key), 0)
	if len(ask.RangeEnd) == 0 {
		ask.RangeEnd = ask.Key // Nothing is left of a single key.
	}
	if ask.Limit > 0 {
		ask.Limit -= int64(len(piece.Kvs))
		r.full = r.full || ask.Limit <= 0
	}
	if r.ask.MaxBytes > 0 {
		for _, kv := range piece.Kvs {
			r.ask.MaxBytes -= int64(len(kv.Key) + len(kv.Value))
		}
		r.full = r.full || r.ask.MaxBytes <= 0
	}
	if r.full {
		ask.CountOnly, ask.Limit, r.ask.MaxBytes = true, 0, 0
	}
}
