package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

// forwarding is a port-forward that runs on a terminal.
type forwarding struct{ *console }

func (r *rig) forwards(args ...string) forwarding {
	r.t.Helper()
	return forwarding{r.console(append([]string{"port-forward"}, args...)...)}
}

// to is the local address that leads to a port.
func (f forwarding) to(port int) string {
	f.r.t.Helper()
	pattern := regexp.MustCompile(fmt.Sprintf(`Forwarding from (127\.0\.0\.1:\d+) -> %d\r?\n`, port))
	var at string
	until(f.r.t, fmt.Sprintf("port %d is forwarded", port), func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		m := pattern.FindStringSubmatch(f.seen.String())
		if m == nil {
			return fmt.Errorf("it shows %q", f.seen.String())
		}
		at = m[1]
		return nil
	})
	return at
}

// asks sends something, says that this is all, and reads the answer.
func asks(address, question string) (string, error) {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, question); err != nil {
		return "", err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	b, err := io.ReadAll(conn)
	return string(b), err
}

const forwardPods = `
apiVersion: v1
kind: Pod
metadata: {name: forward}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: web, image: IMAGE, command: [sh, -c, 'mkdir /tmp/w; echo page of forward > /tmp/w/page; exec httpd -f -p 127.0.0.1:8080 -h /tmp/w']}
  - {name: echo, image: IMAGE, command: [nc, -ll, -p, "9000", -e, cat]}
  - name: slow
    image: IMAGE
    command: [nc, -ll, -p, "9001", -e, sh, -c, 'read x; sleep 2; echo slow answer to $x']
---
apiVersion: v1
kind: Pod
metadata: {name: forward-host}
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers: [{name: echo, image: IMAGE, command: [nc, -ll, -p, "PORT", -e, cat]}]
`

func portForwarding(r *rig) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	r.run(strings.ReplaceAll(forwardPods, "PORT", fmt.Sprint(port)))
	r.ready("forward")
	r.ready("forward-host")
	f := r.forwards("forward", ":8080", ":9000", ":9001", ":9002")
	web, echo, slow, nothing := f.to(8080), f.to(9000), f.to(9001), f.to(9002)
	until(r.t, "the page comes", func() error {
		page, err := get("http://" + web + "/page")
		if err == nil && page != "page of forward\n" {
			err = fmt.Errorf("%q", page)
		}
		return err
	})
	// A question whose end has been said is answered, though the answer takes longer than the runtime waits.
	if got, err := asks(web, "GET /page HTTP/1.0\r\n\r\n"); err != nil || !strings.HasSuffix(got, "page of forward\n") {
		r.t.Errorf("%q, %v", got, err)
	}
	if got, err := asks(slow, "question\n"); err != nil || got != "slow answer to question\n" {
		r.t.Errorf("%q, %v", got, err)
	}
	if got, err := asks(nothing, "x"); err == nil {
		r.t.Errorf("a port where nothing listens answers %q", got)
	}
	f.shows("nothing listens on port 9002")
	// Many at once, each whole, while one reads nothing.
	stuck, err := net.Dial("tcp", echo)
	if err != nil {
		r.t.Fatal(err)
	}
	defer stuck.Close()
	go func() {
		b := make([]byte, 64<<10)
		for {
			if _, err := stuck.Write(b); err != nil {
				return
			}
		}
	}()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := echoes(echo, strings.Repeat(string(rune('a'+i)), 1<<20)); err != nil {
				r.t.Error(err)
			}
		})
	}
	all.Wait()
	host := r.forwards("forward-host", fmt.Sprintf("0:%d", port))
	if err := echoes(host.to(port), "to the host"); err != nil {
		r.t.Error(err)
	}
	for _, c := range []forwarding{f, host} {
		c.types("\x03")
		c.ends(130)
	}
	r.fails(1, []string{"not found"}, "port-forward", "no-such-pod", "80")
	r.fails(1, []string{"names no port"}, "port-forward", "forward", ":http")
	r.remove("forward")
	r.remove("forward-host")
}

// echoes checks that everything comes back over one connection.
func echoes(address, text string) error {
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, text)
		sent <- err
	}()
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("%d bytes came back otherwise", len(text))
	}
	return <-sent
}

func forwardServices(r *rig) {
	r.run(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: forward-web}
spec:
  replicas: 2
  selector: {matchLabels: {app: forward-web}}
  template:
    metadata: {labels: {app: forward-web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: IMAGE
        command: [sh, -c, 'mkdir /tmp/w; echo page > /tmp/w/page; exec httpd -f -p 8080 -h /tmp/w']
        ports: [{name: http, containerPort: 8080}]
---
apiVersion: v1
kind: Service
metadata: {name: forward-web}
spec:
  selector: {app: forward-web}
  ports: [{name: web, port: 80, targetPort: http}]
`)
	r.kaji("rollout", "status", "deployment/forward-web", "--timeout=3m")
	for _, args := range [][]string{{"service/forward-web", ":80"}, {"svc/forward-web", ":web"}, {"deployment/forward-web", ":http"}, {"deploy/forward-web", ":8080"}} {
		f := r.forwards(args...)
		at := f.to(8080)
		until(r.t, "the page comes", func() error {
			page, err := get("http://" + at + "/page")
			if err == nil && page != "page\n" {
				err = fmt.Errorf("%q", page)
			}
			return err
		})
		f.types("\x03")
		f.ends(130)
	}
	r.fails(1, []string{"no TCP port", "80 web"}, "port-forward", "service/forward-web", ":81")
	r.kaji("delete", "deployment/forward-web", "service/forward-web")
}

func forwardEnds(r *rig) {
	r.run(`
apiVersion: v1
kind: Pod
metadata: {name: forward-ends}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers: [{name: echo, image: IMAGE, command: [nc, -ll, -p, "9000", -e, cat]}]
`)
	r.ready("forward-ends")
	f := r.forwards("forward-ends", ":9000")
	at := f.to(9000)
	until(r.t, "the port answers", func() error { return echoes(at, "hello") })
	err := client.Of[*corev1.Pod](r.api).Delete(context.Background(), "default", "forward-ends", &metav1.DeleteOptions{GracePeriodSeconds: proto.Int64(1)})
	if err != nil {
		r.t.Fatal(err)
	}
	f.ends(1)
	f.shows("forwarding ends")
}
