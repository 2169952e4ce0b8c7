package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/clock"

	"kaji.dev/kaji/client"
	"kaji.dev/kaji/client/events"
	agentv1 "kaji.dev/kaji/gen/kaji/agent/v1"
	coordinationv1 "kaji.dev/kaji/gen/kaji/coordination/v1"
	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	nodev1 "kaji.dev/kaji/gen/kaji/node/v1"
	"kaji.dev/kaji/grpcserver"
	"kaji.dev/kaji/identity"
	"kaji.dev/kaji/node/cri"
	"kaji.dev/kaji/node/env"
	"kaji.dev/kaji/node/images"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/pods"
	"kaji.dev/kaji/node/pods/plan"
	"kaji.dev/kaji/node/probes"
	"kaji.dev/kaji/node/relist"
	"kaji.dev/kaji/node/self"
	"kaji.dev/kaji/node/server"
	"kaji.dev/kaji/node/status"
	"kaji.dev/kaji/node/volumes"
)

// Run runs the agent until ctx ends. Then it ends, and the pods go on running.
func Run(ctx context.Context, cfg Config, log hclog.Logger) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	certs, err := identity.NewReloader(cfg.Files)
	if err != nil {
		return err
	}
	api, err := client.Dial(client.Config{Endpoints: cfg.Endpoints, TLS: certs.Client(""), UserAgent: "kaji-node/" + cfg.Version})
	if err != nil {
		return err
	}
	defer api.Close()
	a := &agent{cfg: cfg, api: api, tls: certs.Server(), log: log, renew: &renewer{files: cfg.Files, node: cfg.Name, api: api, log: log.Named("certificate")}}
	return a.run(ctx)
}

// agent is the parts of a running agent.
type agent struct {
	cfg   Config
	api   *client.Client
	tls   *tls.Config
	log   hclog.Logger
	renew *renewer

	runtime Runtime
	lister  *relist.Lister
	pods    *pods.Manager
	probes  *probes.Manager
	volumes *volumes.Manager
	writer  *status.Writer
	keeper  *self.Keeper

	podInformer   *client.Informer[*corev1.Pod]
	classInformer *client.Informer[*nodev1.RuntimeClass]
}

// Runtime is the container runtime, as all parts together need it.
type Runtime interface {
	pods.Runtime
	relist.Runtime
	images.Store
	self.Runtime
	server.Runtime
	probes.ExecSync
	ReopenLog(ctx context.Context, id string) error
}

