package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/test/bench/process"
)

// etcd is three members of etcd with its own defaults, but for the quota, which a million keys would reach.
type etcd struct {
	dir, binary    string
	certificates   certificates
	clients, peers []string
	processes      []*process.Process
	web            *http.Client
}

var _ side = (*etcd)(nil)

func (e *etcd) name() string                { return "etcd" }
func (e *etcd) servers() []*process.Process { return e.processes }

func (e *etcd) start(ctx context.Context) error {
	free, err := process.FreeAddresses(2 * members)
	if err != nil {
		return err
	}
	e.clients, e.peers = free[:members], free[members:]
	tls, err := identity.ClientTLS(e.certificates.client, "")
	if err != nil {
		return err
	}
	e.web = &http.Client{Transport: &http.Transport{TLSClientConfig: tls}}
	e.processes = make([]*process.Process, members)
	for i := range members {
		if err := e.startMember(i); err != nil {
			return err
		}
	}
	return e.processes[0].Until(ctx, func(ctx context.Context) error { _, err := e.leader(ctx); return err })
}

func (e *etcd) startMember(i int) (err error) {
	var initial []string
	for j, a := range e.peers {
		initial = append(initial, memberID(j)+"=https://"+a)
	}
	f := e.certificates.members[i]
	e.processes[i], err = process.Start(e.dir, memberID(i), e.binary,
		"--data-dir="+filepath.Join(e.dir, memberID(i)), "--name="+memberID(i), "--initial-cluster="+strings.Join(initial, ","),
		"--listen-client-urls=https://"+e.clients[i], "--advertise-client-urls=https://"+e.clients[i],
		"--listen-peer-urls=https://"+e.peers[i], "--initial-advertise-peer-urls=https://"+e.peers[i],
		"--trusted-ca-file="+f.CA, "--cert-file="+f.Cert, "--key-file="+f.Key, "--client-cert-auth",
		"--peer-trusted-ca-file="+f.CA, "--peer-cert-file="+f.Cert, "--peer-key-file="+f.Key, "--peer-client-cert-auth",
		"--quota-backend-bytes=8589934592", "--enable-pprof", "--log-level=warn")
	return err
}

func (e *etcd) stop() {
	for _, p := range e.processes {
		p.Stop()
	}
}

func (e *etcd) dial(member int) (*grpc.ClientConn, error) {
	tls, err := identity.ClientTLS(e.certificates.client, "")
	if err != nil {
		return nil, err
	}
	return grpc.NewClient("passthrough:///"+e.clients[member], grpc.WithTransportCredentials(credentials.NewTLS(tls)))
}

func (e *etcd) leader(ctx context.Context) (int, error) {
	for i := range members {
		conn, err := e.dial(i)
		if err != nil {
			return 0, err
		}
		st, err := pb.NewMaintenanceClient(conn).Status(ctx, &pb.StatusRequest{})
		conn.Close()
		if err == nil && st.Leader != 0 && st.Leader == st.Header.MemberId {
			return i, nil
		}
	}
	return 0, errors.New("there is no leader")
}

func (e *etcd) applied(ctx context.Context, member int) (int64, error) {
	conn, err := e.dial(member)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	r, err := pb.NewKVClient(conn).Range(ctx, &pb.RangeRequest{Key: []byte("/"), Serializable: true})
	return r.GetHeader().GetRevision(), err
}

func (e *etcd) debug(ctx context.Context, member int, path string) ([]byte, error) {
	return fetch(ctx, e.web, "https://"+e.clients[member]+path)
}

func (e *etcd) connect(ctx context.Context, failover bool) (client, error) {
	tls, err := identity.ClientTLS(e.certificates.client, "")
	if err != nil {
		return nil, err
	}
	var endpoints []string
	for _, a := range e.clients {
		endpoints = append(endpoints, "https://"+a)
	}
	if !failover {
		i, err := findLeader(ctx, e)
		if err != nil {
			return nil, err
		}
		endpoints = endpoints[i : i+1]
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, TLS: tls, Logger: zap.NewNop()})
	if err != nil {
		return nil, err
	}
	return etcdClient{c}, nil
}

type etcdClient struct{ *clientv3.Client }

func (c etcdClient) put(ctx context.Context, key string, value []byte) error {
	_, err := c.Put(ctx, key, string(value))
	return err
}

func (c etcdClient) swap(ctx context.Context, key string, value []byte, rev int64) (int64, bool, error) {
	r, err := c.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", rev)).
		Then(clientv3.OpPut(key, string(value))).Else(clientv3.OpGet(key)).Commit()
	if err != nil {
		return 0, false, err
	}
	if r.Succeeded {
		return r.Header.Revision, true, nil
	}
	for _, kv := range r.Responses[0].GetResponseRange().Kvs {
		return kv.ModRevision, false, nil
	}
	return 0, false, nil
}

func (c etcdClient) get(ctx context.Context, key string) ([]byte, error) {
	r, err := c.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	if len(r.Kvs) != 1 {
		return nil, fmt.Errorf("%d keys %q", len(r.Kvs), key)
	}
	return r.Kvs[0].Value, nil
}

func (c etcdClient) scans() []scan {
	return []scan{{"one answer", func(ctx context.Context, prefix string) (int, error) {
		r, err := c.Get(ctx, prefix, clientv3.WithPrefix())
		if err != nil {
			return 0, err
		}
		return len(r.Kvs), nil
	}}, {"stream", func(ctx context.Context, prefix string) (keys int, err error) {
		stream, err := c.GetStream(ctx, prefix, clientv3.WithPrefix())
		if err != nil {
			return 0, err
		}
		for r := range stream {
			if err := r.Err(); err != nil {
				return keys, err
			}
			keys += len(r.Kvs)
		}
		return keys, ctx.Err()
	}}}
}

func (c etcdClient) fill(ctx context.Context, keys []string, value func(i int) []byte) error {
	var ops []clientv3.Op
	for i, key := range keys {
		ops = append(ops, clientv3.OpPut(key, string(value(i))))
	}
	_, err := c.Txn(ctx).Then(ops...).Commit()
	return err
}

func (c etcdClient) watch(ctx context.Context, prefix string, ready func(), seen func(int)) error {
	for r := range c.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify()) {
		if ctx.Err() != nil {
			return nil
		}
		if err := r.Err(); err != nil {
			return fmt.Errorf("the watch ended: %w", err)
		}
		if r.Created {
			ready()
		}
		seen(len(r.Events))
	}
	if ctx.Err() != nil {
		return nil
	}
	return errors.New("the watch ended")
}

func (c etcdClient) compact(ctx context.Context) error {
	r, err := c.Get(ctx, "/", clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	_, err = c.Compact(ctx, r.Header.Revision, clientv3.WithCompactPhysical())
	return err
}

func (c etcdClient) close() { c.Close() }
