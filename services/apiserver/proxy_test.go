package apiserver_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/hashicorp/go-hclog"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	agentv1 "kaji.dev/kaji/gen/kaji/agent/v1"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	schedulerv1 "kaji.dev/kaji/gen/kaji/scheduler/v1"
	"kaji.dev/kaji/grpcserver"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/services/apiserver/apitest"
)

func healthy(c *client.Client) error {
	resp, err := healthv1.NewHealthClient(c.Conn()).Check(context.Background(), &healthv1.HealthCheckRequest{})
	if err == nil && resp.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		err = fmt.Errorf("status %s", resp.GetStatus())
	}
	return err
}

// agent echoes what it is asked.
type agent struct {
	agentv1.UnimplementedAgentServiceServer
}

func (agent) Logs(req *corev1.PodLogsRequest, stream agentv1.AgentService_LogsServer) error {
	who, _ := identity.FromContext(stream.Context())
	for _, line := range []string{who.Name, req.GetUid(), req.GetOptions().GetContainer()} {
		if err := stream.Send(&corev1.PodLogsResponse{Data: []byte(line + "\n")}); err != nil {
			return err
		}
	}
	return nil
}

func (agent) Exec(stream agentv1.AgentService_ExecServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if first.GetStart().GetOptions().GetCommand()[0] == "missing" {
		return apierror.ToStatus(apierror.NotFound("container", "", first.GetStart().GetOptions().GetContainer()))
	}
	for {
		req, err := stream.Recv()
		if err == io.EOF || req.GetCloseStdin() {
			return stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Exit{Exit: &corev1.PodExecExit{Code: 3}}})
		}
		if err != nil {
			return err
		}
		if err := stream.Send(&corev1.PodExecResponse{Message: &corev1.PodExecResponse_Stdout{Stdout: req.GetStdin()}}); err != nil {
			return err
		}
	}
}

// Attach gives back what it is sent, after the container's name, and breaks off at "break".
func (agent) Attach(stream agentv1.AgentService_AttachServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	out := []byte(first.GetStart().GetOptions().GetContainer())
	for {
		if err := stream.Send(&corev1.PodAttachResponse{Message: &corev1.PodAttachResponse_Stdout{Stdout: out}}); err != nil {
			return err
		}
		req, err := stream.Recv()
		if err == io.EOF || req.GetCloseStdin() {
			return nil
		}
		if err != nil {
			return err
		}
		if out = req.GetStdin(); string(out) == "break" {
			return apierror.ToStatus(apierror.Unavailable("the agent is stopping"))
		}
	}
}

// PortForward answers with everything once the caller has said all.
func (agent) PortForward(stream agentv1.AgentService_PortForwardServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if first.GetStart().GetPort() == 81 {
		return apierror.ToStatus(apierror.FailedPrecondition("nothing listens on port 81"))
	}
	all := []byte(first.GetStart().GetUid() + " ")
	for {
		req, err := stream.Recv()
		if err == io.EOF {
			return stream.Send(&corev1.PodPortForwardResponse{Data: all})
		}
		if err != nil {
			return err
		}
		all = append(all, req.GetData()...)
	}
}

// explainer answers every question in the same way.
type explainer struct {
	schedulerv1.UnimplementedSchedulerServiceServer
}

func (explainer) Explain(_ context.Context, req *schedulerv1.ExplainRequest) (*schedulerv1.ExplainResponse, error) {
	return &schedulerv1.ExplainResponse{Message: "about " + req.GetName()}, nil
}

// startAgent serves as a node's agent and as a scheduler, and returns its port.
func startAgent(t *testing.T, s *apitest.Server, who identity.Identity, hosts ...string) *net.TCPAddr {
	t.Helper()
	server := check(grpcserver.New(grpcserver.Config{
		Address: "127.0.0.1:0", TLS: check(identity.ServerTLS(s.Files(who, hosts...)))(t),
	}, hclog.NewNullLogger()))(t)
	agentv1.RegisterAgentServiceServer(server.Registrar(), agent{})
	schedulerv1.RegisterSchedulerServiceServer(server.Registrar(), explainer{})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return server.Addr().(*net.TCPAddr)
}

