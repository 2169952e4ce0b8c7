package raftstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/raftstore/mvcc"
)

// MemberAdd lets a member in.
func (c *Client) MemberAdd(ctx context.Context, req *storev1.MemberAddRequest) (*storev1.MemberAddResponse, error) {
	res, err := retry(ctx, c, true, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.MemberAddResponse, error) {
		return s.MemberAdd(ctx, req)
	})
	c.learned(res.GetMembers())
	return res, err
}

// MemberRemove puts a member out.
func (c *Client) MemberRemove(ctx context.Context, req *storev1.MemberRemoveRequest) (*storev1.MemberRemoveResponse, error) {
	res, err := retry(ctx, c, true, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.MemberRemoveResponse, error) {
		return s.MemberRemove(ctx, req)
	})
	c.learned(res.GetMembers())
	return res, err
}

// MemberPromote gives a non-voter its vote.
func (c *Client) MemberPromote(ctx context.Context, req *storev1.MemberPromoteRequest) (*storev1.MemberPromoteResponse, error) {
	res, err := retry(ctx, c, true, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.MemberPromoteResponse, error) {
		return s.MemberPromote(ctx, req)
	})
	c.learned(res.GetMembers())
	return res, err
}

// MoveLeader hands leadership to another voter.
func (c *Client) MoveLeader(ctx context.Context, req *storev1.MoveLeaderRequest) (*storev1.MoveLeaderResponse, error) {
	return retry(ctx, c, true, func(ctx context.Context, s storev1.StoreServiceClient) (*storev1.MoveLeaderResponse, error) {
		return s.MoveLeader(ctx, req)
	})
}

// StatusOf asks the member at an address, whoever leads. It is not tried again.
func (c *Client) StatusOf(ctx context.Context, address string) (*storev1.StatusResponse, error) {
	st, err := c.statusOf(ctx, address)
	return st, fromStatus(ctx, err, true, false)
}

// HashOf has the member at an address hash what it holds at a revision, whoever leads. It waits for the member to get there, for as long as
// ctx lets it.
func (c *Client) HashOf(ctx context.Context, address string, revision int64) (*storev1.HashResponse, error) {
	conn, err := c.peers.get(address)
	if err != nil {
		return nil, &Error{Reason: Unavailable, Message: err.Error()}
	}
	res, err := storev1.NewStoreServiceClient(conn).Hash(ctx, &storev1.HashRequest{Revision: revision})
	return res, fromStatus(ctx, err, true, false)
}

// Snapshot writes a copy of the store to out and gives its revision. It is not tried again, as part of
// it may have been written; after an error what was written is of no use.
func (c *Client) Snapshot(ctx context.Context, out io.Writer) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, client, err := c.target(ctx)
	if err != nil {
		return 0, err
	}
	stream, err := client.Snapshot(ctx, &storev1.SnapshotRequest{})
	if err != nil {
		return 0, fromStatus(ctx, err, true, false)
	}
	sum := sha256.New()
	for {
		res, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return 0, &Error{Reason: mvcc.Corrupt, Message: "the copy ended without its checksum"}
		}
		if err != nil {
			return 0, fromStatus(ctx, err, true, false)
		}
		sum.Write(res.Data)
		if _, err := out.Write(res.Data); err != nil {
			return 0, err
		}
		if len(res.Sha256) > 0 {
			if !bytes.Equal(res.Sha256, sum.Sum(nil)) {
				return 0, &Error{Reason: mvcc.Corrupt, Message: "the copy's checksum does not fit"}
			}
			return res.Revision, nil
		}
	}
}

// Restore replaces the contents of the store by a copy that Snapshot made, and gives the store's revision
// after it. All that was written since the copy is lost, and every watch ends with ErrCompacted.
func (c *Client) Restore(ctx context.Context, in io.Reader) (int64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, client, err := c.target(ctx)
	if err != nil {
		return 0, err
	}
	stream, err := client.Restore(ctx)
	if err != nil {
		return 0, fromStatus(ctx, err, true, true)
	}
	sum := sha256.New()
	buf := make([]byte, pieceBytes)
	for {
		n, readErr := io.ReadFull(in, buf)
		sum.Write(buf[:n])
		req := &storev1.RestoreRequest{Data: buf[:n]}
		last := errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF)
		if readErr != nil && !last {
			return 0, readErr
		}
		if last {
			req.Sha256 = sum.Sum(nil)
		}
		if stream.Send(req) != nil || last {
			break // Why sending failed is in what CloseAndRecv gives.
		}
	}
	res, err := stream.CloseAndRecv()
	return res.GetRevision(), fromStatus(ctx, err, true, true)
}

// learned takes over the members that a change of them left.
func (c *Client) learned(members []*storev1.Member) {
	if len(members) > 0 {
		c.mu.Lock()
		c.learn(members)
		c.mu.Unlock()
	}
}
