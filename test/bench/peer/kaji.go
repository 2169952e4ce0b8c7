package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	appsv1 "kaji.dev/kaji/gen/kaji/apps/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	storev1 "kaji.dev/kaji/gen/kaji/store/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/raftstore"
	"kaji.dev/kaji/test/bench/process"
)

// kaji is Kaji's API server with a store of one member.
type kaji struct {
	dir, binary                   string
	certificates                  certificates
	connections                   int
	address, metrics, storeListen string
	server, db                    *process.Process
	clients                       []*client.Client
	storeClient                   *raftstore.Client
	web                           *http.Client
}

func (k *kaji) name() string            { return "Kaji" }
func (k *kaji) api() *process.Process   { return k.server }
func (k *kaji) store() *process.Process { return k.db }

func (k *kaji) start(ctx context.Context) error {
	free, err := process.FreeAddresses(3)
	if err != nil {
		return err
	}
	k.address, k.metrics, k.storeListen = free[0], free[1], free[2]
	f := k.certificates.store
	if k.db, err = process.Start(k.dir, "store", k.binary, "store", "--listen="+k.storeListen, "--id=one", "--dir="+filepath.Join(k.dir, "store"),
		"--initial-members=one="+k.storeListen, "--ca="+f.CA, "--cert="+f.Cert, "--key="+f.Key); err != nil {
		return err
	}
	tls, err := identity.ClientTLS(k.certificates.server, "")
	if err != nil {
		return err
	}
	if k.storeClient, err = raftstore.NewClient(raftstore.ClientConfig{Endpoints: []string{k.storeListen}, TLS: tls}); err != nil {
		return err
	}
	if err := k.db.Until(ctx, func(ctx context.Context) error { _, err := k.revision(ctx); return err }); err != nil {
		return err
	}
	admin, err := identity.ClientTLS(k.certificates.admin, "")
	if err != nil {
		return err
	}
	k.web = &http.Client{Transport: &http.Transport{TLSClientConfig: admin.Clone()}}
	for range k.connections {
		c, err := client.Dial(client.Config{Endpoints: []string{k.address}, TLS: admin.Clone(), UserAgent: manager})
		if err != nil {
			return err
		}
		k.clients = append(k.clients, c)
	}
	return k.serve(ctx)
}

func (k *kaji) serve(ctx context.Context) (err error) {
	f := k.certificates.server
	k.server, err = process.Start(k.dir, "apiserver", k.binary, "apiserver", "--listen="+k.address, "--metrics-listen="+k.metrics,
		"--store="+k.storeListen, "--ca="+f.CA, "--cert="+f.Cert, "--key="+f.Key)
	if err != nil {
		return err
	}
	return k.server.Until(ctx, func(ctx context.Context) error {
		_, _, err := client.Of[*corev1.Pod](k.on(0)).List(ctx, "default", &metav1.ListOptions{Limit: 1})
		return err
	})
}

func (k *kaji) restart(ctx context.Context) error {
	k.server.Stop()
	return k.serve(ctx)
}

func (k *kaji) stop() {
	for _, c := range k.clients {
		c.Close()
	}
	k.server.Stop()
	if k.storeClient != nil {
		k.storeClient.Close()
	}
	k.db.Stop()
}

func (k *kaji) on(conn int) *client.Client { return k.clients[conn%len(k.clients)] }

func (k *kaji) namespace(ctx context.Context, name string) error {
	_, err := client.Of[*corev1.Namespace](k.on(0)).Create(ctx, &corev1.Namespace{Metadata: &metav1.ObjectMeta{Name: name}})
	return err
}

// kajiPod is the same pod: Kubernetes' protobuf form is Kaji's.
func kajiPod(namespace, name, value string) (*corev1.Pod, error) {
	p := pod(namespace, name)
	if value != "" {
		p.Annotations[touched] = value
	}
	b, err := p.Marshal()
	if err != nil {
		return nil, err
	}
	out := &corev1.Pod{}
	err = proto.Unmarshal(b, out)
	out.Metadata.CreationTimestamp = nil // Kubernetes writes the time that is not set as one of no length
	return out, err
}

func (k *kaji) create(ctx context.Context, conn int, namespace, name string) error {
	p, err := kajiPod(namespace, name, "")
	if err == nil {
		_, err = client.Of[*corev1.Pod](k.on(conn)).Create(ctx, p)
	}
	return err
}

func (k *kaji) list(ctx context.Context, conn int, namespace string) (int64, error) {
	var size counted
	err := k.on(conn).Conn().Invoke(ctx, corev1.PodService_ListPods_FullMethodName, &metav1.ListRequest{Namespace: namespace}, &size, grpc.ForceCodecV2(countingCodec()))
	return int64(size), err
}

func (k *kaji) decoded(ctx context.Context, conn int, namespace string) (int, error) {
	items, _, err := client.Of[*corev1.Pod](k.on(conn)).List(ctx, namespace, nil)
	return len(items), err
}

func (k *kaji) watch(ctx context.Context, conn int, namespace string, ready, seen func()) error {
	stream, err := k.on(conn).Conn().NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, corev1.PodService_WatchPods_FullMethodName, grpc.ForceCodecV2(countingCodec()))
	if err != nil {
		return err
	}
	no := false
	req := &metav1.WatchRequest{Namespace: namespace, Options: &metav1.ListOptions{SendInitialEvents: &no}}
	if err := stream.SendMsg(req); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := stream.Header(); err != nil {
		return err
	}
	ready()
	for {
		var size counted
		err := stream.RecvMsg(&size)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the watch ended: %w", err)
		}
		seen()
	}
}

func (k *kaji) touch(ctx context.Context, conn int, namespace, name, value string) error {
	p, err := kajiPod(namespace, name, value)
	if err == nil {
		_, err = client.Of[*corev1.Pod](k.on(conn)).Update(ctx, p)
	}
	return err
}

func (k *kaji) apply(ctx context.Context, conn int, namespace string) (string, error) {
	d, err := client.Of[*appsv1.Deployment](k.on(conn)).Apply(ctx, namespace, deploymentName, []byte(deployment), &metav1.ApplyOptions{FieldManager: manager})
	return d.GetMetadata().GetResourceVersion(), err
}

func (k *kaji) revision(ctx context.Context) (int64, error) {
	r, err := k.storeClient.Range(ctx, &storev1.RangeRequest{Key: []byte("/"), CountOnly: true})
	return r.GetRevision(), err
}

func (k *kaji) debug(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+k.metrics+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := k.web.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, strconv.Itoa(resp.StatusCode))
	}
	return io.ReadAll(resp.Body)
}

// counted takes a message in by its size alone.
type counted int64

// countingCodec is protobuf's codec, which leaves what goes into a *counted undecoded.
func countingCodec() encoding.CodecV2 { return counting{encoding.GetCodecV2(protocodec.Name)} }

type counting struct{ encoding.CodecV2 }

// Unmarshal implements encoding.CodecV2.
func (c counting) Unmarshal(data mem.BufferSlice, v any) error {
	if n, ok := v.(*counted); ok {
		*n = counted(data.Len())
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
