package raftstore

import (
	"context"
	"errors"
	"io"
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

	stream  storev1.StoreService_WatchClient
	address string
	cancel  context.CancelFunc
	// told is the revision up to which everything has been handed out.
	told int64
	// stood: the first response has been handed out. resumed: the next response is the first of a
	// stream that goes on from another, and is not handed out.
	stood, resumed bool
}

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

// recv reads from the stream, after opening one if there is none.
func (w *clientWatcher) recv() (*storev1.WatchResponse, error) {
	if w.stream == nil {
		if err := w.open(); err != nil {
			return nil, err
		}
	}
	res, err := w.stream.Recv()
	if errors.Is(err, io.EOF) {
		err = &Error{Reason: Unavailable, Message: "the member ended the watch"}
	}
	if err = fromStatus(w.ctx, err, true, false); errors.Is(err, ErrUnavailable) {
		w.client.failed(w.address)
	}
	return res, err
}

func (w *clientWatcher) open() error {
	address, client, err := w.client.target(w.ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(w.ctx)
	stream, err := client.Watch(ctx, w.req)
	if err != nil {
		cancel()
		if err = fromStatus(w.ctx, err, true, false); errors.Is(err, ErrUnavailable) {
			w.client.failed(address)
		}
		return err
	}
	w.stream, w.address, w.cancel, w.resumed = stream, address, cancel, w.stood
	return nil
}

func (w *clientWatcher) drop() {
	if w.cancel != nil {
		w.cancel()
		w.stream, w.cancel = nil, nil
	}
}
