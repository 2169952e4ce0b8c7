package probes

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

func number(n int) *metav1.IntOrString { return &metav1.IntOrString{IntVal: int32(n)} }

func named(s string) *metav1.IntOrString { return &metav1.IntOrString{Type: 1, StrVal: s} }

func ptr[T any](v T) *T { return &v }

func portOf(t *testing.T, addr string) int {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ask makes one attempt against 127.0.0.1 as the pod's IP.
func ask(t *testing.T, h *corev1.ProbeHandler, c *corev1.Container, timeout time.Duration) (bool, string, error) {
	t.Helper()
	cfg := Config{Exec: newRuntime()}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if c == nil {
		c = &corev1.Container{Name: "main"}
	}
	return newProber(cfg).probe(t.Context(), h, &watched{ref: pod, container: c, containerID: "c1", podIP: "127.0.0.1"}, timeout)
}

func TestPort(t *testing.T) {
	c := &corev1.Container{Ports: []*corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}
	for _, x := range []struct {
		p    *metav1.IntOrString
		want int
	}{{number(80), 80}, {named("http"), 8080}, {named("81"), 81}, {named("none"), 0}, {number(0), 0}, {number(70000), 0}, {nil, 0}} {
		if got, err := port(x.p, c); got != x.want || (err == nil) != (x.want != 0) {
			t.Errorf("port(%v) = %d, %v; want %d", x.p, got, err, x.want)
		}
	}
}

func TestHTTPProbe(t *testing.T) {
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/status/{code}", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.PathValue("code"))
		w.WriteHeader(code)
		fmt.Fprint(w, "the body of "+r.PathValue("code"))
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		want := url.Values{"q": {"1 2"}}
		if r.Host != "example.org" || !slices.Equal(r.Header.Values("X-A"), []string{"1", "2"}) || r.URL.Query().Get("q") != want.Get("q") || r.UserAgent() != "kaji-probe/1" || r.Header.Get("Accept") != "*/*" {
			http.Error(w, fmt.Sprint(r.Host, r.Header, r.URL), http.StatusTeapot)
		}
	})
	mux.HandleFunc("/agent", func(w http.ResponseWriter, r *http.Request) {
		if _, accept := r.Header["Accept"]; r.UserAgent() != "mine" || accept {
			http.Error(w, fmt.Sprint(r.Header), http.StatusTeapot)
		}
	})
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("u"), http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	plain := httptest.NewServer(mux)
	defer plain.Close()
	secure := httptest.NewTLSServer(mux)
	defer secure.Close()
	h2c := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			http.Error(w, r.Proto, http.StatusTeapot)
		}
	}))
	h2c.Config.Protocols = new(http.Protocols)
	h2c.Config.Protocols.SetUnencryptedHTTP2(true)
	h2c.Config.Protocols.SetHTTP1(true)
	h2c.Start()
	defer h2c.Close()
	defer close(release)
	on := func(s *httptest.Server) *metav1.IntOrString { return number(portOf(t, s.Listener.Addr().String())) }
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := portOf(t, free.Addr().String())
	free.Close()

	for name, c := range map[string]struct {
		a    *corev1.HTTPGetAction
		ok   bool
		want string
	}{
		"200":                  {&corev1.HTTPGetAction{Port: on(plain), Path: "/status/200"}, true, ""},
		"path without slash":   {&corev1.HTTPGetAction{Port: on(plain), Path: "status/204"}, true, ""},
		"399":                  {&corev1.HTTPGetAction{Port: on(plain), Path: "/status/399"}, true, ""},
		"400":                  {&corev1.HTTPGetAction{Port: on(plain), Path: "/status/400"}, false, "the body of 400"},
		"503":                  {&corev1.HTTPGetAction{Port: on(plain), Path: "/status/503"}, false, "503 Service Unavailable"},
		"headers, host, query": {&corev1.HTTPGetAction{Port: on(plain), Path: "/echo?q=1%202", HttpHeaders: []*corev1.HTTPHeader{{Name: "host", Value: "example.org"}, {Name: "X-A", Value: "1"}, {Name: "X-A", Value: "2"}}}, true, ""},
		"own agent, no accept": {&corev1.HTTPGetAction{Port: on(plain), Path: "/agent", HttpHeaders: []*corev1.HTTPHeader{{Name: "user-agent", Value: "mine"}, {Name: "Accept", Value: ""}}}, true, ""},
		"https":                {&corev1.HTTPGetAction{Port: on(secure), Path: "/status/200", Scheme: "HTTPS"}, true, ""},
		"http to https":        {&corev1.HTTPGetAction{Port: on(secure), Path: "/status/200"}, false, "400"},
		"redirect followed":    {&corev1.HTTPGetAction{Port: on(plain), Path: "/to?u=/status/500"}, false, "500"},
		"redirect away":        {&corev1.HTTPGetAction{Port: on(plain), Path: "/to?u=http://elsewhere.invalid/"}, true, ""},
		"redirect for ever":    {&corev1.HTTPGetAction{Port: on(plain), Path: "/loop"}, false, "redirects"},
		"refused":              {&corev1.HTTPGetAction{Port: number(closed)}, false, "refused"},
		"too slow":             {&corev1.HTTPGetAction{Port: on(plain), Path: "/hang"}, false, "deadline"},
		"host":                 {&corev1.HTTPGetAction{Port: on(plain), Path: "/status/200", Host: "localhost"}, true, ""},
		"HTTP/1 by default":    {&corev1.HTTPGetAction{Port: on(h2c)}, false, "HTTP/1.1"},
		"HTTP/2":               {&corev1.HTTPGetAction{Port: on(h2c), Protocol: ptr("HTTP2")}, true, ""},
	} {
		timeout := 5 * time.Second
		if name == "too slow" {
			timeout = 50 * time.Millisecond
		}
		ok, message, err := ask(t, &corev1.ProbeHandler{HttpGet: c.a}, nil, timeout)
		if err != nil || ok != c.ok || !strings.Contains(message, c.want) {
			t.Errorf("%s: %v, %q, %v; want %v with %q", name, ok, message, err, c.ok, c.want)
		}
	}
	if _, _, err := ask(t, &corev1.ProbeHandler{HttpGet: &corev1.HTTPGetAction{Port: named("none")}}, nil, time.Second); err == nil {
		t.Error("a port that is not there must be an error, not a failure")
	}
}

