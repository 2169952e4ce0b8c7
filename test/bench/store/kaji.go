package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/test/bench/process"
)

// kaji is three members of Kaji's store.
type kaji struct {
	label, dir, binary string
	certificates       certificates
	addresses, metrics []string
	processes          []*process.Process
	web                *http.Client
}

var _ side = (*kaji)(nil)

func (k *kaji) name() string                { return k.label }
func (k *kaji) servers() []*process.Process { return k.processes }

func (k *kaji) start(ctx context.Context) error {
	free, err := process.FreeAddresses(2 * members)
	if err != nil {
		return err
	}
	k.addresses, k.metrics = free[:members], free[members:]
	tls, err := identity.ClientTLS(k.certificates.client, "")
	if err != nil {
		return err
	}
	k.web = &http.Client{Transport: &http.Transport{TLSClientConfig: tls}}
	k.processes = make([]*process.Process, members)
	for i := range members {
		if err := k.startMember(i); err != nil {
			return err
		}
	}
	return k.processes[0].Until(ctx, func(ctx context.Context) error { _, err := k.leader(ctx); return err })
}

func (k *kaji) startMember(i int) (err error) {
	var initial []string
	for j, a := range k.addresses {
		initial = append(initial, memberID(j)+"="+a)
	}
	f := k.certificates.members[i]
	k.processes[i], err = process.Start(k.dir, memberID(i), k.binary, "store", "--id="+memberID(i), "--dir="+filepath.Join(k.dir, memberID(i)),
		"--listen="+k.addresses[i], "--metrics-listen="+k.metrics[i], "--initial-members="+strings.Join(initial, ","),
		"--ca="+f.CA, "--cert="+f.Cert, "--key="+f.Key)
	return err
}

func (k *kaji) stop() {
	for _, p := range k.processes {
		p.Stop()
	}
}

// dial gives a connection of its own to one member.
func (k *kaji) dial(member int) (storev1.StoreServiceClient, *grpc.ClientConn, error) {
	tls, err := identity.ClientTLS(k.certificates.client, "")
	if err != nil {
		return nil, nil, err
	}
	conn, err := grpc.NewClient("passthrough:///"+k.addresses[member], grpc.WithTransportCredentials(credentials.NewTLS(tls)))
	if err != nil {
		return nil, nil, err
	}
	return storev1.NewStoreServiceClient(conn), conn, nil
}

func (k *kaji) leader(ctx context.Context) (int, error) {
	for i := range members {
		c, conn, err := k.dial(i)
		if err != nil {
			return 0, err
		}
		st, err := c.Status(ctx, &storev1.StatusRequest{})
		conn.Close()
		if err == nil && st.LeaderId == memberID(i) {
			return i, nil
		}
	}
	return 0, errors.New("there is no leader")
}

func (k *kaji) applied(ctx context.Context, member int) (int64, error) {
	c, conn, err := k.dial(member)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	r, err := c.Range(ctx, &storev1.RangeRequest{Key: []byte("/"), Serializable: true})
	return r.GetRevision(), err
}

func (k *kaji) debug(ctx context.Context, member int, path string) ([]byte, error) {
	return fetch(ctx, k.web, "https://"+k.metrics[member]+path)
}

// fetch reads a page.
func fetch(ctx context.Context, web *http.Client, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := web.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	return io.ReadAll(resp.Body)
}

func (k *kaji) connect(ctx context.Context, failover bool) (client, error) {
	tls, err := identity.ClientTLS(k.certificates.client, "")
	if err != nil {
		return nil, err
	}
	endpoints := k.addresses
	if !failover {
		i, err := findLeader(ctx, k)
		if err != nil {
			return nil, err
		}
		endpoints = k.addresses[i : i+1]
	}
	c, err := raftstore.NewClient(raftstore.ClientConfig{Endpoints: endpoints, TLS: tls})
	if err != nil {
		return nil, err
	}
	return kajiClient{c}, nil
}

type kajiClient struct{ *raftstore.Client }

func kajiPut(key string, value []byte) *storev1.Op {
	return &storev1.Op{Op: &storev1.Op_Put{Put: &storev1.PutOp{Key: []byte(key), Value: value}}}
}

func (c kajiClient) put(ctx context.Context, key string, value []byte) error {
	_, err := c.Txn(ctx, &storev1.TxnRequest{Success: []*storev1.Op{kajiPut(key, value)}})
	return err
}

func (c kajiClient) swap(ctx context.Context, key string, value []byte, rev int64) (int64, bool, error) {
	r, err := c.Txn(ctx, &storev1.TxnRequest{
		Compares: []*storev1.Compare{{
			Key: []byte(key), Operator: storev1.CompareOperator_COMPARE_OPERATOR_EQUAL, Target: &storev1.Compare_ModRevision{ModRevision: rev},
		}},
		Success: []*storev1.Op{kajiPut(key, value)},
		Failure: []*storev1.Op{{Op: &storev1.Op_Range{Range: &storev1.RangeRequest{Key: []byte(key)}}}},
	})
	if err != nil || r.Succeeded {
		return r.GetRevision(), r.GetSucceeded(), err
	}
	for _, kv := range r.Results[0].GetRange().GetKvs() {
		return kv.ModRevision, false, nil
	}
	return 0, false, nil
}

func (c kajiClient) get(ctx context.Context, key string) ([]byte, error) {
	r, err := c.Range(ctx, &storev1.RangeRequest{Key: []byte(key)})
	if err != nil {
		return nil, err
	}
	if len(r.Kvs) != 1 {
		return nil, fmt.Errorf("%d keys %q", len(r.Kvs), key)
	}
	return r.Kvs[0].Value, nil
}

func (c kajiClient) scans() []scan {
	return []scan{{"one answer", func(ctx context.Context, prefix string) (int, error) {
		r, err := c.Range(ctx, &storev1.RangeRequest{Key: []byte(prefix), RangeEnd: raftstore.Prefix([]byte(prefix))})
		return len(r.GetKvs()), err
	}}, {"stream", func(ctx context.Context, prefix string) (keys int, err error) {
		for r, err := range c.RangeStream(ctx, &storev1.RangeRequest{Key: []byte(prefix), RangeEnd: raftstore.Prefix([]byte(prefix))}) {
			if err != nil {
				return keys, err
			}
			keys += len(r.Kvs)
		}
		return keys, nil
	}}}
}

func (c kajiClient) fill(ctx context.Context, keys []string, value func(i int) []byte) error {
	req := &storev1.TxnRequest{}
	for i, key := range keys {
		req.Success = append(req.Success, kajiPut(key, value(i)))
	}
	_, err := c.Txn(ctx, req)
	return err
}

func (c kajiClient) watch(ctx context.Context, prefix string, ready func(), seen func(int)) error {
	w, err := c.Watch(ctx, &storev1.WatchRequest{Key: []byte(prefix), RangeEnd: raftstore.Prefix([]byte(prefix))})
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		r, err := w.Recv()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the watch ended: %w", err)
		}
		if first {
			ready()
		}
		seen(len(r.Events))
	}
}

func (c kajiClient) compact(ctx context.Context) error {
	st, err := c.Status(ctx, &storev1.StatusRequest{})
	if err != nil {
		return err
	}
	_, err = c.Compact(ctx, &storev1.CompactRequest{Revision: st.Revision})
	return err
}

func (c kajiClient) close() { c.Close() }

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
