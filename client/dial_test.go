package client_test

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/conformance"
	"kaji.dev/kaji/client/fake"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/grpcserver"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/kind"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
)

// network is an API in memory behind real servers with mutual TLS.
type network struct {
	t      *testing.T
	server *fake.Server
	dir    string
	ca     *identity.CA
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	dir := t.TempDir()
	ca, err := identity.InitCA(dir, "test")
	if err != nil {
		t.Fatal(err)
	}
	return &network{t: t, server: fake.NewServer(), dir: dir, ca: ca}
}

func (n *network) files(name string) identity.Files {
	n.t.Helper()
	f := identity.FilesIn(n.dir, filepath.Base(name))
	if err := f.Ensure(n.ca, identity.Request{Name: name, Groups: []string{identity.GroupMasters}, Hosts: []string{"127.0.0.1"}}); err != nil {
		n.t.Fatal(err)
	}
	return f
}

// listen serves at an address, port 0 for a free one.
func (n *network) listen(address string) (at string, stop func()) {
	n.t.Helper()
	tlsConfig, err := identity.ServerTLS(n.files("server"))
	if err != nil {
		n.t.Fatal(err)
	}
	s, err := grpcserver.New(grpcserver.Config{Address: address, TLS: tlsConfig, DrainTimeout: 10 * time.Millisecond}, hclog.NewNullLogger(), grpc.UnknownServiceHandler(n.server.Handler()))
	if err != nil {
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("server: %v", err)
		}
	})
	n.t.Cleanup(stop)
	return s.Addr().String(), stop
}

func (n *network) dial(endpoints ...string) *client.Client {
	n.t.Helper()
	tlsConfig, err := identity.ClientTLS(n.files("client"), "")
	if err != nil {
		n.t.Fatal(err)
	}
	c, err := client.Dial(client.Config{Endpoints: endpoints, TLS: tlsConfig, UserAgent: "test"})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { c.Close() })
	return c
}

func TestConformanceOverTheNetwork(t *testing.T) {
	n := newNetwork(t)
	first, _ := n.listen("127.0.0.1:0")
	second, _ := n.listen("127.0.0.1:0")
	n.server.Warn(func(o kind.Object) []string {
		if p, ok := o.(*corev1.Pod); ok && p.GetSpec().GetOs().GetName() == "windows" {
			return []string{"spec.os.name: there are no Windows nodes"}
		}
		return nil
	})
	compact := func(context.Context) error { n.server.Compact(); return nil }
	c := n.dial(first, second)
	t.Run("typed services", func(t *testing.T) {
		conformance.Run(t, conformance.Typed(c.Conn()), conformance.Options{Compact: compact})
	})
	t.Run("ResourceService", func(t *testing.T) {
		conformance.Run(t, conformance.Generic(c), conformance.Options{Compact: compact})
	})
	t.Run("SDK", func(t *testing.T) {
		conformance.Run(t, conformance.Resources(c), conformance.Options{Compact: compact, Client: c})
	})
}

// Calls and an informer go on while the servers are restarted one after the other, and once both at the same time.
func TestServersComeAndGo(t *testing.T) {
	n := newNetwork(t)
	first, stopFirst := n.listen("127.0.0.1:0")
	second, stopSecond := n.listen("127.0.0.1:0")
	c := n.dial(first, second)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	maps := client.Of[*corev1.ConfigMap](c)
	informer := client.NewInformer(maps, client.InformerOptions{})
	told := newLedger()
	informer.AddHandler(told.handler())
	done := make(chan struct{})
	go func() { defer close(done); _ = informer.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if err := informer.WaitSynced(ctx); err != nil {
		t.Fatal(err)
	}
	count := 0
	write := func(when string) {
		t.Helper()
		// Behind the servers' backs: what is tested is that the informer finds out.
		n.server.Seed(configMap(fmt.Sprint("m", count), "0"))
		count++
		told.await(ctx, t, when, func() bool { return len(told.live) == count })
		if _, err := maps.Get(ctx, "default", "m0"); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	write("with both")
	stopFirst()
	write("with the second")
	_, stopFirst = n.listen(first)
	stopSecond()
	write("with the first again")
	stopFirst()
	began := time.Now()
	failed := make(chan error, 1)
	go func() {
		_, err := maps.Create(ctx, configMap("never", "0"))
		failed <- err
	}()
	if err := <-failed; !apierror.IsUnavailable(err) {
		t.Errorf("a write with no server: %v after %v", err, time.Since(began))
	}
	n.listen(first)
	n.listen(second)
	write("with both again")
}

// Writers go on while one server after the other is killed. A write is done once or its outcome is told as unknown; none is done twice.
func TestWritesFailOver(t *testing.T) {
	n := newNetwork(t)
	first, stopFirst := n.listen("127.0.0.1:0")
	second, stopSecond := n.listen("127.0.0.1:0")
	third, _ := n.listen("127.0.0.1:0")
	maps := client.Of[*corev1.ConfigMap](n.dial(first, second, third))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const writers, each = 8, 60
	var group sync.WaitGroup
	var unknown, written atomic.Int32
	for writer := range writers {
		group.Go(func() {
			for round := range each {
				switch _, err := maps.Create(ctx, configMap(fmt.Sprintf("w%d-%d", writer, round), "0")); {
				case err == nil:
					written.Add(1)
				case apierror.IsUnavailable(err):
					unknown.Add(1) // under way when the server ended
				default:
					t.Errorf("writer %d: %v", writer, err)
				}
				if writer == 0 && round == each/3 {
					stopFirst()
				}
				if writer == 0 && round == 2*each/3 {
					stopSecond()
				}
			}
		})
	}
	group.Wait()
	items, _, err := maps.List(ctx, "default", nil)
	if err != nil {
		t.Fatal(err)
	}
	if done := int32(len(items)); done < written.Load() || done > written.Load()+unknown.Load() || unknown.Load() > 2*writers {
		t.Errorf("%d objects of %d writes that succeeded and %d of unknown outcome", done, written.Load(), unknown.Load())
	}
}

func TestStrangersAreRefused(t *testing.T) {
	n, other := newNetwork(t), newNetwork(t)
	address, _ := n.listen("127.0.0.1:0")
	_, err := client.Of[*corev1.ConfigMap](other.dial(address)).CreateWith(t.Context(), configMap("a", "0"), &metav1.CreateOptions{})
	if !apierror.IsUnavailable(err) {
		t.Errorf("with the certificate of another CA: %v", err)
	}
}

func TestUnixSockets(t *testing.T) {
	n := newNetwork(t)
	address, _ := n.listen("127.0.0.1:0")
	path := filepath.Join(t.TempDir(), "api.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	tlsConfig, err := identity.ServerTLS(n.files("server"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := grpcserver.New(grpcserver.Config{Listener: l, TLS: tlsConfig}, hclog.NewNullLogger(), grpc.UnknownServiceHandler(n.server.Handler()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	defer func() { cancel(); <-done }()
	clientTLS, err := identity.ClientTLS(n.files("client"), "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(client.Config{Endpoints: []string{"unix:" + path}, TLS: clientTLS})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := client.Of[*corev1.ConfigMap](c).Create(t.Context(), configMap("a", "0")); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Of[*corev1.ConfigMap](n.dial(address)).Get(t.Context(), "default", "a"); err != nil {
		t.Error(err)
	}
}
