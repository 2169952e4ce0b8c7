package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/observed"
)

// interactive starts a container with a standard input that ends with the first attachment's.
func (b *bench) interactive(id string, box *containerconfig.Sandbox, script string) string {
	b.Helper()
	img, err := b.Image(b.ctx, b.s.Image)
	b.must(err)
	c, err := b.CreateContainer(b.ctx, id, &containerconfig.Container{
		Name: "c", Image: img.ID, ImageName: b.s.Image, Command: []string{"sh", "-c", script}, Labels: b.labels(box.UID, "c"),
		LogPath: "c.log", Stdin: true, StdinOnce: true, Security: containerconfig.ContainerSecurity{Namespaces: box.Security.Namespaces},
	}, box)
	b.must(err)
	b.must(b.StartContainer(b.ctx, c))
	return c
}

func execStreams(b *bench) {
	box, cfg := b.sandbox("exec-streams")
	id := b.started(box, cfg, forever)
	var out bytes.Buffer
	b.must(b.Exec(b.ctx, id, []string{"cat"}, cri.Streams{Stdin: strings.NewReader("there and back"), Stdout: &out}))
	if out.String() != "there and back" {
		b.Errorf("%q", out.String())
	}
	var exit *cri.ExitError
	if err := b.Exec(b.ctx, id, []string{"sh", "-c", "exit 5"}, cri.Streams{Stdout: io.Discard}); !errors.As(err, &exit) || exit.Code != 5 {
		b.Errorf("exit 5: %v", err)
	}
	if err := b.Exec(b.ctx, "none", []string{"true"}, cri.Streams{Stdout: io.Discard}); !cri.IsNotFound(err) {
		b.Errorf("a container that is not there: %v", err)
	}
}

// signaled is a buffer that tells when it has something.
type signaled struct {
	mu   sync.Mutex
	data bytes.Buffer
	wake chan struct{}
}

func newSignaled() *signaled { return &signaled{wake: make(chan struct{}, 1)} }

func (s *signaled) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return s.data.Write(p)
}

func (s *signaled) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.String()
}

// await waits until the buffer holds a text.
func (b *bench) await(s *signaled, text string) {
	b.Helper()
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.wake:
		case <-b.ctx.Done():
			b.Fatalf("%q has no %q", s.String(), text)
		}
	}
}

func attaches(b *bench) {
	box, cfg := b.sandbox("attaches")
	id := b.interactive(box, cfg, "cat")
	watcher, watching := newSignaled(), make(chan error, 1)
	go func() { watching <- b.Attach(b.ctx, id, cri.Streams{Stdout: watcher}) }()
	in, typed := io.Pipe()
	out, done := newSignaled(), make(chan error, 1)
	go func() { done <- b.Attach(b.ctx, id, cri.Streams{Stdin: in, Stdout: out}) }()
	for _, line := range []string{"one\n", "two\n"} {
		if _, err := io.WriteString(typed, line); err != nil {
			b.Fatal(err)
		}
		b.await(out, line)
	}
	for i := 0; watcher.String() == ""; i++ { // it may come late
		line := fmt.Sprintf("more %d\n", i)
		if _, err := io.WriteString(typed, line); err != nil {
			b.Fatal(err)
		}
		b.await(out, line)
	}
	typed.Close() // with which cat ends, and so do both attachments
	b.must(<-done)
	if c := b.awaitExit(id); c.ExitCode != 0 {
		b.Errorf("%+v", c)
	}
	b.must(<-watching)
	if err := b.Attach(b.ctx, id, cri.Streams{Stdout: io.Discard}); err == nil {
		b.Error("attached to a container that has ended")
	}
	if err := b.Attach(b.ctx, "none", cri.Streams{Stdout: io.Discard}); !cri.IsNotFound(err) {
		b.Errorf("a container that is not there: %v", err)
	}
}

func attachmentsEnd(b *bench) {
	box, cfg := b.sandbox("attach-ends")
	id := b.started(box, cfg, forever)
	ctx, cancel := context.WithCancel(b.ctx)
	gone := make(chan error, 1)
	go func() { gone <- b.Attach(ctx, id, cri.Streams{Stdout: io.Discard}) }()
	cancel()
	if err := <-gone; err == nil {
		b.Error("the caller's end is no error")
	}
	if c, err := b.Container(b.ctx, id); err != nil || c.State != observed.Running {
		b.Errorf("after the caller went: %+v %v", c, err)
	}
}

// connect connects to a port until something listens there.
func (b *bench) connect(box string, port uint16, hello string) cri.Conn {
	b.Helper()
	for {
		conn, err := b.PortForward(b.ctx, box, port)
		b.must(err)
		if _, err := io.WriteString(conn, hello); err == nil {
			got := make([]byte, len(hello))
			if _, err = io.ReadFull(conn, got); err == nil {
				if string(got) != hello {
					b.Fatalf("%q came back as %q", hello, got)
				}
				return conn
			}
			if !errors.Is(err, cri.ErrRefused) {
				b.Fatalf("%v", err)
			}
		}
		conn.Close()
		select {
		case <-time.After(20 * time.Millisecond): // the program has not come to listening yet
		case <-b.ctx.Done():
			b.Fatal("nobody listens")
		}
	}
}

func forwards(b *bench) {
	box, cfg := b.sandbox("forwards")
	id := b.started(box, cfg, "nc -ll -p 8080 -e cat")
	conn := b.connect(box, 8080, "hello")
	defer conn.Close()
	// More than any buffer on the way holds, both ways at once.
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	go func() { _, _ = conn.Write(big) }()
	got := make([]byte, len(big))
	if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, big) {
		b.Errorf("%d bytes came back otherwise: %v", len(big), err)
	}
	second := b.connect(box, 8080, "second")
	b.must(second.CloseWrite())
	if rest, err := io.ReadAll(second); err != nil || len(rest) != 0 {
		b.Errorf("after the end: %q %v", rest, err)
	}
	second.Close()
	refused, err := b.PortForward(b.ctx, box, 8081)
	b.must(err)
	if _, err := refused.Read(make([]byte, 1)); !errors.Is(err, cri.ErrRefused) {
		b.Errorf("a port where nothing listens: %v", err)
	}
	refused.Close()
	third := b.connect(box, 8080, "third")
	read := make(chan error, 1)
	go func() {
		_, err := third.Read(make([]byte, 1))
		read <- err
	}()
	third.Close()
	if err := <-read; err == nil {
		b.Error("closing does not end a reading")
	}
	b.must(b.StopContainer(b.ctx, id, 0))
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		b.Error("the connection outlives the container")
	}
	b.must(b.StopSandbox(b.ctx, box))
	if _, err := b.PortForward(b.ctx, box, 8080); err == nil {
		b.Error("connected to a sandbox that has stopped")
	}
	if _, err := b.PortForward(b.ctx, "none", 8080); !cri.IsNotFound(err) {
		b.Errorf("a sandbox that is not there: %v", err)
	}
}
