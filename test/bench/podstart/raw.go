package main

import (
	"context"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// rawCRI makes the calls themselves, with no agent around them.
type rawCRI struct {
	conn    *grpc.ClientConn
	runtime runtimeapi.RuntimeServiceClient
	images  runtimeapi.ImageServiceClient
	image   string
	logs    string
}

// inspector is the runtime as ranAfter asks it.
var inspector runtimeapi.RuntimeServiceClient

func dialRaw(endpoint, image, logs string) (*rawCRI, error) {
	conn, err := grpc.NewClient(endpoint, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	r := &rawCRI{conn: conn, runtime: runtimeapi.NewRuntimeServiceClient(conn), images: runtimeapi.NewImageServiceClient(conn), image: image, logs: logs}
	inspector = r.runtime
	return r, nil
}

func (r *rawCRI) close() { r.conn.Close() }

func (r *rawCRI) pull(ctx context.Context) error {
	_, err := r.images.PullImage(ctx, &runtimeapi.PullImageRequest{Image: &runtimeapi.ImageSpec{Image: r.image}})
	return err
}

// start times the three calls; what it started is removed outside of the time.
func (r *rawCRI) start(ctx context.Context, name string) (time.Duration, error) {
	dir := logPath(r.logs, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	box := &runtimeapi.PodSandboxConfig{
		Metadata:     &runtimeapi.PodSandboxMetadata{Name: name, Namespace: "raw", Uid: name},
		Hostname:     name,
		LogDirectory: dir,
		Linux:        &runtimeapi.LinuxPodSandboxConfig{SecurityContext: &runtimeapi.LinuxSandboxSecurityContext{NamespaceOptions: &runtimeapi.NamespaceOption{}}},
	}
	begin := time.Now()
	sandbox, err := r.runtime.RunPodSandbox(ctx, &runtimeapi.RunPodSandboxRequest{Config: box})
	if err != nil {
		return 0, err
	}
	id := sandbox.GetPodSandboxId()
	ctr, err := r.runtime.CreateContainer(ctx, &runtimeapi.CreateContainerRequest{
		PodSandboxId: id, SandboxConfig: box,
		Config: &runtimeapi.ContainerConfig{
			Metadata: &runtimeapi.ContainerMetadata{Name: "web"}, Image: &runtimeapi.ImageSpec{Image: r.image}, LogPath: "web.log",
			Linux: &runtimeapi.LinuxContainerConfig{SecurityContext: &runtimeapi.LinuxContainerSecurityContext{NamespaceOptions: &runtimeapi.NamespaceOption{Pid: runtimeapi.NamespaceMode_CONTAINER}}},
		},
	})
	if err != nil {
		return 0, err
	}
	if _, err := r.runtime.StartContainer(ctx, &runtimeapi.StartContainerRequest{ContainerId: ctr.GetContainerId()}); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	if _, err := r.runtime.StopPodSandbox(ctx, &runtimeapi.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
		return 0, err
	}
	_, err = r.runtime.RemovePodSandbox(ctx, &runtimeapi.RemovePodSandboxRequest{PodSandboxId: id})
	return took, err
}

// ranAfter asks the runtime when a container began to run. All clocks are this machine's.
func ranAfter(ctx context.Context, containerID string, acked time.Time) (time.Duration, error) {
	_, id, ok := strings.Cut(containerID, "://")
	if !ok {
		return 0, errNoContainer
	}
	s, err := inspector.ContainerStatus(ctx, &runtimeapi.ContainerStatusRequest{ContainerId: id})
	if err != nil {
		return 0, err
	}
	return time.Unix(0, s.GetStatus().GetStartedAt()).Sub(acked), nil
}

// gone waits until the runtime has nothing left of a pod, so that its end takes no time from the next start.
func gone(ctx context.Context, uid string) error {
	for {
		r, err := inspector.ListPodSandbox(ctx, &runtimeapi.ListPodSandboxRequest{
			Filter: &runtimeapi.PodSandboxFilter{LabelSelector: map[string]string{"io.kubernetes.pod.uid": uid}},
		})
		if err != nil || len(r.GetItems()) == 0 {
			return err
		}
		pause := time.NewTimer(10 * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		case <-pause.C:
		}
	}
}