func (a *agent) run(ctx context.Context) error {
	if err := os.MkdirAll(a.cfg.Root, 0o750); err != nil {
		return err
	}
	if a.runtime == nil {
		rt, err := cri.Dial(a.cfg.RuntimeEndpoint, a.cfg.Name)
		if err != nil {
			return err
		}
		defer rt.Close()
		a.runtime = rt
	}
	srv, err := grpcserver.New(grpcserver.Config{Address: a.cfg.Address, TLS: a.tls, MetricsAddress: a.cfg.MetricsAddress,
		Unary: interceptors.unary, Stream: interceptors.stream}, a.log.Named("server"))
	if err != nil {
		return err
	}
	// Everything ends with the first part that ends, in the reverse of the
	// order in which it began.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()

	recorder := events.New(a.api, "kaji-node", a.cfg.Name, a.log.Named("events"))
	parts.Go(func() { _ = recorder.Run(ctx) })
	a.podInformer = client.NewInformer(client.Of[*corev1.Pod](a.api), client.InformerOptions{
		FieldSelector: "spec.nodeName=" + a.cfg.Name, Log: a.log.Named("informer"),
	})
	a.podInformer.AddIndex("uid", func(p *corev1.Pod) []string { return []string{p.GetMetadata().GetUid()} })
	a.writer = status.New(client.Of[*corev1.Pod](a.api), plan.Own, a.known, a.log.Named("status"))
	parts.Go(func() { a.writer.Run(ctx, statusWriters) })
	a.keeper = self.New(a.self(srv.Addr()), client.Of[*corev1.Node](a.api), client.Of[*coordinationv1.Lease](a.api), a.runtime, clock.RealClock{}, a.log.Named("self"))
	parts.Go(func() { a.keeper.Run(ctx) })
	if a.renew != nil {
		parts.Go(func() { a.renew.run(ctx) })
	}

	sight, err := a.awaitRuntime(ctx)
	if err == nil {
		err = a.build(sight, recorder, newMetrics(srv.Metrics(), a.cfg.Name))
	}
	if err != nil {
		err = ctxOr(ctx, err)
		cancel()
		return errors.Join(err, srv.Serve(ctx)) // which gives the address back
	}
	defer a.probes.Close()
	defer a.pods.Close()
	srv.Metrics().MustRegister(newPodCount(a.cfg.Name, a.pods.Pods))
	parts.Go(func() { a.lister.Run(ctx) })
	parts.Go(func() { a.relayProbes() })
	parts.Go(func() { _ = a.classInformer.Run(ctx) })
	parts.Go(func() { _ = a.podInformer.Run(ctx) })
	parts.Go(func() { a.tidy(ctx) })
	parts.Go(func() { a.rotateLogs(ctx) })

	agentv1.RegisterAgentServiceServer(srv.Registrar(), server.New(ctx, a.pods, a.runtime, a.logPath))
	a.log.Info("node agent runs", "node", a.cfg.Name, "address", srv.Addr().String(), "runtime", sight.Version.String())
	err = srv.Serve(ctx)
	cancel()
	return err
}

// statusWriters is how many pods' statuses are written at a time.
const statusWriters = 4

func ctxOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// awaitRuntime waits until the runtime answers, and learns what it has of this
// node's pods.
func (a *agent) awaitRuntime(ctx context.Context) (self.Sight, error) {
	a.lister = relist.New(a.runtime, clock.RealClock{}, a.log.Named("relist"), func(p observed.Pod, began time.Time) { a.pods.Seen(p, began) })
	for wait, told := 100*time.Millisecond, false; ; wait = min(2*wait, 2*time.Second) {
		sight, err := a.keeper.Look(ctx)
		if err != nil {
			return sight, err
		}
		if err = sight.Err; err == nil {
			if err = a.lister.Once(ctx); err == nil {
				return sight, nil
			}
		}
		if !told {
			a.log.Warn("the container runtime does not answer yet", "endpoint", a.cfg.RuntimeEndpoint, "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
			return sight, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// build makes the parts that need to know the runtime.
func (a *agent) build(sight self.Sight, recorder *events.Recorder, m *metrics) (err error) {
	secrets, configMaps := client.Of[*corev1.Secret](a.api), client.Of[*corev1.ConfigMap](a.api)
	a.volumes, err = volumes.New(volumes.Config{Root: a.cfg.Root, ConfigMaps: configMaps, Secrets: secrets}, a.log.Named("volumes"))
	if err != nil {
		return err
	}
	a.probes, err = probes.New(probes.Config{
		Exec: a.runtime, UserAgent: "kaji-probe/" + a.cfg.Version,
		Failed: func(r probes.Result) { a.pods.ProbeFailed(r) }, // there before any probe is
	}, a.log.Named("probes"))
	if err != nil {
		return err
	}
	containers, err := a.containers(sight)
	if err != nil {
		return err
	}
	a.classInformer = client.NewInformer(client.Of[*nodev1.RuntimeClass](a.api), client.InformerOptions{Log: a.log.Named("informer")})
	self := a.self(nil)
	a.pods = pods.NewManager(pods.Config{
		Containers: containers, Runtime: a.runtime, Volumes: a.volumes, Probes: a.probes, Lister: a.lister, Sink: a.writer,
		Images:  images.New(a.runtime, secrets, a.cfg.ParallelPulls, time.Now),
		Env:     env.Getters{ConfigMaps: configMaps, Secrets: secrets, Files: a.volumes},
		Events:  podEvents{recorder},
		Classes: classes{a.classInformer},
		Observe: m.observe,
		Node:    plan.Node{HostIPs: a.cfg.Addresses, Runtime: sight.Version.Name},
		Info:    volumes.PodInfo{NodeName: a.cfg.Name, HostIPs: a.cfg.Addresses, Allocatable: self.Allocatable(sight.Facts)},

		HostsFile: "/etc/hosts", Parallel: a.cfg.ParallelStarts, Refresh: a.cfg.RefreshVolumes, Log: a.log.Named("pods"),
	})
	a.podInformer.AddHandler(client.Handler[*corev1.Pod]{
		OnAdd:    a.pods.Set,
		OnUpdate: func(_, pod *corev1.Pod) { a.pods.Set(pod) },
		OnDelete: func(pod *corev1.Pod) {
			a.pods.Gone(pod.GetMetadata().GetUid())
			a.writer.Forget(pod.GetMetadata().GetUid())
		},
	})
	return nil
}

func (a *agent) relayProbes() {
	for r := range a.probes.Results() {
		a.pods.Probed(r)
	}
}

// self says who the node is; where it serves is known once it listens.
func (a *agent) self(at net.Addr) self.Config {
	c := self.Config{Name: a.cfg.Name, Labels: a.cfg.Labels, Taints: a.cfg.Taints, Addresses: a.cfg.Addresses, Version: a.cfg.Version,
		MaxPods: a.cfg.MaxPods, Reserved: a.cfg.Reserved, Root: a.cfg.Root, MinMemory: a.cfg.MinMemory, MinDisk: a.cfg.MinDisk}
	if tcp, ok := at.(*net.TCPAddr); ok {
		c.Port = int32(tcp.Port)
	}
	return c
}

// known tells whether the API has a pod, as far as the agent has heard.
func (a *agent) known(podUID string) bool { return len(a.podInformer.ByIndex("uid", podUID)) > 0 }

// tidyEvery is how often what belongs to no pod is looked for.
const tidyEvery = time.Minute

// tidy ends what the runtime and the disk have of pods that the API has no longer.
// Before the first complete list from the API nothing is known of that.
func (a *agent) tidy(ctx context.Context) {
	if a.podInformer.WaitSynced(ctx) != nil {
		return
	}
	for !a.pods.Listed(a.podInformer.List("", labels.Everything())) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond): // the cache tells of them one by one
		}
	}
	for {
		a.pods.Orphans(a.lister.All(), a.known)
		if onDisk, err := a.volumes.PodUIDs(); err == nil {
			a.pods.Sweep(ctx, onDisk, a.known)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(tidyEvery):
		}
	}
}

// classes finds runtime handlers among the API's classes.
type classes struct {
	informer *client.Informer[*nodev1.RuntimeClass]
}

// Handler implements pods.RuntimeClasses.
func (c classes) Handler(name string) (string, error) {
	if !c.informer.HasSynced() {
		return "", errors.New("the runtime classes are not known yet")
	}
	for _, rc := range c.informer.List("", labels.Everything()) {
		if rc.GetMetadata().GetName() == name {
			return rc.GetHandler(), nil
		}
	}
	return "", fmt.Errorf("RuntimeClass %q not found", name)
}

// podEvents records events about pods and their containers.
type podEvents struct{ recorder *events.Recorder }

// Event implements pods.Events.
func (e podEvents) Event(pod *corev1.Pod, container string, warning bool, reason, message string) {
	about := events.Reference(pod)
	if container != "" {
		field := "containers"
		for _, c := range pod.GetSpec().GetInitContainers() {
			if c.GetName() == container {
				field = "initContainers"
			}
		}
		about.FieldPath = "spec." + field + "{" + container + "}"
	}
	kind := "Normal"
	if warning {
		kind = "Warning"
	}
	e.recorder.EventFor(about, kind, reason, message)
}

func (a *agent) logRoot() string { return filepath.Join(a.cfg.Root, "logs", "pods") }
