package node

import (
	"context"
	"maps"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"kaji.dev/kaji/client"
	apiv1 "kaji.dev/kaji/gen/kaji/api/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	metav1 "kaji.dev/kaji/gen/kaji/meta/v1"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/node/logs"
	"kaji.dev/kaji/node/pods"
)

func TestForeignStatusIsCorrected(t *testing.T) {
	w := newWorld(t, "foreign")
	w.start()
	w.create(pod("web", sleeper))
	w.await("web", "running", isRunning)
	api := client.Of[*corev1.Pod](w.api)
	for {
		p, err := api.Get(context.Background(), "default", "web")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.GetStatus().GetConditions() {
			if c.GetType() == "Ready" {
				c.Status, c.Reason = "False", "NodeNotReady"
			}
		}
		if _, err := api.UpdateStatus(context.Background(), p); err == nil {
			break
		}
	}
	w.await("web", "running again", isRunning)
}

func TestVolumesFollowTheirSource(t *testing.T) {
	w := newWorld(t, "follow")
	w.configure = func(c *Config) { c.RefreshVolumes = 100 * time.Millisecond }
	w.start()
	configs := client.Of[*corev1.ConfigMap](w.api)
	cm, err := configs.Create(context.Background(), &corev1.ConfigMap{Metadata: &metav1.ObjectMeta{Name: "words", Namespace: "default"}, Data: map[string]string{"word": "old"}})
	if err != nil {
		t.Fatal(err)
	}
	w.create(pod("web", "grep old /words/word; touch /tmp/seen; until grep new /words/word; do sleep 0.1; done", func(p *corev1.Pod) {
		p.Spec.RestartPolicy = "Never"
		p.Spec.Volumes = []*corev1.Volume{{Name: "words", VolumeSource: &corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: &corev1.LocalObjectReference{Name: "words"}}}}}
		p.Spec.Containers[0].VolumeMounts = []*corev1.VolumeMount{{Name: "words", MountPath: "/words"}}
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 3, SuccessThreshold: 1,
			Handler: &corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"cat", "/tmp/seen"}}}}
	}))
	w.await("web", "running", isRunning)
	cm.Data["word"] = "new"
	if _, err := configs.Update(context.Background(), cm); err != nil {
		t.Fatal(err)
	}
	w.await("web", "done", func(p *corev1.Pod) bool { return p.GetStatus().GetPhase() == "Succeeded" })
	if out := w.logs(t, &corev1.PodLogsRequest{Namespace: "default", Name: "web"}); out != "old\nnew\n" {
		t.Errorf("%q", out)
	}
	w.delete("web", 0)
}

func TestLogsAreRotated(t *testing.T) {
	w := newWorld(t, "rotate")
	w.start()
	w.create(pod("web", "echo first; trap 'echo second' USR1; touch /tmp/said; "+sleeper, func(p *corev1.Pod) {
		p.Spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, TimeoutSeconds: 1, FailureThreshold: 3, SuccessThreshold: 1,
			Handler: &corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"cat", "/tmp/said"}}}}
	}))
	w.await("web", "running", isRunning)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	stream, err := w.call(identity.APIServer).Logs(ctx, &corev1.PodLogsRequest{Namespace: "default", Name: "web", Options: &corev1.PodLogOptions{Follow: true}})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	expect := func(want string) {
		t.Helper()
		for !strings.HasSuffix(got, want) {
			m, err := stream.Recv()
			if err != nil {
				t.Fatalf("%q: %v", got, err)
			}
			got += string(m.GetData())
		}
	}
	expect("first\n")
	if err := w.agent.lister.Once(ctx); err != nil {
		t.Fatal(err)
	}
	w.agent.rotateOnce(ctx, logs.Rotator{MaxBytes: 1, MaxFiles: 3, Now: time.Now})
	if _, _, code, err := w.exec(&corev1.PodExecOptions{Stdout: true, Command: []string{"kill", "-USR1", "1"}}, nil); err != nil || code != 0 {
		t.Fatal(code, err)
	}
	expect("second\n")
	if got != "first\nsecond\n" {
		t.Errorf("%q", got)
	}
	if out := w.logs(t, &corev1.PodLogsRequest{Namespace: "default", Name: "web"}); out != "second\n" {
		t.Errorf("the new part is %q", out)
	}
	w.delete("web", 5)
	w.await("web", "gone", isGone)
	w.nothingLeft()
}

// signer renews certificates as the API server does.
type signer struct {
	apiv1.UnimplementedJoinServiceServer
	ca *identity.CA
}

func (s signer) Renew(_ context.Context, r *apiv1.RenewRequest) (*apiv1.RenewResponse, error) {
	cert, err := s.ca.SignCSR(r.GetCsr(), identity.Request{Name: identity.NodeName("n"), Groups: []string{identity.GroupNodes}, Hosts: []string{"127.0.0.1"}})
	return &apiv1.RenewResponse{CertificatePem: cert}, err
}

func TestCertificateIsRenewed(t *testing.T) {
	ca, err := identity.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	l := bufconn.Listen(1 << 16)
	srv := grpc.NewServer()
	apiv1.RegisterJoinServiceServer(srv, signer{ca: ca})
	go srv.Serve(l)
	defer srv.Stop()
	conn, err := grpc.NewClient("passthrough:///x", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	files := identity.FilesIn(t.TempDir(), "node")
	if err := files.Ensure(ca, identity.Request{Name: identity.NodeName("n"), Groups: []string{identity.GroupNodes}, Hosts: []string{"127.0.0.1"}}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(files.Cert)
	if err != nil {
		t.Fatal(err)
	}
	r := &renewer{files: files, node: "n", api: client.New(conn), log: hclog.NewNullLogger()}
	if err := r.renew(context.Background()); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(files.Cert)
	if err != nil || string(after) == string(before) {
		t.Fatalf("the certificate is the old one: %v", err)
	}
	if _, err := identity.ServerTLS(files); err != nil {
		t.Errorf("key and certificate do not fit: %v", err)
	}
	if at := files.RenewAfter(); time.Until(at) < 24*time.Hour {
		t.Errorf("it is to be renewed at %s", at)
	}
	// A certificate that cannot be used is replaced at once.
	if err := os.WriteFile(files.Cert, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	done := make(chan struct{})
	go func() { r.run(ctx); close(done) }()
	for files.RenewAfter().IsZero() && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	<-done
	if files.RenewAfter().IsZero() {
		t.Error("not replaced")
	}
}

func TestMetrics(t *testing.T) {
	r := prometheus.NewRegistry()
	m := newMetrics(r, "n")
	m.observe("StartContainer", time.Second, false)
	m.observe("StartContainer", time.Second, true)
	r.MustRegister(newPodCount("n", func() []pods.Info { return []pods.Info{{State: "Running"}, {State: "Running"}, {State: "Pending"}} }))
	got := map[string]float64{}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, v := range f.GetMetric() {
			name := f.GetName()
			for _, l := range v.GetLabel() {
				name += " " + l.GetValue()
			}
			got[name] = v.GetCounter().GetValue() + v.GetGauge().GetValue() + float64(v.GetHistogram().GetSampleCount())
		}
	}
	want := map[string]float64{"kaji_node_operation_failures_total n StartContainer": 1, "kaji_node_operation_seconds n StartContainer": 2,
		"kaji_node_pods n Running": 2, "kaji_node_pods n Pending": 1}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
