package raftstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
	"kaji.dev/kaji/raftstore/watch"
)

// maxStreamWatches bounds the watches of one stream.
const maxStreamWatches = 100_000

// Numbers of the fields of WatchManyResponse, which is put together from encoded pieces here.
const (
	fieldWatchIDs      protowire.Number = 1
	fieldWatchResponse protowire.Number = 2
)

// Watch streams changes.
func (s *service) Watch(req *storev1.WatchRequest, stream storev1.StoreService_WatchServer) error {
	req, err := s.watchFrom(stream.Context(), req)
	if err != nil {
		return err
	}
	w, err := s.hub.Watch(stream.Context(), req)
	if err != nil {
		return err
	}
	for {
		res, err := w.Next()
		if err != nil {
			return err
		}
		parts, err := res.Wire()
		if err != nil {
			return err
		}
		if err := stream.SendMsg(newReady(parts...)); err != nil {
			return err
		}
	}
}

// WatchMany streams the changes of many watches.
func (s *service) WatchMany(stream storev1.StoreService_WatchManyServer) error {
	ctx, cancel := context.WithCancel(stream.Context())
	session := s.hub.NewSession(ctx, watchSink{stream})
	defer session.Wait()
	defer cancel()
	// gRPC ends Recv when this method has returned, or the caller has gone.
	received := make(chan error, 1)
	go func() { received <- s.beginWatches(stream, session) }()
	select {
	case err := <-received:
		return err
	case <-s.hub.Closed():
		return watch.ErrLost
	}
}

// beginWatches begins and ends watches as the caller says, until it says no more.
func (s *service) beginWatches(stream storev1.StoreService_WatchManyServer, session *watch.Session) error {
	for {
		req, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch r := req.GetRequest().(type) {
		case *storev1.WatchManyRequest_Begin:
			if session.Len() >= maxStreamWatches {
				return &Error{Reason: TooManyRequests, Message: fmt.Sprintf("a stream carries at most %d watches: open another", maxStreamWatches)}
			}
			begin := r.Begin
			err := session.Watch(begin.GetId(), func(ctx context.Context) (*storev1.WatchRequest, error) {
				return s.watchFrom(ctx, begin.GetWatch())
			})
			if err != nil {
				return &Error{Reason: mvcc.Invalid, Message: fmt.Sprintf("begin.id: %d is the id of a watch of this stream", begin.GetId())}
			}
		case *storev1.WatchManyRequest_Cancel:
			session.Cancel(r.Cancel.GetId())
		default:
			return &Error{Reason: mvcc.Invalid, Message: "request: neither begins nor ends a watch"}
		}
	}
}

// watchSink sends what the watches of a stream are told.
type watchSink struct {
	stream storev1.StoreService_WatchManyServer
}

// Send implements watch.Sink.
func (s watchSink) Send(res *watch.Response) error {
	parts, err := res.Wire()
	if err != nil {
		return err
	}
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	head := appendIDs(make([]byte, 0, 24+3*len(res.IDs)), res.IDs)
	head = protowire.AppendTag(head, fieldWatchResponse, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(size))
	return s.stream.SendMsg(newReady(append([][]byte{head}, parts...)...))
}

func appendIDs(out []byte, ids []int64) []byte {
	size := 0
	for _, id := range ids {
		size += protowire.SizeVarint(uint64(id))
	}
	out = protowire.AppendTag(out, fieldWatchIDs, protowire.BytesType)
	out = protowire.AppendVarint(out, uint64(size))
	for _, id := range ids {
		out = protowire.AppendVarint(out, uint64(id))
	}
	return out
}

// End implements watch.Sink.
func (s watchSink) End(ids []int64, why error) error {
	e := toError(why)
	if e == nil {
		e = &Error{Reason: Unavailable, Message: "the watch ended: " + why.Error()}
	}
	return s.stream.Send(&storev1.WatchManyResponse{Ids: ids, Told: &storev1.WatchManyResponse_End{
		End: &storev1.WatchEnd{Reason: string(e.Reason), Message: e.Message},
	}})
}
