package node

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"

	corev1 "kaji.dev/kaji/gen/kaji/core/v1"
	"kaji.dev/kaji/node/containerconfig"
	"kaji.dev/kaji/node/logs"
	"kaji.dev/kaji/node/observed"
	"kaji.dev/kaji/node/self"
	"kaji.dev/kaji/node/server"
)

// interceptors guard the agent's port.
var interceptors = struct {
	unary  []grpc.UnaryServerInterceptor
	stream []grpc.StreamServerInterceptor
}{
	unary:  []grpc.UnaryServerInterceptor{server.Unary},
	stream: []grpc.StreamServerInterceptor{server.Stream},
}

// containers is what the machine means for sandboxes and containers.
func (a *agent) containers(sight self.Sight) (*containerconfig.Config, error) {
	c := &containerconfig.Config{
		NodeName: a.cfg.Name, LogRoot: a.logRoot(), ClusterDNS: a.cfg.ClusterDNS, ClusterDomain: a.cfg.ClusterDomain,
		MemoryCapacity: sight.Facts.MemoryBytes,
		SeccompRoot:    filepath.Join(a.cfg.Root, "seccomp"),

		SupplementalGroupsPolicy: sight.Health.SupplementalGroupsPolicy,
	}
	if b, err := os.ReadFile("/etc/resolv.conf"); err == nil {
		c.HostResolver = containerconfig.ParseResolvConf(string(b))
	}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		c.CgroupV2 = true
	}
	if b, err := os.ReadFile("/proc/self/oom_score_adj"); err == nil {
		c.MinOOMScoreAdj, _ = strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
	}
	if b, err := os.ReadFile("/sys/module/apparmor/parameters/enabled"); err == nil {
		c.AppArmor = strings.HasPrefix(string(b), "Y")
	}
	for _, h := range sight.Health.Handlers {
		if h.Name == "" {
			c.RecursiveReadOnly = h.RecursiveReadOnlyMounts
		}
	}
	for name := range sight.Facts.HugePages {
		size := strings.TrimPrefix(name, "hugepages-")
		c.HugepageSizes = append(c.HugepageSizes, strings.TrimSuffix(size, "i")+"B")
	}
	return c, c.Validate()
}

// logPath is where a container logs to.
func (a *agent) logPath(pod *corev1.Pod, c observed.Container) string {
	m := pod.GetMetadata()
	return a.logFile(m.GetNamespace(), m.GetName(), m.GetUid(), c)
}

func (a *agent) logFile(namespace, name, uid string, c observed.Container) string {
	return filepath.Join(a.logRoot(), namespace+"_"+name+"_"+uid, containerconfig.LogPath(c.Name, c.Attempt))
}

// rotateEvery is how often logs are looked at.
const rotateEvery = 10 * time.Second

// rotateLogs keeps the logs of running containers within bounds.
func (a *agent) rotateLogs(ctx context.Context) {
	r := logs.Rotator{MaxBytes: a.cfg.LogMaxBytes, MaxFiles: a.cfg.LogMaxFiles, Now: time.Now}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(rotateEvery):
		}
		a.rotateOnce(ctx, r)
	}
}

func (a *agent) rotateOnce(ctx context.Context, r logs.Rotator) {
	for uid, p := range a.lister.All() {
		for _, c := range p.Containers {
			if c.State != observed.Running {
				continue
			}
			path := a.logFile(p.Namespace, p.Name, uid, c)
			if err := r.Rotate(ctx, path, func(ctx context.Context) error { return a.runtime.ReopenLog(ctx, c.ID) }); err != nil && ctx.Err() == nil {
				a.log.Warn("cannot rotate a log", "pod", uid, "container", c.Name, "error", err)
			}
		}
	}
}
