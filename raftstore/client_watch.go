package raftstore

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// Watch implements Store. When the member is lost the watch goes on at another, from where it was.
func (c *Client) Watch(ctx context.Context, req *storev1.WatchRequest) (Watcher, error) {
	if err := mvcc.ValidateRange(req.GetKey(), req.GetRangeEnd()); err != nil {
		return nil, err
	}
	w := &clientWatcher{client: c, ctx: ctx, req: proto.CloneOf(req)}
	// Sent right away, so that a watch from now on begins now and not with the first Recv. What
	// goes wrong here goes wrong again, and is told, in Recv.
	_ = w.open()
	return w, nil
}

// clientWatcher is a watch that outlives the member that serves it.
type clientWatcher struct {
	client *Client
	ctx    context.Context
	req    *storev1.WatchRequest

	// source is where it is watched now, at address.
	source  watchSource
	address string
	// told is the revision up to which everything has been handed out.
	told int64
	// stood: the first response has been handed out. resumed: the next response is the first of a
	// source that goes on from another, and is not handed out.
	stood, resumed bool
	// alone is until when the watch has a stream of its own, stay how long that was to be. A reader that proves slow
	// again and again stays there for longer and longer.
	alone time.Time
	stay  time.Duration
}

// watchSource is a watch at one member.
type watchSource interface {
	// recv waits for the next response, which is the caller's but for its events. Errors are final, and a Store's.
	recv() (*storev1.WatchResponse, error)
	// close ends it.
	close()
}

const (
	// shortestStay and longestStay bound how long a watch stays on a stream of its own.
	shortestStay = time.Second
	longestStay  = time.Minute
)

// Recv implements Watcher.
func (w *clientWatcher) Recv() (*storev1.WatchResponse, error) {
	var lost time.Time
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		res, err := w.recv()
		if err == nil {
			// A member that lags may be behind what another has told already.
			w.told = max(w.told, res.Revision)
			res.Revision = w.told
			w.req.StartRevision = max(w.req.StartRevision, w.told+1)
			if !w.resumed {
				w.stood = true
				return res, nil
			}
			w.resumed = false
			lost, pause = time.Time{}, firstPause
			if len(res.Events) > 0 {
				return res, nil
			}
			continue
		}
		w.drop()
		if ctxErr := w.ctx.Err(); ctxErr != nil {
			return nil, ctxErr
		}
		if errors.Is(err, errNotCarried) {
			w.goAlone()
			continue
		}
		if !errors.Is(err, ErrUnavailable) {
			return nil, err
		}
		if lost.IsZero() {
			lost = time.Now()
		}
		if time.Since(lost) > w.client.cfg.Patience {
			return nil, err
		}
		if err := sleep(w.ctx, pause); err != nil {
			return nil, err
		}
	}
}

// goAlone has the watch go on over a stream of its own for a while, where its reader holds up nobody else.
func (w *clientWatcher) goAlone() {
	if time.Since(w.alone) > 2*w.stay {
		w.stay = 0 // It did well on a shared stream.
	}
	w.stay = min(max(2*w.stay, shortestStay), longestStay)
	w.alone = time.Now().Add(w.stay/2 + rand.N(w.stay))
}

// recv reads from the source, after opening one if there is none.
func (w *clientWatcher) recv() (*storev1.WatchResponse, error) {
	if w.source != nil && !w.alone.IsZero() && time.Now().After(w.alone) {
		if _, alone := w.source.(*ownStream); alone {
			w.drop() // Back to the others.
		}
	}
	if w.source == nil {
		if err := w.open(); err != nil {
			return nil, err
		}
	}
	res, err := w.source.recv()
	if errors.Is(err, ErrUnavailable) {
		w.client.failed(w.address)
	}
	return res, err
}

func (w *clientWatcher) open() error {
	address, client, err := w.client.target(w.ctx)
	if err != nil {
		return err
	}
	// The request may be on its way for longer than it stays as it is.
	req := proto.CloneOf(w.req)
	var source watchSource
	if time.Now().Before(w.alone) {
		source, err = openOwnStream(w.ctx, client, req)
	} else {
		source, err = w.client.watches.begin(w.client.living, w.ctx, address, client, req)
	}
	if err != nil {
		if errors.Is(err, ErrUnavailable) {
			w.client.failed(address)
		}
		return err
	}
	w.source, w.address, w.resumed = source, address, w.stood
	return nil
}

func (w *clientWatcher) drop() {
	if w.source != nil {
		w.source.close()
		w.source = nil
	}
}

// ownStream is a watch that has a stream to itself.
type ownStream struct {
	ctx    context.Context
	stream storev1.StoreService_WatchClient
	cancel context.CancelFunc
}

func openOwnStream(ctx context.Context, client storev1.StoreServiceClient, req *storev1.WatchRequest) (*ownStream, error) {
	callCtx, cancel := context.WithCancel(ctx)
	stream, err := client.Watch(callCtx, req)
	if err != nil {
		cancel()
		return nil, fromStatus(ctx, err, true, false)
	}
	return &ownStream{ctx: ctx, stream: stream, cancel: cancel}, nil
}

// recv implements watchSource.
func (s *ownStream) recv() (*storev1.WatchResponse, error) {
	res, err := s.stream.Recv()
	if errors.Is(err, io.EOF) {
		err = &Error{Reason: Unavailable, Message: "the member ended the watch"}
	}
	return res, fromStatus(s.ctx, err, true, false)
}

// close implements watchSource.
func (s *ownStream) close() { s.cancel() }