// startNode is a node n1 with an agent.
func startNode(t *testing.T, s *apitest.Server) {
	t.Helper()
	address := startAgent(t, s, identity.Identity{Name: identity.NodeName("n1"), Groups: []string{identity.GroupNodes}}, identity.NodeHost("n1"))
	check(client.Of[*corev1.Node](s.Client()).Create(t.Context(), &corev1.Node{
		Metadata: &metav1.ObjectMeta{Name: "n1"},
		Status: &corev1.NodeStatus{
			Addresses:       []*corev1.NodeAddress{{Type: "Hostname", Address: "n1"}, {Type: "InternalIP", Address: "127.0.0.1"}},
			DaemonEndpoints: &corev1.NodeDaemonEndpoints{KubeletEndpoint: &corev1.DaemonEndpoint{Port: int32(address.Port)}},
		},
	}))(t)
}

func TestLogsAndExecReachTheNode(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	startNode(t, s)
	pods := client.Of[*corev1.Pod](s.Client())
	p := check(pods.Create(ctx, newPod("one")))(t)
	two := newPod("two")
	two.Spec.Containers = append(two.Spec.Containers, &corev1.Container{Name: "side", Image: "registry.test/side:1"})
	check(pods.Create(ctx, two))(t)
	bind(t, s, "two", "n1")
	api := corev1.NewPodServiceClient(s.Client().Conn())

	logs := func(name, container string) (string, error) {
		stream, err := api.GetPodLogs(ctx, &corev1.PodLogsRequest{Namespace: "default", Name: name, Options: &corev1.PodLogOptions{Container: container}})
		if err != nil {
			return "", err
		}
		var out string
		for {
			m, err := stream.Recv()
			if err == io.EOF {
				return out, nil
			}
			if err != nil {
				return out, apierror.FromStatus(err)
			}
			out += string(m.GetData())
		}
	}
	if _, err := logs("one", ""); apierror.ReasonOf(err) != apierror.ReasonFailedPrecondition {
		t.Errorf("logs of a pod on no node: %v", err)
	}
	bind(t, s, "one", "n1")
	want := fmt.Sprintf("%s\n%s\nmain\n", identity.APIServer, p.GetMetadata().GetUid())
	if got, err := logs("one", ""); err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for name, container := range map[string]string{"two": "", "one": "other"} {
		if _, err := logs(name, container); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
			t.Errorf("logs of container %q of %s: %v", container, name, err)
		}
	}
	if _, err := logs("absent", ""); !apierror.IsNotFound(err) {
		t.Errorf("logs of no pod: %v", err)
	}

	exec := check(api.ExecPod(ctx))(t)
	start := func(command ...string) *corev1.PodExecRequest {
		return &corev1.PodExecRequest{Message: &corev1.PodExecRequest_Start{Start: &corev1.PodExecStart{
			Namespace: "default", Name: "two", Options: &corev1.PodExecOptions{Container: "side", Command: command},
		}}}
	}
	if err := exec.Send(start("cat")); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"hello", "world"} {
		if err := exec.Send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_Stdin{Stdin: []byte(word)}}); err != nil {
			t.Fatal(err)
		}
		if got := check(exec.Recv())(t); string(got.GetStdout()) != word {
			t.Errorf("got %v, want %s", got, word)
		}
	}
	if err := exec.Send(&corev1.PodExecRequest{Message: &corev1.PodExecRequest_CloseStdin{CloseStdin: true}}); err != nil {
		t.Fatal(err)
	}
	if got := check(exec.Recv())(t); got.GetExit().GetCode() != 3 {
		t.Errorf("it ended with %v", got)
	}
	if _, err := exec.Recv(); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
	for command, reason := range map[string]apierror.Reason{"missing": apierror.ReasonNotFound, "": apierror.ReasonBadRequest} {
		exec = check(api.ExecPod(ctx))(t)
		req := start(command)
		if command == "" {
			req = start()
		}
		if err := exec.Send(req); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.Recv(); apierror.ReasonOf(apierror.FromStatus(err)) != reason {
			t.Errorf("exec %q: %v", command, err)
		}
	}
}

