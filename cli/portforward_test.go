package cli_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
)

type forwardStream = grpc.BidiStreamingServer[corev1.PodPortForwardRequest, corev1.PodPortForwardResponse]

const forwardable = `---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: default, labels: {app: api}}
spec: {nodeName: n1, containers: [{name: main, image: i, ports: [{name: http, containerPort: 8080}, {name: dns, containerPort: 53, protocol: UDP}]}]}
status: {phase: Running}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: default}
spec:
  clusterIP: 10.96.0.2
  selector: {app: api}
  ports: [{name: web, port: 80, targetPort: http}, {name: metrics, port: 90, targetPort: 9090}, {name: same, port: 91}, {name: dns, port: 53, protocol: UDP}]
`

// answers says to which port and what it was told, once the caller has said all; nothing listens at 81.
func answers(start *corev1.PodPortForwardStart, stream forwardStream) error {
	if start.GetPort() == 81 {
		return apierror.ToStatus(apierror.FailedPrecondition("nothing listens on port 81"))
	}
	var all []byte
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return stream.Send(&corev1.PodPortForwardResponse{Data: []byte(fmt.Sprintf("%s:%d %s", start.GetName(), start.GetPort(), all))})
		}
		if err != nil {
			return err
		}
		all = append(all, m.GetData()...)
	}
}

// forwarding is a port-forward that runs.
type forwarding struct {
	t         *testing.T
	out, errs *buffer
	stop      context.CancelFunc
	code      func() int
}

func (s *shell) forwards(args ...string) forwarding {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	f := forwarding{s.t, newBuffer(), newBuffer(), cancel, nil}
	f.code = s.start(ctx, f.out, f.errs, append([]string{"port-forward"}, args...)...)
	return f
}

// to is the local address that leads to a port.
func (f forwarding) to(port int) string {
	f.t.Helper()
	f.out.await(f.t, fmt.Sprintf("-> %d\n", port))
	m := regexp.MustCompile(fmt.Sprintf(`Forwarding from (127\.0\.0\.1:\d+) -> %d\n`, port)).FindStringSubmatch(f.out.String())
	if m == nil {
		f.t.Fatal(f.out.String())
	}
	return m[1]
}

// ask sends a question, says that this is all, and reads the answer.
func ask(address, question string) (string, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, question); err != nil {
		return "", err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return "", err
	}
	b, err := io.ReadAll(conn)
	return string(b), err
}

func TestPortForwardCarriesConnections(t *testing.T) {
	s, n, _ := newNodeOf(t, forwardable)
	n.forward = answers
	f := s.forwards("api", ":8080", "0:81", ":http")
	at := f.to(8080)
	big := strings.Repeat("x", 1<<20)
	for _, question := range []string{"one", "two", big} {
		if got, err := ask(at, question); err != nil || got != "api:8080 "+question {
			t.Errorf("%d bytes came back, %v", len(got), err)
		}
	}
	// A failure on one connection is seen by its program, told, and does not end the rest.
	if got, err := ask(f.to(81), "x"); err == nil {
		t.Errorf("a port where nothing listens answers %q", got)
	}
	f.errs.await(t, "nothing listens on port 81")
	if got, err := ask(at, "again"); err != nil || got != "api:8080 again" {
		t.Errorf("%q, %v", got, err)
	}
	f.stop()
	if code := f.code(); code != 130 {
		t.Errorf("exit status %d", code)
	}
	if _, err := net.Dial("tcp", at); err == nil {
		t.Error("it listens after its end")
	}
	if !strings.Contains(f.out.String(), "Handling connection for "+at[strings.LastIndex(at, ":")+1:]) {
		t.Error(f.out)
	}
}

func TestPortForwardToServices(t *testing.T) {
	s, n, _ := newNodeOf(t, forwardable)
	n.forward = answers
	f := s.forwards("service/api", ":80", ":metrics", ":91")
	for port, want := range map[int]string{8080: "api:8080 q", 9090: "api:9090 q", 91: "api:91 q"} {
		if got, err := ask(f.to(port), "q"); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

func TestPortForwardEndsWithThePod(t *testing.T) {
	s, n, api := newNodeOf(t, forwardable)
	n.forward = answers
	pods := client.Of[*corev1.Pod](api.Client())
	f := s.forwards("api", ":8080")
	f.to(8080)
	if err := pods.Delete(t.Context(), "default", "api", &metav1.DeleteOptions{GracePeriodSeconds: proto.Int64(0)}); err != nil {
		t.Fatal(err)
	}
	if code := f.code(); code != 1 || !strings.Contains(f.errs.String(), "pod api was deleted") {
		t.Errorf("exit status %d: %s", code, f.errs)
	}
	s, n, api = newNodeOf(t, forwardable)
	n.forward = answers
	pods = client.Of[*corev1.Pod](api.Client())
	f = s.forwards("api", ":8080")
	f.to(8080)
	api.BreakWatches() // not to hear of the pod for a while is no reason to end
	p, err := pods.Get(t.Context(), "default", "api")
	if err != nil {
		t.Fatal(err)
	}
	p = proto.CloneOf(p)
	p.Status.Phase = "Failed"
	if _, err := pods.UpdateStatus(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if code := f.code(); code != 1 || !strings.Contains(f.errs.String(), "pod api has ended (Failed)") {
		t.Errorf("exit status %d: %s", code, f.errs)
	}
}

func TestPortForwardMistakes(t *testing.T) {
	s, _, _ := newNodeOf(t, running+twoContainers+forwardable)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := fmt.Sprint(taken.Addr().(*net.TCPAddr).Port)
	s.fails([]string{"which ports"}, "port-forward", "api")
	s.fails([]string{`"80:80:80"`}, "port-forward", "api", "80:80:80")
	s.fails([]string{`local port "x"`}, "port-forward", "api", "x:80")
	s.fails([]string{"1 to 65535"}, "port-forward", "api", "70000")
	s.fails([]string{`names no port "htpt"`, "http"}, "port-forward", "api", ":htpt")
	s.fails([]string{"only TCP"}, "port-forward", "api", ":dns")
	s.fails([]string{`no TCP port "82"`, "80 web, 90 metrics"}, "port-forward", "svc/api", ":82")
	s.fails([]string{"only TCP"}, "port-forward", "svc/api", ":dns")
	s.fails([]string{"cannot listen on port " + port, "`:80` takes any"}, "port-forward", "api", port+":80")
	s.fails([]string{`"nowhere" is no IP address`}, "port-forward", "api", ":80", "--address=nowhere")
	s.fails([]string{"has ended (Succeeded)"}, "port-forward", "done", ":80")
	s.fails([]string{"does not run after"}, "port-forward", "web-2", ":80", "--pod-running-timeout=50ms")
}
