package e2e

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

// way is a connection to the API that can be broken.
type way struct {
	to string

	mu       sync.Mutex
	broken   bool
	listener net.Listener
	open     map[net.Conn]bool
}

// way makes a configuration that leads to the API over it.
func (r *rig) way() (w *way, config string) {
	r.t.Helper()
	path := ""
	for _, kv := range r.env {
		if v, ok := strings.CutPrefix(kv, "KAJI_CONFIG="); ok {
			path = v
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	at := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	w = &way{to: at.FindString(string(b)), open: map[net.Conn]bool{}}
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		w.listener.Close()
		w.breaks(true)
	})
	go w.serve()
	config = filepath.Join(r.t.TempDir(), "config")
	if err := os.WriteFile(config, at.ReplaceAll(b, []byte(w.listener.Addr().String())), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return w, config
}

func (w *way) serve() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.to)
		if err != nil || !w.keep(in, out) {
			in.Close()
			continue
		}
		go func() { _, _ = io.Copy(out, in); out.Close() }()
		go func() { _, _ = io.Copy(in, out); in.Close() }()
	}
}

// keep remembers connections, unless the way is broken.
func (w *way) keep(all ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range all {
		if w.broken {
			c.Close()
		} else {
			w.open[c] = true
		}
	}
	return !w.broken
}

func (w *way) breaks(broken bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = broken
	if broken {
		for c := range w.open {
			c.Close()
			delete(w.open, c)
		}
	}
}

// draws waits until a text is on a screen that is drawn anew.
func (c *console) draws(text string) {
	c.r.t.Helper()
	until(c.r.t, "the screen shows "+text, func() error {
		c.mu.Lock()
		c.seen.Reset()
		c.mu.Unlock()
		c.types("\x0c")
		var err error
		for range 20 {
			if err = c.has(text); err == nil {
				return nil
			}
			time.Sleep(50 * time.Millisecond)
		}
		return err
	})
}

func screen(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: seen-1, labels: {app: seen}}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: IMAGE, command: [sh, -c, 'while :; do echo tick-tock; sleep 0.2; done']}]
`)
	r.ready("seen-1")
	way, config := r.way()
	c := r.console("ui", "--config", config)
	c.draws("seen-1")
	c.types("/seen-\r")
	c.draws("/seen-")
	// What comes is there without a question.
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: seen-2}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: main, image: IMAGE, command: [sleep, "1000"]}]
`)
	c.draws("seen-2")
	c.types("d")
	c.draws("describe")
	c.draws("Namespace:")
	c.types("q")
	c.types("l")
	c.draws("tick-tock")
	c.types("q")
	way.breaks(true)
	c.draws("connection lost")
	r.remove("seen-2")
	r.pod("seen-1", "is there", func(*corev1.Pod) bool { return true })
	way.breaks(false)
	c.draws("1 of ")
	c.resizes(80, 24)
	c.draws("seen-1")
	c.types("x")
	c.draws("Delete pod/seen-1")
	c.types("y")
	c.draws("there are none")
	r.gone("seen-1")
	c.types(":nodes\r")
	c.draws("node-1")
	c.draws("REQUESTED")
	c.types(":events\r")
	c.draws("Scheduled")
	c.types("q")
	c.ends(0)
	r.fails(1, []string{"wants a terminal"}, "ui")
}