func TestTCPProbe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := portOf(t, l.Addr().String())
	c := &corev1.Container{Name: "main", Ports: []*corev1.ContainerPort{{Name: "db", ContainerPort: int32(n)}}}
	h := &corev1.ProbeHandler{TcpSocket: &corev1.TCPSocketAction{Port: named("db")}}
	if ok, message, err := ask(t, h, c, time.Second); !ok || err != nil {
		t.Errorf("open port: %v, %q, %v", ok, message, err)
	}
	l.Close()
	if ok, message, err := ask(t, h, c, time.Second); ok || err != nil || !strings.Contains(message, "refused") {
		t.Errorf("closed port: %v, %q, %v", ok, message, err)
	}
	if _, _, err := ask(t, &corev1.ProbeHandler{TcpSocket: &corev1.TCPSocketAction{Port: named("x")}}, c, time.Second); err == nil {
		t.Error("a port that is not there must be an error")
	}
	if _, _, err := ask(t, &corev1.ProbeHandler{}, c, time.Second); err == nil {
		t.Error("a probe that names nothing must be an error")
	}
}

func TestGRPCProbe(t *testing.T) {
	serve := func(register bool, opts ...grpc.ServerOption) (int32, *health.Server) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s, h := grpc.NewServer(opts...), health.NewServer()
		if register {
			healthv1.RegisterHealthServer(s, h)
		}
		done := make(chan struct{})
		go func() { defer close(done); _ = s.Serve(l) }()
		t.Cleanup(func() { s.Stop(); <-done })
		return int32(portOf(t, l.Addr().String())), h
	}
	n, h := serve(true)
	h.SetServingStatus("up", healthv1.HealthCheckResponse_SERVING)
	h.SetServingStatus("down", healthv1.HealthCheckResponse_NOT_SERVING)
	bare, _ := serve(false)
	certificates := httptest.NewTLSServer(nil)
	defer certificates.Close()
	secure, _ := serve(true, grpc.Creds(credentials.NewServerTLSFromCert(&certificates.TLS.Certificates[0])))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := int32(portOf(t, l.Addr().String()))
	l.Close()
	for name, c := range map[string]struct {
		a    *corev1.GRPCAction
		ok   bool
		want string
	}{
		"whole server":    {&corev1.GRPCAction{Port: n}, true, ""},
		"service up":      {&corev1.GRPCAction{Port: n, Service: ptr("up")}, true, ""},
		"service down":    {&corev1.GRPCAction{Port: n, Service: ptr("down")}, false, "NOT_SERVING"},
		"service unknown": {&corev1.GRPCAction{Port: n, Service: ptr("none")}, false, `"none"`},
		"no health":       {&corev1.GRPCAction{Port: bare}, false, "grpc.health.v1"},
		"refused":         {&corev1.GRPCAction{Port: closed}, false, "refused"},
		"TLS":             {&corev1.GRPCAction{Port: secure, Mode: ptr("TLS")}, true, ""},
		"plain to TLS":    {&corev1.GRPCAction{Port: secure}, false, ""},
	} {
		ok, message, err := ask(t, &corev1.ProbeHandler{Grpc: c.a}, nil, 5*time.Second)
		if err != nil || ok != c.ok || !strings.Contains(message, c.want) {
			t.Errorf("%s: %v, %q, %v; want %v with %q", name, ok, message, err, c.ok, c.want)
		}
	}
	if _, _, err := ask(t, &corev1.ProbeHandler{Grpc: &corev1.GRPCAction{}}, nil, time.Second); err == nil {
		t.Error("port 0 must be an error")
	}
}