func TestAttachReachesTheNode(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	startNode(t, s)
	check(client.Of[*corev1.Pod](s.Client()).Create(ctx, newPod("one")))(t)
	bind(t, s, "one", "n1")
	attach := func(c *client.Client, name string, said ...*corev1.PodAttachRequest) (heard string, err error) {
		stream := check(corev1.NewPodServiceClient(c.Conn()).AttachPod(ctx))(t)
		start := &corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_Start{Start: &corev1.PodAttachStart{Namespace: "default", Name: name}}}
		for _, m := range append([]*corev1.PodAttachRequest{start}, said...) {
			if err := stream.Send(m); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
		for {
			m, err := stream.Recv()
			if err == io.EOF {
				return heard, nil
			}
			if err != nil {
				return heard, apierror.FromStatus(err)
			}
			heard += string(m.GetStdout()) + ";"
		}
	}
	stdin := func(text string) *corev1.PodAttachRequest {
		return &corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_Stdin{Stdin: []byte(text)}}
	}
	end := &corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_CloseStdin{CloseStdin: true}}
	if heard, err := attach(s.Client(), "one", stdin("a"), stdin("b"), end); err != nil || heard != "main;a;b;" {
		t.Errorf("heard %q, %v", heard, err)
	}
	if heard, err := attach(s.Client(), "one", stdin("a"), stdin("break")); !apierror.IsUnavailable(err) || heard != "main;a;" {
		t.Errorf("heard %q, %v", heard, err)
	}
	if _, err := attach(s.Client(), "one", &corev1.PodAttachRequest{Message: &corev1.PodAttachRequest_Start{Start: &corev1.PodAttachStart{Namespace: "default", Name: "two"}}}); apierror.ReasonOf(err) != apierror.ReasonBadRequest {
		t.Errorf("a second start: %v", err)
	}
	if _, err := attach(s.Client(), "absent"); !apierror.IsNotFound(err) {
		t.Errorf("no pod: %v", err)
	}
	if _, err := attach(s.Node("n1"), "one"); !apierror.IsForbidden(err) {
		t.Errorf("a node attaches: %v", err)
	}
}

func TestPortForwardReachesTheNode(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	startNode(t, s)
	p := check(client.Of[*corev1.Pod](s.Client()).Create(ctx, newPod("one")))(t)
	forward := func(c *client.Client, start *corev1.PodPortForwardStart, said ...string) (heard string, err error) {
		stream := check(corev1.NewPodServiceClient(c.Conn()).PortForwardPod(ctx))(t)
		start.Namespace = "default"
		if err := stream.Send(&corev1.PodPortForwardRequest{Message: &corev1.PodPortForwardRequest_Start{Start: start}}); err != nil {
			t.Fatal(err)
		}
		for _, text := range said {
			if err := stream.Send(&corev1.PodPortForwardRequest{Message: &corev1.PodPortForwardRequest_Data{Data: []byte(text)}}); err != nil && err != io.EOF {
				t.Fatal(err)
			}
		}
		if err := stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		for {
			m, err := stream.Recv()
			if err == io.EOF {
				return heard, nil
			}
			if err != nil {
				return heard, apierror.FromStatus(err)
			}
			heard += string(m.GetData())
		}
	}
	if _, err := forward(s.Client(), &corev1.PodPortForwardStart{Name: "one", Port: 80}); apierror.ReasonOf(err) != apierror.ReasonFailedPrecondition {
		t.Errorf("a pod on no node: %v", err)
	}
	bind(t, s, "one", "n1")
	uid := p.GetMetadata().GetUid()
	for range 2 { // over the same connection to the node
		if heard, err := forward(s.Client(), &corev1.PodPortForwardStart{Name: "one", Port: 80}, "a", "b"); err != nil || heard != uid+" ab" {
			t.Errorf("heard %q, %v", heard, err)
		}
	}
	for _, c := range []struct {
		client *client.Client
		start  *corev1.PodPortForwardStart
		want   apierror.Reason
	}{
		{s.Client(), &corev1.PodPortForwardStart{Name: "one", Port: 81}, apierror.ReasonFailedPrecondition},
		{s.Client(), &corev1.PodPortForwardStart{Name: "one", Port: 0}, apierror.ReasonBadRequest},
		{s.Client(), &corev1.PodPortForwardStart{Name: "one", Port: 65536}, apierror.ReasonBadRequest},
		{s.Client(), &corev1.PodPortForwardStart{Name: "absent", Port: 80}, apierror.ReasonNotFound},
		{s.Client(), &corev1.PodPortForwardStart{Name: "one", Uid: "another", Port: 80}, apierror.ReasonNotFound},
		{s.Node("n1"), &corev1.PodPortForwardStart{Name: "one", Port: 80}, apierror.ReasonForbidden},
	} {
		if _, err := forward(c.client, c.start); apierror.ReasonOf(err) != c.want {
			t.Errorf("%v: %v, want %s", c.start, err, c.want)
		}
	}
}

