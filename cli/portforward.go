package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"kaji.dev/kaji/apierror"
	"kaji.dev/kaji/client"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
)

func newPortForward(s *session) *cobra.Command {
	f := &portForward{s: s}
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "port-forward (POD | KIND/NAME) [LOCAL:]REMOTE…",
		Short: "Forward ports of this machine to a pod",
		Long: `Forward TCP ports of this machine to a pod, also to programs that listen at its localhost only, until the pod goes away or
you interrupt it. Of a workload or a Service one pod is taken; of a Service the ports are its own, by number or
name, and lead to their target ports. LOCAL is the same as REMOTE when not given, and any free port when empty or 0.
A connection that fails does not end the others.`,
		Example: `  kaji port-forward web-1 8080:80
  kaji port-forward deployment/web 8080 9090:metrics
  kaji port-forward service/web :http --address=localhost,192.0.2.7`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(c, "to which pod, and which ports?")
			}
			return nil
		},
		ValidArgsFunction: s.completePods,
		RunE: func(c *cobra.Command, args []string) error {
			conn, err := s.connect()
			if err != nil {
				return err
			}
			f.conn = conn
			pods, err := podsFor(c.Context(), s, c, conn, args[0])
			if err != nil {
				return err
			}
			if f.pod, err = awaitRunning(c.Context(), s, conn, pods[0], timeout, false); err != nil {
				return err
			}
			if podEnded(f.pod) {
				return endedError(f.pod, "forward to")
			}
			service, err := serviceOf(c.Context(), s, conn, args[0])
			if err != nil {
				return err
			}
			for _, text := range args[1:] {
				p, err := parseForward(c, text, f.pod, service)
				if err != nil {
					return err
				}
				f.ports = append(f.ports, p)
			}
			return f.run(c.Context())
		},
	}
	c.Flags().StringSliceVar(&f.addresses, "address", []string{"localhost"}, "addresses to listen at: localhost or IP addresses")
	c.Flags().DurationVar(&timeout, "pod-running-timeout", time.Minute, "how long to wait until the pod runs")
	return c
}

// serviceOf is the service that an argument means, or nil when it means something else.
func serviceOf(ctx context.Context, s *session, conn *client.Client, arg string) (*corev1.Service, error) {
	word, name, ok := strings.Cut(arg, "/")
	if !ok {
		return nil, nil
	}
	k, err := lookup(word)
	if err != nil {
		return nil, err
	}
	o, err := get(ctx, conn, target{kind: k, namespace: s.namespace(), name: name})
	if err != nil {
		return nil, err
	}
	service, _ := o.(*corev1.Service)
	return service, nil
}

// maxConnections is how many connections are forwarded at once; more wait to be accepted. The API server by default leaves one
// caller 200 streams.
const maxConnections = 128

// portForward listens on this machine and carries each connection to the pod.
type portForward struct {
	s         *session
	conn      *client.Client
	pod       *corev1.Pod
	ports     []forwardedPort
	addresses []string
}

// run forwards until ctx ends or the pod is gone.
func (f *portForward) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	listeners, err := f.listen()
	for _, l := range listeners {
		defer l.Close()
	}
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	room := make(chan struct{}, maxConnections)
	for _, l := range listeners {
		all.Go(func() {
			if err := f.accept(ctx, l, room, &all); err != nil {
				cancel(err)
			}
		})
	}
	all.Go(func() {
		if err := f.watch(ctx); err != nil {
			cancel(err)
		}
	})
	<-ctx.Done()
	for _, l := range listeners {
		l.Close()
	}
	all.Wait()
	return context.Cause(ctx)
}

// listener is a port of this machine that leads to one of the pod.
type listener struct {
	net.Listener
	local, remote uint16
}

// listen opens every port at every address, and says so. What is open already comes with an error.
func (f *portForward) listen() ([]listener, error) {
	var out []listener
	for _, p := range f.ports {
		for _, address := range f.addresses {
			opened, err := listenAt(address, p)
			out = append(out, opened...)
			if err != nil {
				return out, &advice{err: fmt.Errorf("cannot listen on port %d: %w", p.local, err), next: fmt.Sprintf("`:%d` takes any free port", p.remote)}
			}
			p.local = opened[0].local // which the other addresses share
		}
	}
	for _, l := range out {
		fmt.Fprintf(f.s.Out, "Forwarding from %s -> %d\n", l.Addr(), l.remote)
	}
	return out, nil
}

func listenAt(address string, p forwardedPort) ([]listener, error) {
	hosts := []string{address}
	if address == "localhost" {
		hosts = []string{"127.0.0.1", "::1"}
	} else if net.ParseIP(address) == nil {
		return nil, fmt.Errorf("%q is no IP address", address)
	}
	var out []listener
	var errs []error
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(int(p.local))))
		if errors.Is(err, syscall.EADDRINUSE) {
			return out, err
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.local = uint16(l.Addr().(*net.TCPAddr).Port)
		out = append(out, listener{l, p.local, p.remote})
	}
	// A machine may have one family of localhost only.
	if len(out) > 0 {
		return out, nil
	}
	return nil, errors.Join(errs...)
}

// accept takes the connections of one port.
func (f *portForward) accept(ctx context.Context, l listener, room chan struct{}, all *sync.WaitGroup) error {
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("port %d: %w", l.local, err)
		}
		fmt.Fprintf(f.s.Out, "Handling connection for %d\n", l.local)
		all.Go(func() {
			defer func() { <-room }()
			if err := f.carry(ctx, conn, l.remote); err != nil && ctx.Err() == nil {
				fmt.Fprintf(f.s.Err, "Connection for %d failed: %v\n", l.local, err)
			}
		})
	}
}

// watch ends with an error when the pod ends or goes. Not to hear of it for a while is none.
func (f *portForward) watch(ctx context.Context) error {
	name := f.pod.GetMetadata().GetName()
	for failures := 0; ; failures++ {
		pod, err := awaitPod(ctx, f.conn, f.pod, func(p *corev1.Pod) (bool, error) {
			failures = 0
			return podEnded(p), nil
		})
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errPodGone):
			return &advice{err: fmt.Errorf("pod %s was deleted: forwarding ends", name), next: "start again to forward to another pod"}
		case err == nil:
			return fmt.Errorf("pod %s has ended (%s): forwarding ends", name, pod.GetStatus().GetPhase())
		case apierror.IsForbidden(err):
			return nil // who may forward need not be allowed to watch
		}
		if pause(ctx, failures) != nil {
			return nil
		}
	}
}