func TestExecCommandExpands(t *testing.T) {
	c := &corev1.Container{Env: []*corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{}}}}
	got := execCommand(&corev1.ExecAction{Command: []string{"x", "$(A)", "$(B)"}}, c)
	if !slices.Equal(got, []string{"x", "1", "$(B)"}) {
		t.Errorf("command is %q", got)
	}
}

func TestMessageIsBounded(t *testing.T) {
	if got := cut(strings.Repeat("x", 5000)); len(got) > maxMessage+len("…") {
		t.Errorf("a message of %d bytes", len(got))
	}
}

var _ ExecSync = (*runtimeFake)(nil)

func hookManager(t *testing.T, r *runtimeFake) *Manager {
	t.Helper()
	m, err := New(Config{Exec: r}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

func TestHooks(t *testing.T) {
	r := newRuntime()
	r.script("good", always(0))
	r.script("bad", always(3))
	m := hookManager(t, r)
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer s.Close()
	handlers := map[string]struct {
		h    *corev1.LifecycleHandler
		want string
	}{
		"none":       {nil, ""},
		"exec":       {&corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"good"}}}, ""},
		"exec fails": {&corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"bad"}}}, "exited with 3: said bad"},
		"any answer": {&corev1.LifecycleHandler{HttpGet: &corev1.HTTPGetAction{Port: number(portOf(t, s.Listener.Addr().String()))}}, ""},
		"no answer":  {&corev1.LifecycleHandler{HttpGet: &corev1.HTTPGetAction{Port: number(1), Host: "127.0.0.1"}}, "refused"},
		"no port":    {&corev1.LifecycleHandler{HttpGet: &corev1.HTTPGetAction{Port: named("x")}}, `"x"`},
		"tcp":        {&corev1.LifecycleHandler{TcpSocket: &corev1.TCPSocketAction{Port: number(1)}}, ""},
	}
	for name, c := range handlers {
		for kind, run := range map[string]func(context.Context, PodRef, *corev1.Container, string, string) error{"postStart": m.RunPostStart, "preStop": m.RunPreStop} {
			container := &corev1.Container{Name: "main", Lifecycle: &corev1.Lifecycle{PostStart: c.h}}
			if kind == "preStop" {
				container.Lifecycle = &corev1.Lifecycle{PreStop: c.h}
			}
			err := run(t.Context(), pod, container, "c1", "127.0.0.1")
			if (c.want == "") != (err == nil) || (err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), kind))) {
				t.Errorf("%s %s: %v; want %q", kind, name, err, c.want)
			}
		}
	}
	if asked != 2 {
		t.Errorf("the HTTP hook was called %d times, want twice", asked)
	}
	if !slices.Contains(r.called(), "c1 [good]") {
		t.Errorf("calls are %q", r.called())
	}
}

func TestHookDeadline(t *testing.T) {
	r := newRuntime()
	r.hang = true
	m := hookManager(t, r)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	sleeper := &corev1.Container{Name: "main", Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 3600}}}}
	if err := m.RunPreStop(ctx, pod, sleeper, "c1", ""); err == nil {
		t.Error("a sleep that is cut short must be told")
	}
	command := &corev1.Container{Name: "main", Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"x"}}}}}
	if err := m.RunPreStop(ctx, pod, command, "c1", ""); err == nil {
		t.Error("no time was left for the command")
	}
	if len(r.called()) != 0 {
		t.Error("a command was run with no time left")
	}
}