// A server that is not the pod's node is not spoken to, whatever its address.
func TestAnotherNodesCertificateIsRefused(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	address := startAgent(t, s, identity.Identity{Name: identity.NodeName("n2"), Groups: []string{identity.GroupNodes}}, identity.NodeHost("n2"))
	check(client.Of[*corev1.Node](s.Client()).Create(ctx, &corev1.Node{
		Metadata: &metav1.ObjectMeta{Name: "n1"},
		Status: &corev1.NodeStatus{
			Addresses:       []*corev1.NodeAddress{{Type: "InternalIP", Address: "127.0.0.1"}},
			DaemonEndpoints: &corev1.NodeDaemonEndpoints{KubeletEndpoint: &corev1.DaemonEndpoint{Port: int32(address.Port)}},
		},
	}))(t)
	check(client.Of[*corev1.Pod](s.Client()).Create(ctx, newPod("one")))(t)
	bind(t, s, "one", "n1")
	stream := check(corev1.NewPodServiceClient(s.Client().Conn()).GetPodLogs(ctx, &corev1.PodLogsRequest{Namespace: "default", Name: "one"}))(t)
	if _, err := stream.Recv(); !apierror.IsUnavailable(apierror.FromStatus(err)) {
		t.Errorf("got %v", err)
	}
}

func TestQuestionsReachTheLeadingScheduler(t *testing.T) {
	s := apitest.Start(t, nil)
	ctx := t.Context()
	api := schedulerv1.NewSchedulerServiceClient(s.Client().Conn())
	ask := func() (*schedulerv1.ExplainResponse, error) {
		return api.Explain(ctx, &schedulerv1.ExplainRequest{Namespace: "default", Name: "web"})
	}
	if _, err := ask(); !apierror.IsUnavailable(apierror.FromStatus(err)) {
		t.Errorf("without a scheduler: %v", err)
	}
	address := startAgent(t, s, identity.Identity{Name: identity.Scheduler, Groups: []string{identity.GroupComponents}}, "127.0.0.1")
	holder := "one"
	check(client.Of[*coordinationv1.Lease](s.Client()).Create(ctx, &coordinationv1.Lease{
		Metadata: &metav1.ObjectMeta{Namespace: "kaji-system", Name: "kaji-scheduler", Annotations: map[string]string{"kaji.dev/address": address.String()}},
		Spec:     &coordinationv1.LeaseSpec{HolderIdentity: &holder},
	}))(t)
	for range 2 {
		if got, err := ask(); err != nil || got.GetMessage() != "about web" {
			t.Errorf("got %v, %v", got, err)
		}
	}
	if _, err := schedulerv1.NewSchedulerServiceClient(s.Node("n1").Conn()).Explain(ctx, &schedulerv1.ExplainRequest{Namespace: "default", Name: "web"}); !apierror.IsForbidden(apierror.FromStatus(err)) {
		t.Errorf("a node asks about a pod that is not its own: %v", err)
	}
}
