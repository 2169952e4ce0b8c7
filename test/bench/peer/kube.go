package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"

	"github.com/go-logr/logr"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/test/bench/process"
)

// comparable are the admission plugins that have a counterpart in Kaji. The others that are on by default look for objects that
// neither side has here, so leaving them out favours kube-apiserver.
const comparable = "NamespaceLifecycle,RuntimeClass"

// others are the rest of those that are on by default in kube-apiserver 1.37.
const others = "CertificateApproval,CertificateSigning,CertificateSubjectRestriction,DefaultIngressClass,DefaultStorageClass," +
	"DefaultTolerationSeconds,LimitRanger,MutatingAdmissionWebhook,PersistentVolumeClaimResize,PodSecurity,Priority," +
	"ResourceQuota,ServiceAccount,StorageObjectInUseProtection,TaintNodesByCondition,ValidatingAdmissionPolicy,ValidatingAdmissionWebhook"

// kube is kube-apiserver with etcd.
type kube struct {
	dir, etcd, binary     string
	certificates          certificates
	connections           int
	address, client, peer string
	server, db            *process.Process
	clients               []*kubernetes.Clientset
	etcdClient            *clientv3.Client
}

func (k *kube) name() string            { return "kube-apiserver" }
func (k *kube) api() *process.Process   { return k.server }
func (k *kube) store() *process.Process { return k.db }

func (k *kube) start(ctx context.Context) error {
	klog.SetLogger(logr.Discard()) // client-go tells of every watch that ends with its context
	free, err := process.FreeAddresses(3)
	if err != nil {
		return err
	}
	k.address, k.client, k.peer = free[0], free[1], free[2]
	f := k.certificates.server
	if k.db, err = process.Start(k.dir, "etcd", k.etcd,
		"--data-dir="+filepath.Join(k.dir, "etcd"), "--name=one", "--initial-cluster=one=https://"+k.peer,
		"--listen-client-urls=https://"+k.client, "--advertise-client-urls=https://"+k.client,
		"--listen-peer-urls=https://"+k.peer, "--initial-advertise-peer-urls=https://"+k.peer,
		"--trusted-ca-file="+f.CA, "--cert-file="+f.Cert, "--key-file="+f.Key, "--client-cert-auth",
		"--peer-trusted-ca-file="+f.CA, "--peer-cert-file="+f.Cert, "--peer-key-file="+f.Key, "--peer-client-cert-auth",
		"--log-level=warn"); err != nil {
		return err
	}
	tls, err := identity.ClientTLS(k.certificates.admin, "")
	if err != nil {
		return err
	}
	k.etcdClient, err = clientv3.New(clientv3.Config{Endpoints: []string{"https://" + k.client}, TLS: tls})
	if err != nil {
		return err
	}
	if err := k.db.Until(ctx, func(ctx context.Context) error { _, err := k.revision(ctx); return err }); err != nil {
		return err
	}
	admin := k.certificates.admin
	for range k.connections {
		// A dialer of its own keeps client-go from sharing one connection.
		dialer := &net.Dialer{}
		c, err := kubernetes.NewForConfig(&rest.Config{
			Host: "https://" + k.address, Dial: dialer.DialContext, QPS: -1, DisableCompression: true,
			TLSClientConfig: rest.TLSClientConfig{CAFile: admin.CA, CertFile: admin.Cert, KeyFile: admin.Key},
			ContentConfig: rest.ContentConfig{
				ContentType: "application/vnd.kubernetes.protobuf", AcceptContentTypes: "application/vnd.kubernetes.protobuf,application/json",
			},
		})
		if err != nil {
			return err
		}
		k.clients = append(k.clients, c)
	}
	return k.serve(ctx)
}

