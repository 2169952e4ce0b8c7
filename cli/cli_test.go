package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"kaji.dev/kaji/cli"
	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/fake"
	"kaji.dev/kaji/kind"
	"kaji.dev/kaji/manifest"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// buffer is a bytes.Buffer that a test may read while a command writes.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
	// changed is sent to after a write, when there is room.
	changed chan struct{}
}

func newBuffer() *buffer { return &buffer{changed: make(chan struct{}, 1)} }

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.changed <- struct{}{}:
	default:
	}
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// await waits until the text is there.
func (b *buffer) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for !strings.Contains(b.String(), text) {
		select {
		case <-b.changed:
		case <-deadline:
			t.Fatalf("no %q in:\n%s", text, b.String())
		}
	}
}

// shell runs commands against one API.
type shell struct {
	t      *testing.T
	client *client.Client
	in     string
	stdin  io.Reader // in place of in
	config string
}

type result struct {
	out, err string
	code     int
}

func newShell(t *testing.T, c *client.Client) *shell { return &shell{t: t, client: c} }

func (s *shell) start(ctx context.Context, out, errs *buffer, args ...string) (code func() int) {
	var in io.Reader = strings.NewReader(s.in)
	if s.stdin != nil {
		in = s.stdin
	}
	root := cli.NewRootCommand(cli.Options{
		Streams: cli.Streams{In: in, Out: out, Err: errs},
		Now:     func() time.Time { return now }, Client: s.client, Version: "test",
	})
	if s.config != "" {
		args = append([]string{"--config", s.config}, args...)
	}
	root.SetArgs(args)
	done := make(chan int, 1)
	go func() { done <- cli.Execute(ctx, root) }()
	return func() int {
		s.t.Helper()
		select {
		case code := <-done:
			return code
		case <-time.After(20 * time.Second):
			s.t.Fatalf("kaji %s does not end; it said:\n%s%s", strings.Join(args, " "), out, errs)
			return 0
		}
	}
}

// run runs a command to its end.
func (s *shell) run(args ...string) result {
	s.t.Helper()
	out, errs := newBuffer(), newBuffer()
	code := s.start(s.t.Context(), out, errs, args...)()
	return result{out.String(), errs.String(), code}
}

// ok runs a command that must succeed and returns what it wrote.
func (s *shell) ok(args ...string) string {
	s.t.Helper()
	r := s.run(args...)
	if r.code != 0 {
		s.t.Fatalf("kaji %s: exit status %d\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	return r.out
}

// fails runs a command that must fail with status 1 and say all of the texts.
func (s *shell) fails(texts []string, args ...string) {
	s.t.Helper()
	r := s.run(args...)
	if r.code != 1 {
		s.t.Errorf("kaji %s: exit status %d, want 1\n%s%s", strings.Join(args, " "), r.code, r.out, r.err)
	}
	for _, text := range texts {
		if !strings.Contains(r.err, text) {
			s.t.Errorf("kaji %s: no %q in\n%s", strings.Join(args, " "), text, r.err)
		}
	}
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// objects reads a manifest for the API to begin with.
func objects(t *testing.T, text string) []kind.Object {
	t.Helper()
	docs, err := manifest.Decode(strings.NewReader(text), "test", manifest.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	var out []kind.Object
	for _, d := range docs {
		out = append(out, d.Object)
	}
	return out
}

func server(t *testing.T, text string) *fake.Server {
	t.Helper()
	s := fake.NewServer(objects(t, text)...)
	s.SetNow(func() time.Time { return now })
	return s
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	return writeIn(t, t.TempDir(), name, text)
}

func writeIn(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// join routes some services to a gRPC server of the test and everything else to the API in memory.
type join struct {
	api   grpc.ClientConnInterface
	other grpc.ClientConnInterface
	// methods are prefixes of what goes to other.
	methods []string
}

func (j *join) pick(method string) grpc.ClientConnInterface {
	for _, m := range j.methods {
		if strings.HasPrefix(method, m) {
			return j.other
		}
	}
	return j.api
}

func (j *join) Invoke(ctx context.Context, method string, args, reply any, o ...grpc.CallOption) error {
	return j.pick(method).Invoke(ctx, method, args, reply, o...)
}

func (j *join) NewStream(ctx context.Context, d *grpc.StreamDesc, method string, o ...grpc.CallOption) (grpc.ClientStream, error) {
	return j.pick(method).NewStream(ctx, d, method, o...)
}

// serve runs a gRPC server in memory for the test's services.
func serve(t *testing.T, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	register(s)
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	})
	return conn
}
