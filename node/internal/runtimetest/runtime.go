// Package runtimetest gives tests a container runtime of their own: a private
// containerd with its own directories, socket, network and a registry with a few
// small images, all of which are gone when the tests end.
//
// Use it from one TestMain per package; the tests may then run in parallel.
package runtimetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"kaji.dev/kaji/deploy/host"
	"kaji.dev/kaji/deploy/images"
	"kaji.dev/kaji/node/cri"
)

// Runtime is a private containerd.
type Runtime struct {
	// Socket is where it serves.
	Socket string
	// Dir is a directory that goes with it.
	Dir string
	// Image is an image with busybox in it, as a shell and the rest; Image2 has
	// the same content under another name. Registry is the host of both.
	Image, Image2, Registry string

	containerd host.Containerd
	process    *exec.Cmd
	ended      <-chan struct{} // closed when process has ended
	logFile    *os.File
	web        *http.Server
	network    *os.File // locked: see claim
}

// Available says why there can be no runtime on this machine; nil if there can.
func Available() error {
	if os.Getuid() != 0 {
		return errors.New("containers take root")
	}
	for _, b := range []string{"containerd", "runc", "busybox"} {
		if _, err := exec.LookPath(b); err != nil {
			return err
		}
	}
	_, err := host.CNIBinDir()
	return err
}

// Start starts a runtime with a network of its own: the number, or the next one
// that no other test on this machine has, goes into the name of its link and the addresses of its pods.
func Start(number uint8) (r *Runtime, err error) {
	dir, err := os.MkdirTemp("", "kaji-rt-")
	if err != nil {
		return nil, err
	}
	r = &Runtime{Dir: dir}
	if number, err = r.claim(number); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	defer func() {
		if err != nil {
			r.Stop()
		}
	}()
	if err := r.serveImages(); err != nil {
		return r, err
	}
	r.containerd = host.Containerd{
		Dir: filepath.Join(dir, "c"), RunDir: filepath.Join(dir, "r"), SandboxImage: r.Registry + "/pause:1", Registry: r.Registry,
		CNI: host.Network{Bridge: fmt.Sprintf("kajit%d", number), Subnet: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 97, number, 0}), 24), DataDir: filepath.Join(dir, "ipam")},
	}
	r.Socket = r.containerd.Socket()
	if err := r.containerd.Write(); err != nil {
		return r, err
	}
	// Registries on loopback are spoken to without TLS unless configured.
	if err := os.RemoveAll(filepath.Join(r.containerd.Dir, "certs.d", r.Registry)); err != nil {
		return r, err
	}
	if r.logFile, err = os.Create(filepath.Join(dir, "containerd.log")); err != nil {
		return r, err
	}
	return r, r.Up()
}

// claim takes a number for the network, for as long as this process lives.
func (r *Runtime) claim(first uint8) (uint8, error) {
	for i := range 250 {
		n := uint8((int(first)+i-1)%250 + 1)
		f, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("kaji-test-network-%d.lock", n)), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return 0, err
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			r.network = f
			return n, nil
		}
		f.Close()
	}
	return 0, errors.New("no network is free")
}

// serveImages serves the images from a registry in this process.
func (r *Runtime) serveImages() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r.web = &http.Server{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0))), ReadHeaderTimeout: time.Minute}
	go r.web.Serve(l) //nolint:errcheck // ends with Stop
	r.Registry = l.Addr().String()
	pause, err := images.Pause()
	if err != nil {
		return err
	}
	box, err := busybox()
	if err != nil {
		return err
	}
	content, err := images.Build(box)
	if err != nil {
		return err
	}
	r.Image, r.Image2 = r.Registry+"/box:1", r.Registry+"/box:2"
	for ref, img := range map[string]v1.Image{r.Registry + "/pause:1": pause, r.Image: content, r.Image2: content} {
		tag, err := name.NewTag(ref)
		if err != nil {
			return err
		}
		if err := remote.Write(tag, img); err != nil {
			return err
		}
	}
	return nil
}

// busybox is an image with the machine's static busybox as its tools.
func busybox() (images.Spec, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return images.Spec{}, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return images.Spec{}, err
	}
	s := images.Spec{Files: map[string]images.File{"/bin/busybox": {Data: data, Mode: 0o755}, "/tmp/.keep": {Mode: 0o644}}, Entrypoint: []string{"/bin/sh"}}
	for _, tool := range strings.Fields("sh cat echo sleep ls grep wget httpd nc touch true false id env printf stty kill ps mkdir rm hostname test seq") {
		s.Files["/bin/"+tool] = images.File{Link: "busybox"}
	}
	return s, nil
}

// start starts a process from a thread that lives as long as the process does. Pdeathsig strikes when the thread that
// started the process ends, and Go ends threads, not only with the program: a test that enters a namespace is enough.
func start(p *exec.Cmd) (ended <-chan struct{}, err error) {
	started, over := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(over)
		err := p.Start()
		started <- err
		if err == nil {
			_ = p.Wait()
		}
	}()
	return over, <-started
}

// Up starts containerd and waits until it serves.
func (r *Runtime) Up() error {
	path, args := r.containerd.Command()
	r.process = exec.Command(path, args...)
	r.process.Stdout, r.process.Stderr = r.logFile, r.logFile
	r.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if r.ended, err = start(r.process); err != nil {
		return err
	}
	c, err := r.Client("")
	if err != nil {
		return err
	}
	defer c.Close()
	deadline := time.Now().Add(time.Minute)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		h, err := c.Health(ctx)
		cancel()
		if err == nil && h.Runtime.OK && h.Network.OK {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("containerd does not come up: %v %+v", err, h)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Kill ends containerd at once, as kill -9 does; its containers go on.
func (r *Runtime) Kill() {
	if r.process != nil {
		_ = r.process.Process.Kill()
		<-r.ended
		r.process = nil
	}
}

// Client connects to it, for a node ("" for all).
func (r *Runtime) Client(node string) (*cri.Client, error) { return cri.Dial(r.Socket, node) }

// Stop removes all pods, ends containerd and removes what it leaves behind.
func (r *Runtime) Stop() {
	if r.process != nil {
		r.removePods()
		_ = r.process.Process.Signal(syscall.SIGTERM)
		<-r.ended
	}
	if r.web != nil {
		_ = r.web.Close()
	}
	if r.logFile != nil {
		_ = r.logFile.Close()
	}
	_ = r.containerd.CNI.Remove()
	r.unmount()
	_ = os.RemoveAll(r.Dir)
	if r.network != nil {
		_ = r.network.Close()
	}
}

func (r *Runtime) removePods() {
	c, err := r.Client("")
	if err != nil {
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	boxes, err := c.Sandboxes(ctx, "")
	if err != nil {
		return
	}
	for _, b := range boxes {
		_ = c.StopSandbox(ctx, b.ID)
		_ = c.RemoveSandbox(ctx, b.ID)
	}
}

// unmount takes away mounts below the directory that a test that failed left.
func (r *Runtime) unmount() {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return
	}
	lines := strings.Split(string(b), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		f := strings.Fields(lines[i])
		if len(f) > 1 && strings.HasPrefix(f[1], r.Dir+"/") {
			_ = syscall.Unmount(f[1], syscall.MNT_DETACH)
		}
	}
}

// Log is what containerd has said.
func (r *Runtime) Log() string {
	b, err := os.ReadFile(filepath.Join(r.Dir, "containerd.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}