func (k *kube) serve(ctx context.Context) (err error) {
	f := k.certificates.server
	_, port, _ := net.SplitHostPort(k.address)
	k.server, err = process.Start(k.dir, "kube-apiserver", k.binary,
		"--bind-address=127.0.0.1", "--secure-port="+port, "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--etcd-servers=https://"+k.client, "--etcd-cafile="+f.CA, "--etcd-certfile="+f.Cert, "--etcd-keyfile="+f.Key,
		"--client-ca-file="+f.CA, "--tls-cert-file="+f.Cert, "--tls-private-key-file="+f.Key, "--authorization-mode=AlwaysAllow",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file="+f.Cert, "--service-account-signing-key-file="+f.Key,
		"--service-cluster-ip-range=10.96.0.0/16", "--max-requests-inflight=5000", "--max-mutating-requests-inflight=5000",
		"--enable-admission-plugins="+comparable, "--disable-admission-plugins="+others)
	if err != nil {
		return err
	}
	return k.server.Until(ctx, func(ctx context.Context) error {
		if _, err := k.debug(ctx, "/readyz"); err != nil {
			return err
		}
		_, err := k.clients[0].CoreV1().Pods("default").List(ctx, metav1.ListOptions{Limit: 1})
		return err
	})
}

func (k *kube) restart(ctx context.Context) error {
	k.server.Stop()
	return k.serve(ctx)
}

func (k *kube) stop() {
	k.server.Stop()
	if k.etcdClient != nil {
		k.etcdClient.Close()
	}
	k.db.Stop()
}

func (k *kube) on(conn int) *kubernetes.Clientset { return k.clients[conn%len(k.clients)] }

func (k *kube) namespace(ctx context.Context, name string) error {
	_, err := k.on(0).CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	return err
}

func (k *kube) create(ctx context.Context, conn int, namespace, name string) error {
	_, err := k.on(conn).CoreV1().Pods(namespace).Create(ctx, pod(namespace, name), metav1.CreateOptions{})
	return err
}

func (k *kube) list(ctx context.Context, conn int, namespace string) (int64, error) {
	body, err := k.on(conn).CoreV1().RESTClient().Get().Namespace(namespace).Resource("pods").Stream(ctx)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	return io.Copy(io.Discard, body)
}

func (k *kube) decoded(ctx context.Context, conn int, namespace string) (int, error) {
	l, err := k.on(conn).CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	return len(l.Items), nil
}

func (k *kube) watch(ctx context.Context, conn int, namespace string, ready, seen func()) error {
	c := k.on(conn).CoreV1()
	now, err := c.Pods(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	body, err := c.RESTClient().Get().Namespace(namespace).Resource("pods").
		VersionedParams(&metav1.ListOptions{Watch: true, ResourceVersion: now.ResourceVersion}, scheme.ParameterCodec).Stream(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	ready()
	// A frame is its length in four bytes, and the event.
	in := bufio.NewReaderSize(body, 16<<10)
	for {
		var head [4]byte
		if _, err = io.ReadFull(in, head[:]); err == nil {
			_, err = in.Discard(int(binary.BigEndian.Uint32(head[:])))
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the watch ended: %w", err)
		}
		seen()
	}
}

func (k *kube) touch(ctx context.Context, conn int, namespace, name, value string) error {
	p := pod(namespace, name)
	p.Annotations[touched] = value
	_, err := k.on(conn).CoreV1().Pods(namespace).Update(ctx, p, metav1.UpdateOptions{})
	return err
}

func (k *kube) apply(ctx context.Context, conn int, namespace string) (string, error) {
	d, err := k.on(conn).AppsV1().Deployments(namespace).Patch(ctx, deploymentName, types.ApplyYAMLPatchType, []byte(deployment), metav1.PatchOptions{FieldManager: manager})
	if err != nil {
		return "", err
	}
	return d.ResourceVersion, nil
}

func (k *kube) revision(ctx context.Context) (int64, error) {
	r, err := k.etcdClient.Get(ctx, "/", clientv3.WithCountOnly())
	if err != nil {
		return 0, err
	}
	return r.Header.Revision, nil
}

func (k *kube) debug(ctx context.Context, path string) ([]byte, error) {
	return k.on(0).RESTClient().Get().RequestURI(path).SetHeader("Accept", "*/*").DoRaw(ctx)
}

var _ side = (*kube)(nil)
